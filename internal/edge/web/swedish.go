package web

import "maps"

// swedish maps the texts of the pages.
func swedish() words {
	sv := swedishRecipient()
	maps.Copy(sv, swedishSenders())
	return sv
}

// swedishRecipient maps the texts of the recipient's page.
func swedishRecipient() words {
	return words{
		"Your mail":    "Din e-post",
		"På svenska":   "In English",
		"Mail from %s": "E-post från %s",
		"to %s":        "till %s",
		"since %s":     "sedan %s",
		"The link was in the message “%s” of %s.": "Länken fanns i brevet ”%s” den %s.",
		"Stop":              "Sluta",
		"Start again":       "Börja igen",
		"Send me the link":  "Skicka länken till mig",
		"This did not work": "Det gick inte",
		"The sender may send mail to this address, and it is delivered.":               "Avsändaren får sända e-post till adressen, och den levereras.",
		"Mail from the sender to this address is stopped.":                             "E-post från avsändaren till adressen är stoppad.",
		"Some of the sender's mail to this address is stopped; the rest is delivered.": "En del av avsändarens e-post till adressen är stoppad; resten levereras.",
		"Stop mail of this kind: %s":                                                   "Sluta sända sådant här: %s",
		"Stop newsletters and other mail to many":                                      "Sluta sända nyhetsbrev och annat som går till många",
		"Stop everything from %s":                                                      "Sluta sända allt från %s",
		"Everything includes mail you may need, such as receipts and new passwords.":   "I allt ingår sådant du kan behöva, som kvitton och nya lösenord.",
		"Have mail from %s again":                                                      "Få e-post från %s igen",
		"First it must be clear that the address works and is yours. We send a mail to it with a link, which is valid for a day and once.": "Först måste det stå klart att adressen fungerar och är din. Vi sänder en länk till den, som gäller ett dygn och en gång.",
		"If you have blocked the sender in your own mail program, lift that block first: nobody else can.":                                 "Om du har spärrat avsändaren i ditt eget e-postprogram måste du häva den spärren först: det kan ingen annan.",
		"Only the operator of this mail service can start it again. Ask the sender to ask the operator.":                                   "Bara den som driver den här e-posttjänsten kan börja igen. Be avsändaren att fråga.",
		"Confirm that you want mail from the sender to this address again.":                                                                "Bekräfta att du vill ha e-post från avsändaren till adressen igen.",
		"Yes, have mail from %s again":                                  "Ja, jag vill ha e-post från %s igen",
		"If you did not ask for this, close the page. Nothing changes.": "Har du inte bett om det här kan du stänga sidan. Inget ändras.",

		// why nothing is sent
		"The operator of this mail service has stopped mail to the address.":                    "Den som driver e-posttjänsten har stoppat e-post till adressen.",
		"Mail to the address came back: the receiving server said that it cannot be delivered.": "E-post till adressen kom tillbaka: den mottagande servern sade att den inte kan levereras.",
		"You, or your mail program, reported mail from the sender as spam.":                     "Du, eller ditt e-postprogram, anmälde e-post från avsändaren som skräppost.",
		"You have unsubscribed from everything.":                                                "Du har avsagt dig allt.",
		"You have unsubscribed from newsletters and other mail to many.":                        "Du har avsagt dig nyhetsbrev och annat som går till många.",
		"You have unsubscribed from mail of this kind:":                                         "Du har avsagt dig sådant här:",

		// what was done
		"Done. You will get no more of this.":                                                             "Klart. Du får inte mer av detta.",
		"Done. You will get nothing more from this sender.":                                               "Klart. Du får inget mer från avsändaren.",
		"Done. You will get mail from this sender again.":                                                 "Klart. Du får e-post från avsändaren igen.",
		"A mail with a link is on its way to the address. Open the link within a day to have mail again.": "En länk är på väg till adressen. Öppna den inom ett dygn för att få e-post igen.",

		// faults
		"The form could not be read. Open the link again.":                                                                  "Formuläret kunde inte läsas. Öppna länken igen.",
		"This link is not complete, or its sender is no longer here. Open it again from the mail, with all its characters.": "Länken är inte hel, eller så finns avsändaren inte kvar här. Öppna den igen från e-posten, med alla tecken.",
		"This link has run out: it was valid for a day. Go to the page again and ask for a new one.":                        "Länken har gått ut: den gällde ett dygn. Gå till sidan igen och be om en ny.",
		"This link was used before, and works once. If you do not get mail, go to the page again and ask for a new one.":    "Länken är redan använd, och gäller en gång. Får du ingen e-post, gå till sidan igen och be om en ny.",
		"The address has been sent several links already. Look among unwanted mail, or try again tomorrow.":                 "Adressen har redan fått flera länkar. Titta bland skräpposten, eller försök igen i morgon.",
		"The operator of this mail service has stopped mail to the address. Ask the sender to ask the operator.":            "Den som driver e-posttjänsten har stoppat e-post till adressen. Be avsändaren att fråga.",
		"This cannot be done right now, and nothing was changed. Try again in a few minutes.":                               "Det går inte just nu, och inget har ändrats. Försök igen om några minuter.",
	}
}
