package shaping

import (
	_ "embed" // the rules are part of the program
	"errors"
	"io"
	"math"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Bounds of a file. The embedded one has a tenth of them.
const (
	maxFile  = 1 << 20
	maxRules = 1000
)

// embeddedName is the embedded file's name in what is said of it.
const embeddedName = "embedded rules.toml"

//go:embed rules.toml
var embedded string

// ruleFile is the form of the files; rules.toml explains it.
type ruleFile struct {
	Rule   []ruleText   `toml:"rule"`
	Answer []answerText `toml:"answer"`
}

// conditionText is common to rules and answers.
type conditionText struct {
	Name   string   `toml:"name"`
	Source string   `toml:"source"` // of what the rule says, for people
	Date   string   `toml:"date"`
	MX     []string `toml:"mx"`
	Domain []string `toml:"domain"`
	Site   []string `toml:"site"`
	From   []string `toml:"from"`
	Pool   []string `toml:"pool"`
	Route  *bool    `toml:"route"`
}

type ruleText struct {
	conditionText
	Connections          *float64 `toml:"connections"`
	ConnectionsPerMinute *float64 `toml:"connections_per_minute"`
	Messages             *float64 `toml:"messages_per_connection"`
	Recipients           *float64 `toml:"recipients_per_message"`
	PerSecond            *float64 `toml:"per_second"`
	PerMinute            *float64 `toml:"per_minute"`
	PerHour              *float64 `toml:"per_hour"`
	Mixed                *bool    `toml:"mixed"`
	TLS                  *string  `toml:"tls"`
}

// Default returns the embedded rules.
func Default() *Table {
	t, err := New(nil)
	if err != nil {
		panic("embedded rules of shaping: " + err.Error()) // a test loads them
	}
	return t
}

// Load returns the embedded rules with those of a file before them; an empty path stands for none. Classes are the words
// that an answer's class may be; none: any.
func Load(path string, classes ...string) (*Table, error) {
	if path == "" {
		return New(nil, classes...)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, wording.Errorf("shaping rules %s cannot be read: %w", path, err)
	}
	defer f.Close()
	return New(f, classes...)
}

// New is Load of what is open; nil stands for none. Errors name the file where the reader has a Name.
func New(own io.Reader, classes ...string) (*Table, error) {
	t := &Table{}
	if own != nil {
		name := "shaping.toml"
		if n, ok := own.(interface{ Name() string }); ok {
			name = n.Name()
		}
		text, err := io.ReadAll(io.LimitReader(own, maxFile+1))
		switch {
		case err != nil:
			return nil, wording.Errorf("shaping rules %s cannot be read: %w", name, err)
		case len(text) > maxFile:
			return nil, wording.Errorf("shaping rules %s are larger than %d octets", name, maxFile)
		}
		if t.own, err = t.load(name, string(text), classes); err != nil {
			return nil, err
		}
	}
	var err error
	t.rules, err = t.load(embeddedName, embedded, classes)
	return t, err
}

func (t *Table) load(file, text string, classes []string) ([]rule, error) {
	var f ruleFile
	md, err := toml.Decode(text, &f)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return nil, wording.Errorf("shaping rules %s, line %d: %s", file, pe.Position.Line, pe.Message)
		}
		return nil, wording.Errorf("shaping rules %s: %w", file, err)
	}
	at := locate(text)
	if unknown := md.Undecoded(); len(unknown) > 0 {
		key := unknown[0]
		return nil, wording.Errorf("shaping rules %s, line %d: unknown key %q; docs/shaping.md names those there are", file, at.first(key[len(key)-1]), key.String())
	}
	if n := len(f.Rule) + len(f.Answer); n > maxRules {
		return nil, wording.Errorf("shaping rules %s: %d rules are too many, at most %d", file, n, maxRules)
	}
	rules := make([]rule, len(f.Rule))
	for i := range f.Rule {
		lines := at.table("[[rule]]", i)
		if rules[i], err = f.Rule[i].read(file, lines); err != nil {
			return nil, wording.Errorf("shaping rules %s, line %d, rule %q: %w", file, lines[""], f.Rule[i].Name, err)
		}
		if slices.ContainsFunc(rules[:i], func(o rule) bool { return o.name == rules[i].name }) {
			return nil, wording.Errorf("shaping rules %s, line %d, rule %q: %w", file, lines[""], f.Rule[i].Name, wording.Errorf("the name is taken by a rule before it"))
		}
	}
	for i := range f.Answer {
		lines := at.table("[[answer]]", i)
		a, err := f.Answer[i].read(file, lines[""], classes)
		if err != nil {
			return nil, wording.Errorf("shaping rules %s, line %d, rule %q: %w", file, lines[""], f.Answer[i].Name, err)
		}
		t.answers = append(t.answers, a)
	}
	return rules, nil
}

func (t *ruleText) read(file string, lines map[string]int) (rule, error) {
	r := rule{name: t.Name}
	origin := func(key string) *Origin { return &Origin{t.Name, file, lines[key]} }
	var err error
	if r.condition, err = t.conditionText.read(); err != nil {
		return r, err
	}
	given := false
	for k, n := range []*float64{t.Connections, t.ConnectionsPerMinute, t.Messages, t.Recipients, t.PerSecond, t.PerMinute, t.PerHour} {
		if n == nil {
			continue
		}
		b := knobs[k]
		if math.IsNaN(*n) || *n < b.min || *n > b.max || b.whole && *n != math.Trunc(*n) {
			return r, wording.Errorf("%s: %g is not a number from %g to %g", b.name, *n, b.min, b.max)
		}
		given = true
		r.values[k] = value{given: true, number: *n, origin: origin(b.name)}
	}
	if t.Mixed != nil {
		given = true
		r.values[Mixed] = value{given: true, origin: origin("mixed")}
		if *t.Mixed {
			r.values[Mixed].number = 1
		}
	}
	if t.TLS != nil {
		mode := smtp.TLSMode(*t.TLS)
		if mode != smtp.TLSNone && mode != smtp.TLSOpportunistic && mode != smtp.TLSRequired {
			return r, wording.Errorf("tls: %q is not none, opportunistic or required", *t.TLS)
		}
		given = true
		r.values[TLS] = value{given: true, tls: mode, origin: origin("tls")}
	}
	if !given {
		return r, wording.Errorf("it gives no limit; docs/shaping.md names those there are")
	}
	return r, nil
}

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func (t *conditionText) read() (condition, error) {
	c := condition{sites: t.Site, pools: t.Pool, route: t.Route}
	if !ruleName.MatchString(t.Name) {
		return c, wording.Errorf("the name must be of small letters, digits and hyphens, at most 64")
	}
	if t.Date != "" {
		if _, err := time.Parse(time.DateOnly, t.Date); err != nil {
			return c, wording.Errorf("date: %q is not a day such as 2026-11-24", t.Date)
		}
	}
	for _, name := range t.MX {
		c.mx = append(c.mx, strings.ToLower(strings.Trim(name, ".")))
	}
	for _, name := range t.Domain {
		c.domains = append(c.domains, strings.ToLower(strings.Trim(name, ".")))
	}
	if slices.Contains(c.mx, "") || slices.Contains(c.domains, "") {
		return c, wording.Errorf("mx and domain hold names of at least one label")
	}
	for _, text := range t.From {
		p, err := netip.ParsePrefix(text)
		if a, aerr := netip.ParseAddr(text); aerr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return c, wording.Errorf("from: %q is not an address or prefix of ours, such as 192.0.2.1 or 192.0.2.0/24", text)
		}
		c.from = append(c.from, p)
	}
	return c, nil
}
