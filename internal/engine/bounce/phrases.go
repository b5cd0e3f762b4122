package bounce

import "strings"

const (
	// minPhrase is the fewest octets of a phrase: less would be found everywhere. The index also needs as many.
	minPhrase = 4
	// maxGap is how many octets the "*" of a phrase may stand for: a name and a few words.
	maxGap = 120
)

// phrase is words that a text must contain: its parts in order, at most maxGap octets from one to the next.
type phrase []string

func parsePhrase(s string) phrase {
	parts := strings.Split(s, "*")
	for i := range parts {
		parts[i] = foldPhrase(parts[i])
	}
	return parts
}

// foldPhrase folds a part of a phrase and keeps the spaces at its ends, which say that a word begins or ends there.
func foldPhrase(s string) string {
	folded := fold(s)
	if strings.HasPrefix(s, " ") {
		folded = " " + folded
	}
	if strings.HasSuffix(s, " ") && len(folded) > 1 {
		folded += " "
	}
	return folded
}

// fits reports whether the phrase begins where text does.
func (p phrase) fits(text string) bool {
	if !strings.HasPrefix(text, p[0]) {
		return false
	}
	text = text[len(p[0]):]
	for _, part := range p[1:] {
		i := strings.Index(text[:min(len(text), maxGap+len(part))], part)
		if i < 0 {
			return false
		}
		text = text[i+len(part):]
	}
	return true
}

func (p phrase) in(text string) bool {
	for from := 0; ; from++ {
		i := strings.Index(text[from:], p[0])
		if i < 0 {
			return false
		}
		if from += i; p.fits(text[from:]) {
			return true
		}
	}
}

// phraseIndex finds in one pass over a text which of many phrases are in it, by their first four octets.
type phraseIndex struct {
	byKey  map[uint32][]indexed
	begins set // the first two octets of all, which rule out most places at little cost
}

type indexed struct {
	phrase phrase
	rule   int
}

func newPhraseIndex() *phraseIndex {
	return &phraseIndex{byKey: map[uint32][]indexed{}, begins: newSet(1 << 16)}
}

func (x *phraseIndex) add(p phrase, rule int) {
	k := key(p[0])
	x.byKey[k] = append(x.byKey[k], indexed{p, rule})
	x.begins.add(int(k & 0xffff))
}

// search marks the rules of which a phrase is in the text.
func (x *phraseIndex) search(text string, found set) {
	for i := 0; i+minPhrase <= len(text); i++ {
		k := key(text[i:])
		if !x.begins.has(int(k & 0xffff)) {
			continue
		}
		for _, c := range x.byKey[k] {
			if !found.has(c.rule) && c.phrase.fits(text[i:]) {
				found.add(c.rule)
			}
		}
	}
}

func key(s string) uint32 {
	return uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
}

// set is a set of small numbers.
type set []uint64

func newSet(n int) set       { return make(set, (n+63)/64) }
func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }
