package spf

import (
	_ "embed" // the list of senders is part of the program
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/budkavle/budkavle/internal/base/wording"
)

//go:embed senders.toml
var sendersTOML string

// Sender is a service that many domains send with. The tags are the names in senders.toml, which says where each comes from.
type Sender struct {
	Key         string   `toml:"key" json:"key"` // what the guide is told
	Name        string   `toml:"name" json:"name"`
	Category    Category `toml:"category" json:"category"`
	Include     []string `toml:"include" json:"include"`     // domains for the customer's record; empty: SPF is of no use there, and Note says why
	KnownBy     []string `toml:"known_by" json:"known_by"`   // further domains whose records list its servers
	Checked     string   `toml:"checked" json:"checked"`     // the day, YYYY-MM-DD
	Source      string   `toml:"source" json:"source"`       // a web address, or what was seen
	Note        string   `toml:"note" json:"note,omitempty"` // what its customer should know
	NoteSwedish string   `toml:"note_sv" json:"note_sv,omitempty"`
}

// Category is the guide's question that a sender is an answer to.
type Category string

// Categories.
const (
	Host       Category = "host"       // who hosts the mail
	Newsletter Category = "newsletter" // newsletters
	Tickets    Category = "tickets"    // ticket systems
	Shop       Category = "shop"       // web shops
	Other      Category = "other"      // whatever else sends
)

// Senders is the list of known senders, in the order of the questions.
func Senders() []Sender {
	var list struct{ Sender []Sender }
	if _, err := toml.Decode(sendersTOML, &list); err != nil {
		panic(err) // a mistake in the source, which every test of the guide finds
	}
	for i := range list.Sender {
		s := &list.Sender[i]
		s.Include, s.KnownBy = append([]string{}, s.Include...), append([]string{}, s.KnownBy...) // JSON writes [], not null
	}
	return list.Sender
}

// choose finds senders by their keys; each comes once.
func choose(known []Sender, keys []string) ([]Sender, error) {
	chosen := []Sender{}
	for _, key := range keys {
		is := func(s Sender) bool { return s.Key == strings.ToLower(key) }
		i := slices.IndexFunc(known, is)
		if i < 0 {
			if near := nearest(known, key); len(near) > 0 {
				return nil, wording.Errorf("there is no sender %q in the list; did you mean %s?", key, strings.Join(near, ", "))
			}
			return nil, wording.Errorf("there is no sender %q in the list, which is shown by: budkavle spf build --list", key)
		}
		if !slices.ContainsFunc(chosen, is) {
			chosen = append(chosen, known[i])
		}
	}
	return chosen, nil
}

// nearest suggests keys, at most 3: those of senders in whose names or domains it occurs, or that differ by 2 letters.
func nearest(known []Sender, key string) []string {
	var near []string
	key = strings.ToLower(key)
	for _, s := range known {
		names := strings.Join(slices.Concat([]string{s.Key, strings.ToLower(s.Name)}, s.Include, s.KnownBy), "\n")
		part := len(key) > 2 && strings.Contains(names, key) || strings.Contains(key, s.Key)
		if (part || distance(s.Key, key) <= 2) && len(near) < 3 {
			near = append(near, s.Key)
		}
	}
	return near
}

// distance counts the letters to change, add or remove to make b of a (Levenshtein). Keys are short, b is what somebody typed.
func distance(a, b string) int {
	row := make([]int, len(a)+1)
	for i := range row {
		row[i] = i
	}
	for j := range len(b) {
		diagonal := row[0]
		row[0] = j + 1
		for i := range len(a) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[i+1]
			row[i+1] = min(cost, row[i]+1, row[i+1]+1)
		}
	}
	return row[len(a)]
}
