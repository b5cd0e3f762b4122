package cli

// swedishDomainCheck maps the texts of domain check, of the demands of providers, and of asking mail servers.
func swedishDomainCheck() map[string]string {
	return map[string]string{
		// command
		"Check what DNS says of any domain, its mail servers, and what large providers demand; needs no node. Exit status 1 if mail suffers.": "Kontrollera vad DNS säger om en domän vilken som helst, dess e-postservrar, och vad stora leverantörer kräver; behöver ingen nod. Slutstatus 1 om e-posten drabbas.",
		"Selector of a DKIM key: s= in the DKIM-Signature of a message (default: common ones are tried).":                                     "Selektor för en DKIM-nyckel: s= i ett brevs DKIM-Signature (förval: vanliga prövas).",
		"Address that sends for the domain and should pass SPF.":                                                                              "Adress som sänder för domänen och ska godkännas av SPF.",
		"Ask the domain's mail servers for postmaster and abuse; nothing is sent.":                                                            "Fråga domänens e-postservrar efter postmaster och abuse; inget sänds.",
		"Check of %s": "Kontroll av %s", "The SPF record and what it includes:": "SPF-posten och vad den inkluderar:",
		"Type": "Typ", "Found": "Funnet", "in order": "i sin ordning", "missing": "saknas", "wrong": "fel", "proved": "bevisat",

		// demands of providers
		"What large providers demand of senders of up to 5,000 messages a day, and of more:": "Vad stora leverantörer kräver av avsändare av upp till 5 000 brev om dagen, och av fler:",
		"Provider": "Leverantör", "Demand": "Krav", "up to 5,000": "upp till 5 000", "more": "fler", "Why": "Varför", "Sources:": "Källor:",
		"met": "uppfyllt", "not met": "inte uppfyllt", "cannot be known here": "går inte att veta här",
		"SPF or DKIM passes": "SPF eller DKIM godkänns", "SPF and DKIM pass": "SPF och DKIM godkänns", "a DMARC record, at least p=none": "en DMARC-post, minst p=none",
		"From agrees with the domain of SPF or DKIM": "From stämmer med domänen i SPF eller DKIM", "the sending address has a name that leads back to it": "den sändande adressen har ett namn som leder tillbaka till den",
		"mail is sent over TLS": "e-posten sänds över TLS", "messages follow RFC 5322": "breven följer RFC 5322",
		"newsletters are unsubscribed with one click (RFC 8058)": "nyhetsbrev avbeställs med ett klick (RFC 8058)", "newsletters have an unsubscribe link": "nyhetsbrev har en länk för avbeställning",
		"under 0.3%% of the mail is reported as spam": "under 0,3 %% av e-posten anmäls som skräp", "the sender's domain exists in DNS": "avsändarens domän finns i DNS",
		"the sender's address takes replies": "avsändarens adress tar emot svar", "recipients have asked for the mail": "mottagarna har bett om e-posten",
		"refused addresses are not sent to again": "till avvisade adresser sänds inget mer",
		"SPF: %s, DKIM: %s":                       "SPF: %s, DKIM: %s", "DMARC: %s": "DMARC: %s",
		"ask for each address with: budkavle ip check":                          "fråga för varje adress med: budkavle ip check",
		"this node uses TLS wherever it is offered":                             "den här noden använder TLS överallt där det erbjuds",
		"this node completes headers, and refuses what is malformed":            "den här noden fyller ut brevhuvuden och avvisar det som är felaktigt",
		"this node keeps a list of refused addresses":                           "den här noden för en lista över avvisade adresser",
		"look at the provider's pages for senders":                              "se på leverantörens sidor för avsändare",
		"it depends on the messages":                                            "det beror på breven",
		"it depends on the system that sends":                                   "det beror på systemet som sänder",
		"it depends on what signs the mail, and on its return path":             "det beror på vad som signerar e-posten, och på dess returadress",
		"only the sender knows":                                                 "det vet bara avsändaren",
		"mail is signed as the domain in From, and its return path is below it": "e-posten signeras som domänen i From, och returadressen ligger under den",
		"a key of the domain itself was found; what signs with it is aligned":   "en nyckel för domänen själv hittades; det som signeras med den stämmer överens",
		"the mail servers gave no clear answer, or were not asked":              "e-postservrarna gav inget klart svar, eller tillfrågades inte",
		"the domain has mail servers":                                           "domänen har e-postservrar",

		// asking mail servers
		"%s gives mailboxes to private persons, and its servers must not be asked": "%s ger brevlådor åt privatpersoner, och dess servrar får inte tillfrågas",
		"%s takes mail for mailboxes of private persons, and must not be asked":    "%s tar emot e-post till privatpersoners brevlådor, och får inte tillfrågas",
		"the domain has no mail server that can be asked":                          "domänen har ingen e-postserver som kan tillfrågas",
		"mail to %s goes by a fixed route of this node":                            "e-post till %s går en fast väg från den här noden",
		"the mail servers have no address in the family of %s":                     "e-postservrarna har ingen adress av samma slag som %s",
		"mailboxes that take mail":                                                 "brevlådor som tar emot e-post",
		"the mail servers could not be asked: %s":                                  "e-postservrarna kunde inte tillfrågas: %s",
		"nothing yet; if it lasts, see that the mail servers answer":               "inget än; om det består, se till att e-postservrarna svarar",
		"not asked: %s": "inte tillfrågad: %s",
		"send a message to %s and see that it arrives": "skicka ett brev till %s och se att det kommer fram",
		"%s said: %s":               "%s sade: %s",
		"a mailbox that takes mail": "en brevlåda som tar emot e-post",
		"nothing yet; the server wants to be asked later":                       "inget än; servern vill bli tillfrågad senare",
		"a mailbox that takes mail: every domain must have it (RFC 5321 4.5.1)": "en brevlåda som tar emot e-post: varje domän måste ha den (RFC 5321 4.5.1)",
		"a mailbox that takes mail: complaints come there first (RFC 2142 4)":   "en brevlåda som tar emot e-post: klagomål kommer först dit (RFC 2142 4)",
		"a mailbox that takes mail: replies go there":                           "en brevlåda som tar emot e-post: dit går svaren",
		"make the address, or an alias to somebody who reads it":                "inrätta adressen, eller ett alias till någon som läser den",
		"make the address, or send from one that exists":                        "inrätta adressen, eller sänd från en som finns",
		"a sender that says it takes no replies":                                "en avsändare som säger att den inte tar emot svar",
		"send from an address that is read, or at least set Reply-To to one":    "sänd från en adress som någon läser, eller sätt åtminstone Reply-To till en sådan",
		"an address that somebody reads: a reply is how people ask, and how they say stop; those who cannot reply use the spam button, and Microsoft asks for senders that take replies": "en adress som någon läser: folk frågar genom att svara, och säger stopp genom att svara; den som inte kan svara trycker på skräppostknappen, och Microsoft vill ha avsändare som tar emot svar",
	}
}
