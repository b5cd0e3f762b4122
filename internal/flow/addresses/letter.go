package addresses

import (
	"fmt"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// letter is a mail to a person.
type letter struct{ subject, text string }

// bilingual is a letter to the operator. Swedish stands first: the operators are Swedish; who does not read it finds English below.
func bilingual(subject, text, englishSubject, englishText string) letter {
	return letter{subject + " / " + englishSubject, text + "\n\n--\n\n" + englishText + "\n"}
}

func ptrTurn(a *model.SourceAddress, bad bool) turn {
	addr := a.Address.String()
	if !bad {
		return turn{addr + ": the PTR record is in order again", bilingual(
			addr+": PTR-posten är i ordning igen", "PTR-posten för "+addr+" leder tillbaka till adressen. Massutskick tas emot som vanligt.",
			addr+": the PTR record is in order again", "The PTR record of "+addr+" leads back to the address. Bulk mail is taken as before.")}
	}
	swedish, english := "saknas", "missing"
	if a.PTR == model.PTRWrong {
		swedish, english = "leder inte tillbaka till adressen", "wrong ("+a.PTRFault+")"
	}
	return turn{fmt.Sprintf("%s: PTR record %s: %s", addr, a.PTR, a.PTRFault), bilingual(
		addr+": PTR-posten är inte i ordning", "PTR-posten för "+addr+" "+swedish+". Stora mottagare vägrar e-post från en sådan adress, så massutskick skjuts upp (451 4.7.25) tills det är rättat.\n\nBe nätets ägare, oftast värdleverantören, att sätta PTR till namnet som uppges med EHLO. Mer visar det första kommandot; det andra låter noden se efter genast, när det är rättat.\nbudkavle ip check "+addr+"\nbudkavle ip verify "+addr,
		addr+": the PTR record is not in order", "The PTR record of "+addr+" is "+english+". Large receivers refuse mail from such an address, so bulk mail is put off (451 4.7.25) until it is mended.\n\nAsk the owner of the network, mostly the hosting provider, to set the PTR to the name given with EHLO. The first command shows more; the second has the node look at once, when it is mended.\nbudkavle ip check "+addr+"\nbudkavle ip verify "+addr)}
}

func listTurn(a *model.SourceAddress, bad bool) turn {
	addr, zones := a.Address.String(), strings.Join(a.Listed, ", ")
	if !bad {
		return turn{addr + ": on no blocklist any longer", bilingual(
			addr+" står inte på någon blocklista längre", "Alla blocklistor som tillfrågas har strukit "+addr+".",
			addr+" is on no blocklist any longer", "All blocklists that are asked have taken "+addr+" off.")}
	}
	return turn{addr + ": on the blocklist " + zones, bilingual(
		addr+" står på en blocklista", "Adressen "+addr+" står på "+zones+". Många mottagare vägrar e-post från den.\n\nVarför, och hur den tas bort, visar:\nbudkavle ip check "+addr,
		addr+" is on a blocklist", "The address "+addr+" is on "+zones+". Many receivers refuse mail from it.\n\nWhy, and how to have it taken off, is shown by:\nbudkavle ip check "+addr)}
}

// announced words announcements for a subscriber in its language.
func (s *Service) announced(lang string, list []model.Announcement) letter {
	var lines []string
	for i := range list {
		lines = append(lines, "  "+sentence(lang, &list[i]))
	}
	changes := strings.Join(lines, "\n")
	if lang == "sv" {
		return letter{"Adresserna som vår e-post kommer från ändras", fmt.Sprintf(`Hej!

Adresserna som vår e-post sänds från ändras:

%s

Släpper ni fram vår post med en lista över adresser, ändra den nu. Lägg till nya
adresser före datumet som står vid dem, och ta bort de gamla först efter deras.
Hela listan, och hur man gör i Google Workspace och Microsoft 365, finns här:
%s

Ni får det här brevet för att ni har bett om att få veta när listan ändras.
Svara på det om ni inte vill ha fler.
`, changes, s.Page.URL)}
	}
	return letter{"The addresses that our mail comes from change", fmt.Sprintf(`Hello,

the addresses that our mail is sent from change:

%s

If you let our mail through by a list of addresses, change it now. Add new addresses
before the date that stands by them, and take old ones off only after theirs.
The whole list, and how to do it in Google Workspace and Microsoft 365, is here:
%s

You get this letter because you asked to be told when the list changes.
Answer it if you want no more.
`, changes, s.Page.URL)}
}

func sentence(lang string, n *model.Announcement) string {
	day := n.Effective.UTC().Format(time.DateOnly)
	sv := map[model.AddressState]string{
		model.AddressWarming:  "%s är ny: sänder redan lite, i full drift tidigast %s",
		model.AddressActive:   "%s är i full drift från %s",
		model.AddressRetiring: "%s tas ur drift %s",
		model.AddressRetired:  "%s används inte längre, sedan %s",
	}
	en := map[model.AddressState]string{
		model.AddressWarming:  "%s is new: it sends a little already, and is in full use from %s at the earliest",
		model.AddressActive:   "%s is in full use from %s",
		model.AddressRetiring: "%s retires: it goes out of use on %s",
		model.AddressRetired:  "%s is not in use any longer, since %s",
	}
	patterns := en
	if lang == "sv" {
		patterns = sv
	}
	return fmt.Sprintf(patterns[n.To], n.Address, day)
}
