package validate

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// speller knows the domains that people mean.
type speller struct {
	popular []string // the most popular first; about 150, each compared with a domain that takes no mail
	known   map[string]bool
	typos   map[string]string // mistyped domains that take mail
}

func newSpeller() *speller {
	s := &speller{popular: entries(popularList), known: map[string]bool{}, typos: map[string]string{}}
	for _, d := range s.popular {
		s.known[d] = true
	}
	for _, line := range entries(typoList) {
		typed, meant, _ := strings.Cut(line, " ")
		s.typos[typed] = meant
	}
	return s
}

// nearest gives the popular domain that was probably meant by one that takes no mail, or nothing.
func (s *speller) nearest(domain string) string {
	if s.known[domain] {
		return ""
	}
	if meant := s.typos[domain]; meant != "" {
		return meant
	}
	if rest, ok := strings.CutPrefix(domain, "www."); ok && s.known[rest] {
		return rest
	}
	mended := mendTLD(domain)
	if s.known[mended] {
		return mended
	}
	name, _, dotted := strings.Cut(domain, ".")
	meant, best := "", 1<<30
	for _, p := range s.popular {
		limit, d := tolerance(p), otherName
		if len(name) >= minName && strings.HasPrefix(p, name+".") {
			if !dotted {
				return p
			}
			limit, d = anyEnding, 0
		}
		d += min(distance(domain, p, limit), distance(mended, p, limit))
		if d%otherName <= limit && d < best {
			meant, best = p, d
		}
	}
	return meant
}

const (
	// minName is the fewest letters of a name that is known by itself, whatever follows it: gmail.se, hotmail without an
	// ending.
	minName = 5
	// anyEnding is the greatest distance between endings of one name, otherName what another name counts beyond it: a
	// mistaken ending is likelier than a mistaken name.
	anyEnding = 60
	otherName = 1000
)

// endings are the top-level domains that mistyped ones are taken for, the most likely first.
var endings = [...]string{"com", "se", "net", "org", "nu", "no", "dk", "fi", "eu", "info"}

// mendTLD puts the nearest usual ending for one that does not exist: .con, .comm. Others it leaves alone.
func mendTLD(domain string) string {
	i := strings.LastIndexByte(domain, '.')
	if i < 0 {
		return domain
	}
	tld := domain[i+1:]
	if suffix, icann := publicsuffix.PublicSuffix("x." + tld); icann || suffix != tld {
		return domain
	}
	meant, best := tld, costAny+1
	for _, e := range endings {
		if d := distance(tld, e, costAny); d < best {
			meant, best = e, d
		}
	}
	return domain[:i+1] + meant
}
