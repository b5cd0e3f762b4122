// Sends with mailgun.js as an application would, and prints what it got as one JSON document.
// Arguments: base address, key, domain.
const Mailgun = require('mailgun.js').default || require('mailgun.js');
const FormData = require('form-data');

async function main(url, key, domain) {
	const mg = new Mailgun(FormData).client({ username: 'api', key, url });
	const out = { sent: [], pages: 0, events: [] };
	const from = 'Åsa Öberg <rektor@school.example>';
	out.sent.push(await mg.messages.create(domain, {
		from, to: ['Pär Ström <par@example.net>', 'bo@example.net'], subject: 'Läsårets start – åäö', text: 'Hej då', html: '<p>Hej då</p>',
		'h:X-Termin': 'Höst', 'v:elev': '17', 'o:tag': ['start', 'js'], 'o:testmode': 'yes',
		attachment: [{ filename: 'Läsårsplan åäö.pdf', data: Buffer.from('%PDF-1.4 å') }],
	}));
	out.sent.push(await mg.messages.create(domain, {
		from, to: ['anna@example.net', 'cia@example.net'], subject: 'Hej %recipient.namn%', text: 'Till %recipient.namn%',
		'recipient-variables': JSON.stringify({ 'anna@example.net': { namn: 'Åsa' }, 'cia@example.net': { namn: 'Cia' } }),
	}));
	out.sent.push(await mg.messages.create(domain, { to: ['dag@example.net'], message: 'From: rektor@school.example\nSubject: mime\n\nrad\n' }));
	let page = await mg.events.get(domain, { limit: 2, ascending: 'yes' });
	while (page.items.length > 0) {
		if (++out.pages > 20) throw new Error('the pages do not end');
		out.events.push(...page.items.map((e) => `${e.event} ${e.recipient}`));
		page = await mg.events.get(domain, { page: page.pages.next.page });
	}
	try {
		await mg.messages.create(domain, { from, to: ['ingen'], text: 'x' });
	} catch (e) {
		out.refusal = { status: e.status, details: e.details };
	}
	try {
		await new Mailgun(FormData).client({ username: 'api', key: 'key-wrong', url }).messages.create(domain, { from, to: ['a@example.net'], text: 'x' });
	} catch (e) {
		out.wrongKey = e.status;
	}
	out.validated = await mg.validate.get('info@gmial.con');
	const lists = mg.validate.multipleValidation;
	out.list = { created: await lists.create('js', { file: { data: 'email\nanna@example.net\ninfo@gmial.con\n', filename: 'list.csv' } }) };
	for (let tries = 0; tries < 600 && (out.list.job || {}).status !== 'uploaded'; tries++) {
		await new Promise((done) => setTimeout(done, 50));
		out.list.job = await lists.get('js');
	}
	out.list.all = await lists.list();
	out.list.destroyed = await lists.destroy('js');
	out.suppressions = await suppressions(mg.suppressions, domain);
	console.log(JSON.stringify(out));
}

// suppressions adds, reads page by page, looks up and removes on all four lists.
async function suppressions(lists, domain) {
	const out = {};
	const given = {
		bounces: [{ address: 'a+1@example.net', code: 550, error: 'gone' }, { address: 'b@example.net' }, { address: 'c@example.net' }],
		unsubscribes: [{ address: 'a+1@example.net', tags: ['news'] }, { address: 'b@example.net' }, { address: 'c@example.net' }],
		complaints: [{ address: 'a+1@example.net' }, { address: 'b@example.net' }, { address: 'c@example.net' }],
		whitelists: { domain: 'example.net', reason: 'ours' },
	};
	for (const kind of Object.keys(given)) {
		const o = { items: [] };
		o.created = await lists.create(domain, kind, given[kind]);
		let page = await lists.list(domain, kind, { limit: 2 });
		for (let pages = 0; page.items.length > 0; pages++) {
			if (pages > 20) throw new Error('the pages do not end');
			o.items.push(...page.items.map((i) => i.address || i.value));
			page = await lists.list(domain, kind, { page: page.pages.next.page, limit: 2 });
		}
		const one = kind === 'whitelists' ? 'example.net' : 'a+1@example.net';
		const found = await lists.get(domain, kind, one);
		o.found = { tags: found.tags, code: found.code, count: found.count, reason: found.reason, year: found.created_at && new Date(found.created_at).getFullYear() };
		o.destroyed = (await lists.destroy(domain, kind, one)).status;
		o.gone = await lists.get(domain, kind, one).then(() => 200, (e) => e.status);
		out[kind] = o;
	}
	return out;
}

main(...process.argv.slice(2)).catch((e) => {
	console.error(e);
	process.exit(1);
});
