package digest

import "github.com/budkavle/budkavle/internal/engine/bounce"

// words are the letter in one language.
type words struct {
	title                                                                           string // account, day
	sent, delivered, failed, stopped, complained, unsubscribed, answered, why, more string
	domain                                                                          string // domain, state, domain
	doComplaints, doListed, doContent, doDNS, doOperator, doMessage                 string
	states                                                                          map[string]string
	classes                                                                         map[bounce.Class]string
}

func swedish() *words {
	return &words{
		title: "E-posten från kontot %s den %s.",
		sent:  "togs emot för sändning", delivered: "levererades", failed: "kom inte fram", stopped: "sändes inte: mottagaren står på en spärrlista",
		complained: "mottagare anmälde breven som skräppost", unsubscribed: "mottagare avregistrerade sig", answered: "svar kom tillbaka",
		why: "Varför brev inte kom fram:", more: "… och %d till",
		domain: "Domänen %s %s. Vad som är fel, och vad som ska publiceras, visar:\n  budkavle domain show %s",
		doComplaints: "Mottagare har anmält brev som skräppost, och får inga fler. Skriv bara till dem som har bett om det, och gör det\n" +
			"lätt att sluta: de stora mottagarna stänger ute avsändare som mer än en av tusen anmäler.",
		doListed: "%d adresser får ingen mer e-post. Ta bort dem ur era egna register, eller rätta dem där:",
		doContent: "Brev avvisades för sitt innehåll. Granska texten och länkarna i det som sändes innan mer av samma slag sänds: mer\n" +
			"av det skadar domänens rykte.",
		doDNS:      "Mottagare godtog inte domänens SPF, DKIM eller DMARC, eller avsändaradressen. Pröva domänen:\n  budkavle domain check DOMÄN",
		doOperator: "Mottagare avvisade adressen som breven sändes från, eller en regel hos dem gjorde det. Tala med driften.",
		doMessage:  "Brev var för stora, eller bröt mot standarden. Rätta systemet som skapar dem; länka stora filer i stället.",
		states:     map[string]string{"degraded": "saknar DNS-poster som den hade, men sänder än", "stopped": "får inte sända: dess e-post skulle underkännas av DMARC"},
		classes: map[bounce.Class]string{
			bounce.UserUnknown: "brevlådan finns inte", bounce.Moved: "brevlådan finns på annat håll", bounce.Inactive: "brevlådan är avstängd eller används inte",
			bounce.MailboxFull: "brevlådan är full", bounce.DomainNotFound: "domänen finns inte", bounce.NoMail: "domänen tar inte emot e-post",
			bounce.Filtered: "mottagaren tar inte emot e-post från avsändaren", bounce.Policy: "en regel hos mottagaren förbjuder det",
			bounce.SenderRejected: "avsändarens adress eller domän avvisas", bounce.SpamContent: "brevet ser ut som skräppost",
			bounce.Malware: "brevet har ett virus, eller en fil som inte tas emot", bounce.Reputation: "den sändande adressen eller domänen är svartlistad eller har dåligt rykte",
			bounce.Authentication: "SPF, DKIM eller DMARC godtogs inte eller saknas", bounce.ReverseDNS: "den sändande adressen har inget namn i DNS, eller fel namn",
			bounce.RateLimited: "för mycket e-post på en gång", bounce.Greylisted: "avsändaren var ännu inte känd", bounce.TooLarge: "brevet är för stort",
			bounce.Content: "brevet bryter mot en standard", bounce.Relaying: "servern ansvarar inte för domänen", bounce.Security: "kryptering eller inloggning krävs",
			bounce.Network: "vägen dit är bruten", bounce.System: "den mottagande servern är ur funktion", bounce.Protocol: "den mottagande servern förstod inte",
			bounce.Expired: "inte levererat i tid, orsaken sägs inte", bounce.Unclassified: "okänt skäl",
		},
	}
}

func english() *words {
	return &words{
		title: "Mail of account %s on %s.",
		sent:  "were taken for sending", delivered: "were delivered", failed: "did not arrive", stopped: "were not sent: the recipient is on a suppression list",
		complained: "recipients called the mail spam", unsubscribed: "recipients unsubscribed", answered: "answers came back",
		why: "Why mail did not arrive:", more: "… and %d more",
		domain: "The domain %s %s. What is wrong, and what to publish, is shown by:\n  budkavle domain show %s",
		doComplaints: "Recipients called mail spam, and get no more of it. Write only to those who asked for it, and make it easy to\n" +
			"stop: large receivers shut out senders of whom more than one in a thousand complains.",
		doListed: "%d addresses get no more mail. Take them out of your own records, or correct them there:",
		doContent: "Mail was refused for its content. Look at the text and the links of what was sent before more of the kind is sent:\n" +
			"more of it harms the domain's name.",
		doDNS:      "Receivers did not accept the domain's SPF, DKIM or DMARC, or the sender address. Check the domain:\n  budkavle domain check DOMAIN",
		doOperator: "Receivers refused the address that the mail was sent from, or a rule of theirs did. Talk to the operator.",
		doMessage:  "Mail was too large, or broke the standard. Mend the system that makes it; link to large files instead.",
		states:     map[string]string{"degraded": "lacks DNS records that it had, but still sends", "stopped": "may not send: its mail would fail DMARC"},
		classes: map[bounce.Class]string{
			bounce.UserUnknown: "there is no such mailbox", bounce.Moved: "the mailbox is elsewhere now", bounce.Inactive: "the mailbox is disabled or not used",
			bounce.MailboxFull: "the mailbox is full", bounce.DomainNotFound: "the domain does not exist", bounce.NoMail: "the domain takes no mail",
			bounce.Filtered: "the recipient takes no mail of this sender", bounce.Policy: "a rule of the receiver forbids it",
			bounce.SenderRejected: "the sender's address or domain is refused", bounce.SpamContent: "the message looks like spam",
			bounce.Malware: "the message has a virus, or a file that is not taken", bounce.Reputation: "the sending address or domain is on a blocklist or has a bad name",
			bounce.Authentication: "SPF, DKIM or DMARC failed or is missing", bounce.ReverseDNS: "the sending address has no name in DNS, or a wrong one",
			bounce.RateLimited: "too much mail at a time", bounce.Greylisted: "the sender was not known yet", bounce.TooLarge: "the message is too large",
			bounce.Content: "the message breaks a standard", bounce.Relaying: "the server is not responsible for the domain", bounce.Security: "encryption or a login is wanted",
			bounce.Network: "the way there is broken", bounce.System: "the receiving server is out of order", bounce.Protocol: "the receiving server did not understand",
			bounce.Expired: "not delivered in time, the cause is not said", bounce.Unclassified: "reason not known",
		},
	}
}
