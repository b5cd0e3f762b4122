package reputation

import (
	_ "embed" // the table is part of the program
	"net/netip"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/budkavle/budkavle/internal/base/wording"
)

//go:embed lists.toml
var builtin string

// Kind is what a list names.
type Kind string

// Kinds of lists.
const (
	Addresses Kind = "ip"
	Domains   Kind = "domain"
)

// Weight says how much a listing matters.
type Weight string

// Weights.
const (
	High   Weight = "high"   // large receivers refuse mail for it
	Medium Weight = "medium" // many receivers refuse mail or count it
	Low    Weight = "low"    // few look at it
)

// List is one blocklist, and what its answers mean.
type List struct {
	Zone    string   `toml:"zone"`
	Also    []string `toml:"also"` // further zones with the same data
	Name    string   `toml:"name"`
	Kind    Kind     `toml:"kind"`
	IPv6    bool     `toml:"ipv6"`    // it knows IPv6 addresses
	Base    bool     `toml:"base"`    // it wants domains as they were registered, without host names
	Test    string   `toml:"test"`    // an entry that is always listed; empty: none is known
	Source  string   `toml:"source"`  // where its operator says what the answers mean
	Removal string   `toml:"removal"` // where to ask to be taken off; empty: not known
	Weight  Weight   `toml:"weight"`
	Codes   []Code   `toml:"code"`

	refusals []Code // of every list
	key      string // a label in front of the zone; a secret
}

// Code is what one answer means.
type Code struct {
	Answers  []Range `toml:"answers"`
	Bit      byte    `toml:"bit"` // of the last octet; 0: Answers count
	Refusal  bool    `toml:"refusal"`
	Name     string  `toml:"name"`
	Weight   Weight  `toml:"weight"` // empty: that of the list
	Means    string  `toml:"means"`
	MeansSV  string  `toml:"means_sv"`
	Change   string  `toml:"change"`
	ChangeSV string  `toml:"change_sv"`
}

// Range is an address, or a network, that a list answers with.
type Range struct{ netip.Prefix }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Range) UnmarshalText(text []byte) (err error) {
	if strings.Contains(string(text), "/") {
		r.Prefix, err = netip.ParsePrefix(string(text))
		return err
	}
	addr, err := netip.ParseAddr(string(text))
	r.Prefix = netip.PrefixFrom(addr, addr.BitLen())
	return err
}

// String is the zone without its key.
func (l List) String() string { return l.Zone }

// GoString is the zone without its key.
func (l List) GoString() string { return l.Zone }

// Table is what is known of blocklists.
type Table struct {
	Dated    string `toml:"dated"` // when it was last checked: 2026-11-24
	Refusals []Code `toml:"refusal"`
	Lists    []List `toml:"list"`
}

// Known is the built-in table.
func Known() *Table {
	t := new(Table)
	if _, err := toml.Decode(builtin, t); err != nil {
		panic("reputation: the built-in lists: " + err.Error()) // a test reads them
	}
	for i := range t.Refusals {
		t.Refusals[i].Refusal = true
	}
	for i := range t.Lists {
		t.Lists[i].refusals = t.Refusals
		if t.Lists[i].Kind == Addresses && t.Lists[i].Test == "" {
			t.Lists[i].Test = "2.0.0.127" // RFC 5782 5
		}
	}
	return t
}

// List is the list of a zone, asked under a key if that is not empty. Any answer in 127.0.0.0/8 but the known refusals is a
// listing in a zone that the table does not know. The error says that the zone is known for the other kind, whose answers
// would be misread.
func (t *Table) List(zone, key string, kind Kind) (List, error) {
	zone = strings.ToLower(strings.TrimSuffix(zone, "."))
	l := List{Name: zone, Kind: kind, IPv6: true, Weight: Medium, refusals: t.Refusals}
	for i := range t.Lists {
		for _, own := range append(t.Lists[i].Also, t.Lists[i].Zone) {
			front, inside := strings.CutSuffix(zone, "."+own)
			if zone != own && !inside {
				continue
			}
			if l = t.Lists[i]; inside { // the key was written as it is asked, in front of the zone
				zone, key = own, front
			}
		}
	}
	switch {
	case l.Kind != kind && kind == Addresses:
		return List{}, wording.Errorf("%s lists domains, not addresses; name it under domain_blocklists", zone)
	case l.Kind != kind:
		return List{}, wording.Errorf("%s lists addresses, not domains; name it under blocklists", zone)
	}
	l.Zone, l.key = zone, strings.ToLower(key)
	return l, nil
}

// Swedish maps the texts of the built-in table.
func Swedish() map[string]string {
	t := Known()
	m := map[string]string{}
	add := func(codes []Code) {
		for i := range codes {
			c := &codes[i]
			m[c.Means], m[c.Change] = c.MeansSV, c.ChangeSV
		}
	}
	add(t.Refusals)
	for i := range t.Lists {
		add(t.Lists[i].Codes)
	}
	delete(m, "")
	return m
}
