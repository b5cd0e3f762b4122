package validate

// Swedish has the Swedish of every text of this package and of the addresses it reads, by its English pattern. It stands
// here, and not with the command line's, since the API answers in both languages too.
func Swedish() map[string]string {
	return map[string]string{
		// reasons
		"mailboxes at %s are thrown away after use":                          "brevlådor hos %s slängs efter användning",
		"the domain %s has letters that pass for those of another alphabet":  "domänen %s har bokstäver som kan tas för ett annat alfabets",
		"%s is probably a misspelling of %s":                                 "%s är troligen en felskrivning av %s",
		"%s is a well-known misspelling of %s":                               "%s är en välkänd felskrivning av %s",
		"%s is a role and not a person":                                      "%s är en funktion och inte en person",
		"nobody reads mail to %s":                                            "ingen läser post till %s",
		"the part before the @ needs SMTPUTF8, which not every server takes": "delen före @ kräver SMTPUTF8, som inte varje server tar emot",
		"mail to the address came back on %s":                                "post till adressen kom tillbaka den %s",
		"mail to the address was reported as spam on %s":                     "post till adressen anmäldes som skräppost den %s",
		"the recipient unsubscribed on %s":                                   "mottagaren avsade sig post den %s",
		"no server takes mail for %s":                                        "ingen server tar emot post för %s",
		"the domain %s does not exist":                                       "domänen %s finns inte",
		"%s says that it takes no mail (null MX, RFC 7505)":                  "%s säger att den inte tar emot post (null MX, RFC 7505)",
		"the mail servers that %s names have no address":                     "de e-postservrar som %s anger saknar adress",
		"%s has no MX records, so its own address is tried (RFC 5321 5.1)":   "%s har inga MX-poster, så dess egen adress prövas (RFC 5321 5.1)",
		"mail to the address literal %s is refused nearly everywhere":        "post till adresslitteralen %s avvisas nästan överallt",
		"DNS gives no answer for %s (%s); try again later":                   "DNS ger inget svar för %s (%s); försök igen senare",
		"not an address as SMTP takes it: %s":                                "ingen adress som SMTP tar den: %s",
		"the address stands further up already":                              "adressen står redan längre upp",

		// what is wrong with a row or a file
		"a quote is not closed within %d lines, so the row cannot be read; double the quotes within a field": "ett citattecken stängs inte inom %d rader, så raden kan inte läsas; dubblera citattecken inne i ett fält",
		"the row has more than %d octets":                                  "raden har fler än %d oktetter",
		"there is nothing in the column of addresses":                      "det står inget i kolumnen med adresser",
		"there are no rows in the file":                                    "det finns inga rader i filen",
		"there is no column %d; the first row has %d":                      "det finns ingen kolumn %d; den första raden har %d",
		"there is no column %q; the first row has: %.300s":                 "det finns ingen kolumn %q; den första raden har: %.300s",
		"no column has addresses in it; say which with its name or number": "ingen kolumn innehåller adresser; säg vilken med dess namn eller nummer",

		// jobs
		"there is no such list": "det finns ingen sådan lista",
		"the list id %.80q is not one: use 1 to 64 letters, digits, dots, hyphens and underscores, not beginning with a dot": "listnamnet %.80q är inget: använd 1 till 64 bokstäver, siffror, punkter, bindestreck och understreck, utan punkt först",
		"there is a list %s already; delete it first, or take another id":                                                    "det finns redan en lista %s; ta bort den först, eller ta ett annat namn",
		"there are %d lists already, the most an account may have; delete one":                                               "det finns redan %d listor, det mesta ett konto får ha; ta bort en",
		"the file has more than %d octets; send it in parts":                                                                 "filen har fler än %d oktetter; sänd den i delar",
		"the list is not done: it is %s":                                                                                     "listan är inte klar: den är %s",
		"the file begins as gzip and is none: %w":                                                                            "filen börjar som gzip och är det inte: %w",
		"the file has more than %d octets when it is unpacked; send it in parts":                                             "filen har fler än %d oktetter när den packats upp; sänd den i delar",

		// what is wrong with an address
		"it is not valid UTF-8":                             "den är inte giltig UTF-8",
		"there is no @":                                     "det finns inget @",
		"it has %d octets, more than %d":                    "den har %d oktetter, fler än %d",
		"there is nothing before the @":                     "det står inget före @",
		"the part before the @ has %d octets, more than %d": "delen före @ har %d oktetter, fler än %d",
		"a dot stands at the edge of the part before the @ or beside another (part %d is empty)": "en punkt står ytterst i delen före @ eller bredvid en annan (del %d är tom)",
		"the character %q may stand before the @ only in quotes":                                 "tecknet %q får stå före @ bara inom citattecken",
		"the quotes before the @ are not closed":                                                 "citattecknen före @ är inte stängda",
		"there is a control character before the @":                                              "det finns ett styrtecken före @",
		"the character %q may not follow a backslash":                                            "tecknet %q får inte följa på ett omvänt snedstreck",
		"there is a quote within the quotes":                                                     "det finns ett citattecken inom citattecknen",
		"there is no domain after the @":                                                         "det finns ingen domän efter @",
		"the domain ends with a dot":                                                             "domänen slutar med en punkt",
		"%q is not a domain name":                                                                "%q är inget domännamn",
		"the domain has %d octets, more than %d":                                                 "domänen har %d oktetter, fler än %d",
		"the bracket after the @ is not closed":                                                  "hakparentesen efter @ är inte stängd",
		"%q is not an address literal such as [192.0.2.1] or [IPv6:2001:db8::1]":                 "%q är ingen adresslitteral som [192.0.2.1] eller [IPv6:2001:db8::1]",

		// the list of disposable domains
		"list of disposable domains: %w; put the file there, or clear validate.disposable": "listan över slängdomäner: %w; lägg filen där, eller töm validate.disposable",
		"list of disposable domains %s: %w; the list before it stays in force":             "listan över slängdomäner %s: %w; den förra listan gäller fortfarande",
		"line %d: %.80q is not a domain":                                                   "rad %d: %.80q är ingen domän",
		"line %d: there are more than %d domains":                                          "rad %d: det finns fler än %d domäner",
		"there is no domain in it":                                                         "det finns ingen domän i den",
	}
}
