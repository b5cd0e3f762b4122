package bounce

import (
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// index finds recipients by what reports call them: their address or the ORCPT they were sent with, exactly or, since some
// servers fold case, in lower case. It has at most four entries a recipient.
type index map[string]int

// several marks a name that more than one recipient answers to.
const several = -1

func newIndex(recipients []model.Recipient) index {
	x := make(index, 2*len(recipients))
	for i := range recipients {
		r := &recipients[i]
		x.add(r.Address, i)
		if _, original, err := smtp.ParseORcpt(r.ORcpt); err == nil {
			x.add(original, i)
		}
	}
	return x
}

func (x index) add(name string, i int) {
	name = normal(name)
	for _, key := range [...]string{name, "fold " + strings.ToLower(name)} {
		if old, ok := x[key]; ok && old != i {
			x[key] = several
		} else {
			x[key] = i
		}
	}
}

// find is the recipient an entry is about, or negative.
func (x index) find(p *dsn.Recipient) int {
	for _, t := range [...]dsn.Typed{p.Original, p.Final} {
		names := []string{t.Value}
		if decoded, err := smtp.DecodeXtext(t.Value); err == nil && decoded != t.Value {
			names = append(names, decoded) // RFC 3464 2.3.1 wants it decoded; not all do so
		}
		for _, name := range names {
			name = normal(name)
			for _, key := range [...]string{name, "fold " + strings.ToLower(name)} {
				if i, ok := x[key]; ok && i != several {
					return i
				}
			}
		}
	}
	return several
}

func normal(name string) string {
	if n, err := address.Normalise(name); err == nil {
		return n
	}
	return name
}
