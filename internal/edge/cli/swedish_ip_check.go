package cli

// swedishIPCheck maps the texts of ip check and of what it finds. What blocklists mean, reputation.Swedish says.
func swedishIPCheck() map[string]string {
	return map[string]string{
		// command
		"Addresses that mail is sent from.": "Adresser som e-post sänds från.",
		"Look at addresses from outside: PTR, EHLO name, SPF and blocklists. Exit status 1 if mail suffers.": "Se på adresser utifrån: PTR, EHLO-namn, SPF och blocklistor. Slutstatus 1 om e-posten drabbas.",
		"DNS server to ask (default: dns.servers, else the system's).":                                       "DNS-server att fråga (förval: dns.servers, annars systemets).",
		"Address of a server that sends.":                                                                    "Adress för en server som sänder.",
		"Name the server gives with EHLO (default: node.hostname).":                                          "Namn som servern uppger med EHLO (förval: node.hostname).",
		"Domain in whose SPF record the address should lie.":                                                 "Domän i vars SPF-post adressen ska ligga.",
		"Zone of a blocklist to ask, instead of those in [reputation].":                                      "Zon för en blocklista att fråga, i stället för dem i [reputation].",
		"blocklist: %w": "blocklista: %w", "%q is not an IP address": "%q är ingen IP-adress",
		"--list wants a zone, such as zen.spamhaus.org; keys stand in [reputation] of the configuration": "--list vill ha en zon, som zen.spamhaus.org; nycklar står i [reputation] i inställningarna",

		// configuration
		"the zone is no domain name; wants ZONE or ZONE=KEY, such as zen.spamhaus.org": "zonen är inget domännamn; ska vara ZON eller ZON=NYCKEL, som zen.spamhaus.org",
		"the key of %s is not one label of letters, digits and hyphens":                "nyckeln för %s är inte en etikett av bokstäver, siffror och bindestreck",
		"%d lists are more than %d": "%d listor är fler än %d",

		// table
		"Check": "Kontroll", "Name": "Namn", "Result": "Utfall", "blocklist": "blocklista",
		"leads back": "leder tillbaka", "leads elsewhere": "leder till annan adress", "leads nowhere": "leder ingenstans",
		"listed": "listad", "not listed": "inte listad", "refuses to answer": "vägrar svara", "cannot be believed": "är inte att lita på",
		"not asked: it knows IPv4 addresses only": "inte frågad: den känner bara IPv4-adresser",

		// name of the address
		"the address has no PTR record":                                                         "adressen har ingen PTR-post",
		"a PTR record that names the server":                                                    "en PTR-post som namnger servern",
		"the name given with EHLO":                                                              "det namn som uppges med EHLO",
		"the PTR record could not be looked up: %s":                                             "PTR-posten kunde inte slås upp: %s",
		"the address has %d PTR records":                                                        "adressen har %d PTR-poster",
		"one: receivers look at any of them, and not all at the same":                           "en: mottagare ser på någon av dem, och inte alla på samma",
		"keep the one that is given with EHLO":                                                  "behåll den som uppges med EHLO",
		"ask the owner of the network, mostly the hosting provider, to set the PTR of %s to %s": "be nätets ägare, oftast värdleverantören, att sätta PTR för %s till %s",
		"%s contains the address":                                                               "%s innehåller adressen",
		"%s contains %q":                                                                        "%s innehåller %q",
		"a name that a person chose for a mail server; others are taken for homes and refused or slowed": "ett namn som en människa valt för en e-postserver; andra tas för hem och vägras eller bromsas",
		"the name's addresses include %s":                                                 "att namnets adresser omfattar %s",
		"%s, which the PTR record names, has no address":                                  "%s, som PTR-posten namnger, har ingen adress",
		"%s, which the PTR record names, leads to %s":                                     "%s, som PTR-posten namnger, leder till %s",
		"publish %s, or have the PTR record name another host":                            "publicera %s, eller låt PTR-posten namnge en annan värd",
		"a name that leads to %s":                                                         "ett namn som leder till %s",
		"%s, the name given with EHLO, has no address":                                    "%s, namnet som uppges med EHLO, har ingen adress",
		"%s, the name given with EHLO, leads to %s":                                       "%s, namnet som uppges med EHLO, leder till %s",
		"publish %s, or set node.hostname to %s":                                          "publicera %s, eller sätt node.hostname till %s",
		"a name that leads here":                                                          "ett namn som leder hit",
		"%s is given with EHLO, but the PTR record names %s":                              "%s uppges med EHLO, men PTR-posten namnger %s",
		"the same name in both":                                                           "samma namn i båda",
		"have the PTR record name %s":                                                     "låt PTR-posten namnge %s",
		"try again; if it stays, see that the resolver and the name servers asked answer": "försök igen; om det består, se till att resolvern och de tillfrågade namnservrarna svarar",

		// SPF
		"that the SPF record of %s passes the address":                                                   "att SPF-posten för %s släpper fram adressen",
		"publish one that names all who send for it, %s among them; budkavle spf build puts it together": "publicera en som namnger alla som sänder för den, däribland %s; budkavle spf build sätter ihop den",
		"mend the record; see: budkavle spf lint %s":                                                     "rätta posten; se: budkavle spf lint %s",
		"the result is %s: %s":       "utfallet är %s: %s",
		"add %s in front of \"all\"": "lägg till %s framför \"all\"",

		// blocklists
		"%s is a private or local address, so that no blocklist was asked": "%s är en privat eller lokal adress, så ingen blocklista frågades",
		"the address that receivers see":                                   "den adress som mottagare ser",
		"check that one too, if it is another":                             "kontrollera den också, om den är en annan",
		"%s refused to answer, because %s; this is no listing":             "%s vägrade svara, eftersom %s; detta är ingen listning",
		"an answer about %s":                                               "ett svar om %s",
		"%s (%s) cannot be believed: %s":                                   "%s (%s) är inte att lita på: %s",
		"a list that works":                                                "en lista som fungerar",
		"take it out of [reputation] or --list, or ask through another resolver if other lists seem broken too": "ta bort den ur [reputation] eller --list, eller fråga genom en annan resolver om även andra listor verkar trasiga",
		"whether %s lists it could not be looked up: %s":                                                        "om %s listar den kunde inte slås upp: %s",
		"%s lists it: %s":       "%s listar den: %s",
		"%s lists it as %s: %s": "%s listar den som %s: %s",
		"%s. The list says: %s": "%s. Listan säger: %s",
		"find what it complains of and end it, then ask for removal": "ta reda på vad den klagar på och få slut på det, begär sedan borttagning",
		"that it is not listed":                                                    "att den inte är listad",
		"it knows IPv4 addresses only":                                             "den känner bara IPv4-adresser",
		"it also lists %s, which no list may have: it lists everything":            "den listar även %s, som ingen lista får ha: den listar allt",
		"it answers %s, outside 127.0.0.0/8: the zone is parked or in other hands": "den svarar %s, utanför 127.0.0.0/8: zonen är parkerad eller i andra händer",
		"it does not list %s, which it must for tests: it is empty or closed, does not serve this resolver, or the resolver drops answers in 127.0.0.0/8": "den listar inte %s, som den måste för prov: den är tom eller stängd, betjänar inte denna resolver, eller så kastar resolvern svar i 127.0.0.0/8",
		"%s lists domains, not addresses; name it under domain_blocklists":                                                                                "%s listar domäner, inte adresser; ange den under domain_blocklists",
		"%s lists addresses, not domains; name it under blocklists":                                                                                       "%s listar adresser, inte domäner; ange den under blocklists",
		"what this answer means is not known here":                                                                                                        "vad detta svar betyder är inte känt här",
		"%q is not a domain such as school.example":                                                                                                       "%q är ingen domän som school.example",
	}
}
