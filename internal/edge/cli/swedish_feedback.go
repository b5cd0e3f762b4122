package cli

// swedishFeedback maps the texts about what comes back and who is told of it.
func swedishFeedback() map[string]string {
	return map[string]string{
		"replied": "svarade",
		"Say or show who is told what of an account's mail.":                                                                    "Säg eller visa vem som får veta vad om ett kontos e-post.",
		"Show the letter about a day of an account's mail, as its contact is sent it.":                                          "Visa brevet om en dag av ett kontos e-post, som kontakten får det.",
		"Reports on bulk mail that failed, to the systems that sent it by SMTP: on or off. On other mail they are sent always.": "Rapporter om massutskick som inte kom fram, till systemen som sände dem med SMTP: on eller off. Om annan e-post sänds de alltid.",
		"The daily letter to the contact: on or off.":                                                                           "Det dagliga brevet till kontakten: on eller off.",
		"Answers that come to the return paths of personal mail: forward to its sender, or drop.":                               "Svar som kommer till personlig e-posts retursökvägar: forward till avsändaren, eller drop.",
		"The day, such as 2026-11-24; none: yesterday.":                                                                         "Dagen, som 2026-11-24; ingen: gårdagen.",
		"Reports on bulk mail that failed, by SMTP: %s":                                                                         "Rapporter om massutskick som inte kom fram, med SMTP: %s",
		"Daily letter: no, the account has no contact. Name one with: budkavle account contact %s ADDRESS":                      "Dagligt brev: nej, kontot har ingen kontakt. Ange en med: budkavle account contact %s ADRESS",
		"Daily letter to %s: %s":                                                           "Dagligt brev till %s: %s",
		"Answers to personal mail are forwarded to its sender: %s":                         "Svar på personlig e-post sänds vidare till avsändaren: %s",
		"Nothing happened that a person has to know of: no letter is sent about this day.": "Inget har hänt som någon behöver få veta: om den här dagen sänds inget brev.",
		"Subject: %s":                        "Ämne: %s",
		"%q is not a day such as 2026-11-24": "%q är ingen dag som 2026-11-24",
		"%d names are more than %d":          "%d namn är fler än %d",
		"%q is not a name before the @ of its own, such as fbl; unsubscribe, dmarc, tlsrpt and postmaster are taken": "%q är inget eget namn före @, som fbl; unsubscribe, dmarc, tlsrpt och postmaster är upptagna",
		"%d is not between 0 and 23": "%d är inte mellan 0 och 23",
		"%q is not a time zone such as Europe/Stockholm, or this machine does not know it": "%q är ingen tidszon som Europe/Stockholm, eller så känner maskinen inte till den",
	}
}
