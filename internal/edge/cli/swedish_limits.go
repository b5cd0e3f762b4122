package cli

// swedishLimits maps the texts of account limits and of unlocking.
func swedishLimits() map[string]string {
	return map[string]string{
		"Show how much an account may send and has sent, or set it.":                      "Visa hur mycket ett konto får sända och har sänt, eller bestäm det.",
		"Of this SMTP user, or API key by its first characters; * for each one.":          "För den här SMTP-användaren, eller API-nyckeln efter dess första tecken; * för var och en.",
		"Of mail of this class: transactional or bulk.":                                   "För post av den här klassen: transactional eller bulk.",
		"Of mail from this sender domain; * for each one.":                                "För post från den här avsändardomänen; * för var och en.",
		"Messages in any 30 minutes, each recipient counted; none, or default.":           "Meddelanden under vilka 30 minuter som helst, varje mottagare räknad; none (ingen gräns) eller default (förval).",
		"Messages in a day of UTC; none, or default.":                                     "Meddelanden på ett dygn i UTC; none (ingen gräns) eller default (förval).",
		"Messages in a month of UTC; none, or default.":                                   "Meddelanden på en månad i UTC; none (ingen gräns) eller default (förval).",
		"Recipients of one message; none, or default.":                                    "Mottagare av ett meddelande; none (ingen gräns) eller default (förval).",
		"Octets of one message; none, or default.":                                        "Oktetter i ett meddelande; none (ingen gräns) eller default (förval).",
		"As the owner may: only after every SMTP user and API key was replaced.":          "Som ägaren får: först när varje SMTP-användare och API-nyckel är utbytt.",
		"say which limit to set, such as --half-hour 200":                                 "säg vilken gräns som ska gälla, till exempel --half-hour 200",
		"scope %q: use account, credential, class or domain":                              "räckvidden %q: ange account, credential, class eller domain",
		"a name goes with the scopes credential, class and domain, and only with them":    "ett namn hör till räckvidderna credential, class och domain, och bara till dem",
		"%q: use a number from 1, none, or default":                                       "%q: ange ett tal från 1, none eller default",
		"a limit of %d: use a number from 1, or none":                                     "en gräns på %d: ange ett tal från 1, eller none",
		"recipients and size are limited for a whole account only":                        "mottagare och storlek begränsas bara för ett helt konto",
		"class %q: use transactional or bulk":                                             "klassen %q: ange transactional eller bulk",
		"Locked: %s. Let it send again with: budkavle account unlock %s":                  "Låst: %s. Låt det sända igen med: budkavle account unlock %s",
		"%q is no %s of the account; budkavle account show lists them, and * is for each": "%q är ingen %s hos kontot; budkavle account show listar dem, och * står för var och en",
		"sent / limit": "sänt / gräns", "half hour": "halvtimme", "day": "dygn", "month": "månad", "octets": "oktetter", "credential": "användare", "class": "klass",
		"SMTP user %s is older than the lock of %s; remove it (budkavle credential remove %s) and make a new one first":             "SMTP-användaren %s är äldre än låset på %s; ta först bort den (budkavle credential remove %s) och gör en ny",
		"API key %s is older than the lock of %s; remove it (budkavle key remove %s) and make a new one first":                      "API-nyckeln %s är äldre än låset på %s; ta först bort den (budkavle key remove %s) och gör en ny",
		"account %s has %d API keys or more, too many to look at; remove the old ones first":                                        "kontot %s har %d API-nycklar eller fler, för många att se igenom; ta först bort de gamla",
		"account %s has no SMTP user and no API key that is newer than its lock; make one, or have the operator unlock the account": "kontot %s har ingen SMTP-användare och ingen API-nyckel som är nyare än dess lås; gör en, eller låt operatören låsa upp kontot",
		"%d is below 0, which is no limit": "%d är under 0, som är ingen gräns",
	}
}
