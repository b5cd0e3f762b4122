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
