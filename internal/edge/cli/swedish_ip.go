package cli

// swedishIP maps the texts of the commands that keep the addresses mail is sent from.
func swedishIP() map[string]string {
	return map[string]string{
		// commands
		"Send from an address, and tell those who asked of it.":                                    "Sänd från en adress, och tala om den för dem som bett om det.",
		"List the addresses that mail is sent from.":                                               "Lista adresserna som e-post sänds från.",
		"Bring an address into full use, or retire it, and tell those who asked of it.":            "Ta en adress i full drift, eller ur drift, och tala om det för dem som bett om det.",
		"Remove a retired address. The page /senders then names it no longer.":                     "Ta bort en adress som är ur drift. Sidan /senders nämner den då inte längre.",
		"Have somebody told when the addresses change, by mail or by a signed call to a URL.":      "Låt någon få veta när adresserna ändras, med e-post eller ett signerat anrop till en URL.",
		"List those who are told when the addresses change.":                                       "Lista dem som får veta när adresserna ändras.",
		"Tell somebody no longer.":                                                                 "Sluta tala om det för någon.",
		"warming: new to receivers; active: in use already.":                                       "warming: ny för mottagarna; active: redan i drift.",
		"Name given with EHLO from it (default: the node's). Its PTR record should give the same.": "Namn som uppges med EHLO från den (förval: nodens). PTR-posten bör ge samma.",
		"Pool it belongs to.": "Pool den hör till.",
		"Hostname of the node that has it (default: every node).": "Värdnamn på noden som har den (förval: varje nod).",
		"A note of your own.": "En egen anteckning.",
		"State to come to: warming, active, retiring or retired.":                             "Läge att komma till: warming, active, retiring eller retired.",
		"Day on which a retiring address goes out of use (default: when the notice is over).": "Dag då en adress tas ur drift (förval: när varseltiden är slut).",
		"Into full use before those who asked have had their notice.":                         "I full drift innan de som bett om det har fått sin varseltid.",
		"Mail address to write to.":                                                           "E-postadress att skriva till.",
		"URL to call.":                                                                        "URL att anropa.",
		"Language of letters: sv or en.":                                                      "Brevens språk: sv eller en.",
		"Mail address or URL.":                                                                "E-postadress eller URL.",
		"%q is not a day such as 2027-01-31":                                                  "%q är ingen dag som 2027-01-31",
		"say who is told: --mail ADDRESS or --url URL":                                        "säg vem som ska få veta: --mail ADRESS eller --url URL",

		"Look at an address now, as the node does daily, for instance when its PTR record was mended. Exit status 1 if it is not in order.": "Se på en adress nu, som noden gör dagligen, till exempel när dess PTR-post är rättad. Slutstatus 1 om den inte är i ordning.",

		// answers
		"Address %s: PTR record %s, blocklists: %s":                      "Adress %s: PTR-post %s, blocklistor: %s",
		"What is wrong and what to do is shown by: budkavle ip check %s": "Vad som är fel och vad som ska göras visar: budkavle ip check %s",
		"address %s": "adress %s", "subscriber %s": "prenumerant %s",
		"Address %s is in full use. Those who asked are told now.":                                                                        "Adress %s är i full drift. De som bett om det får veta nu.",
		"Address %s is warming. Those who asked are told now; from %s it may come into full use, with: budkavle ip set %s --state active": "Adress %s värms upp. De som bett om det får veta nu; från %s kan den tas i full drift, med: budkavle ip set %s --state active",
		"Address %s goes out of use on %s. Those who asked are told now.":                                                                 "Adress %s tas ur drift %s. De som bett om det får veta nu.",
		"Address %s is now %s. Those who asked are told now.":                                                                             "Adress %s är nu %s. De som bett om det får veta nu.",
		"Address %s removed.":                                                                   "Adress %s borttagen.",
		"%s is told by mail when the addresses change.":                                         "%s får veta med e-post när adresserna ändras.",
		"%s is called when the addresses change.":                                               "%s anropas när adresserna ändras.",
		"Secret of the signatures, shown this once: %s":                                         "Signaturernas hemlighet, visas bara nu: %s",
		"%s is told no longer.":                                                                 "%s får inte veta längre.",
		"This machine does not have %s, so that a node here sends nothing from it.":             "Maskinen har inte %s, så en nod här sänder inget från den.",
		"This node sends from delivery.source_addresses (%s) until an address is added for it.": "Noden sänder från delivery.source_addresses (%s) tills en adress läggs till för den.",
		"No address is named for this node: the system chooses, and nobody knows whether it has a PTR record. Name it with: budkavle ip add ADDRESS --state active": "Ingen adress är angiven för noden: systemet väljer, och ingen vet om den har en PTR-post. Ange den med: budkavle ip add ADRESS --state active",

		// tables and states
		"address": "adress", "date": "datum", "pool": "pool", "ehlo": "ehlo", "ptr": "ptr", "blocklists": "blocklistor", "node": "nod",
		"subscriber": "prenumerant", "remark": "anteckning", "language": "språk", "not told yet": "ej meddelat", "failed attempts": "misslyckade försök", "last failure": "senaste fel",
		"warming": "under uppvärmning", "retiring": "på väg ut", "retired": "ur drift", "unclear": "oklar",

		// faults
		"%q is not an IP address that mail can be sent from":                                  "%q är ingen IP-adress som e-post kan sändas från",
		"a new address is warming or active, not %s":                                          "en ny adress är warming eller active, inte %s",
		"pool %q: use 1 to 32 lower-case letters, digits and hyphens":                         "pool %q: använd 1 till 32 små bokstäver, siffror och bindestreck",
		"EHLO name %q is not a host name: %w":                                                 "EHLO-namnet %q är inget värdnamn: %w",
		"there are %d addresses already, which is the most there may be; remove retired ones": "det finns redan %d adresser, vilket är det högsta antalet; ta bort sådana som är ur drift",
		"there are %d subscribers already, which is the most there may be":                    "det finns redan %d prenumeranter, vilket är det högsta antalet",
		"address %s is %s and cannot become %s":                                               "adressen %s är %s och kan inte bli %s",
		"only retiring has a date":                                                            "bara retiring har ett datum",
		"address %s may come into full use from %s: until then those who asked to be told have their notice, and their servers may take its mail for spam (now: at once all the same)": "adressen %s kan tas i full drift från %s: till dess har de som bett om det sin varseltid, och deras servrar kan ta dess e-post för skräp (now: genast ändå)",
		"%s is over": "%s har passerat",
		"address %s is %s; only retired ones can be removed": "adressen %s är %s; bara sådana som är retired kan tas bort",
		"language %q: use sv or en":                          "språk %q: använd sv eller en",
		"%q is not a mail address: %w":                       "%q är ingen e-postadress: %w",
		"no letter can be written: set senders.from_domain to a domain of your own that is live":                     "inget brev kan skrivas: sätt senders.from_domain till en egen domän som är live",
		"%q is not a URL that can be told: wants http(s)://HOST/PATH without user name and #, at most %d characters": "%q är ingen URL som kan få veta: ska vara http(s)://VÄRD/SÖKVÄG utan användarnamn och #, högst %d tecken",
		"%q leads to this node's own network, which is not told (delivery.private_addresses allows it)":              "%q leder till nodens eget nät, som inte får veta (delivery.private_addresses tillåter det)",
		"%d is not between 0 and 365": "%d är inte mellan 0 och 365",
	}
}
