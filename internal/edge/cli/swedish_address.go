package cli

// swedishAddress maps the texts of address check; what is found in an address has its Swedish in engine/validate.
func swedishAddress() map[string]string {
	return map[string]string{
		"Look at addresses before mail is sent to them; needs no node.":                                                       "Se efter hos adresser innan post sänds till dem; kräver ingen nod.",
		"Say whether mail to addresses can arrive and should be sent. Exit status 1 if one given here should not be sent to.": "Säg om post till adresser kan komma fram och bör sändas. Slutstatus 1 om någon som anges här inte bör sändas till.",
		"Addresses.": "Adresser.",
		"Tell also what this account's suppression lists say of the addresses.":                          "Säg också vad det här kontots spärrlistor säger om adresserna.",
		"File of addresses: CSV with any delimiter and charset; - for standard input.":                   "Fil med adresser: CSV med vilken avgränsare och teckenkodning som helst; - för standard in.",
		"File to write the result of each row to: JSON lines if it ends with .json or .jsonl, else CSV.": "Fil att skriva varje rads utfall till: JSON-rader om den slutar på .json eller .jsonl, annars CSV.",
		"Column with the addresses, by its heading or its number from 1 (default: the one with most).":   "Kolumn med adresserna, med dess rubrik eller nummer från 1 (förval: den med flest).",
		"give addresses, or a file of them with --file":                                                  "ange adresser, eller en fil med dem med --file",
		"--out and --column go with --file":                                                              "--out och --column hör till --file",
		"--out and --file name the same file; the results need one of their own":                         "--out och --file anger samma fil; utfallen behöver en egen",
		"%s: %s, risk: %s":       "%s: %s, risk: %s",
		"  did you mean %s?":     "  menades %s?",
		"%s rows, %.0f a second": "%s rader, %.0f i sekunden",
		"one field a line":       "ett fält per rad",
		"tab":                    "tabb",
		"Read as %s, delimiter: %s; addresses in column %d %s":                                       "Läst som %s, avgränsare: %s; adresser i kolumn %d %s",
		"%s rows, %s addresses, %s of them again, at %s domains; %s rows without address, %s broken": "%s rader, %s adresser, %s av dem på nytt, hos %s domäner; %s rader utan adress, %s trasiga",

		"Each row's result is in %s": "Varje rads utfall står i %s",
		"result":                     "utfall",
		"addresses":                  "adresser",
		"rows":                       "rader",
		"deliverable":                "levererbar",
		"do_not_send":                "sänd inte",
		"undeliverable":              "olevererbar",
		"low":                        "låg",
		"medium":                     "måttlig",
		"high":                       "hög",
	}
}
