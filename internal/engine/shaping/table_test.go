package shaping

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// operators is a file as an operator may write it.
const operators = `
[[rule]]
name = "newsletter-pool"
mx = ["google.com"]
pool = ["bulk"]
per_minute = 600

[[rule]]
name = "school"
domain = ["school.example"]
connections = 2

[[rule]]
name = "old-address"
from = ["192.0.2.9", "2001:db8::/32"]
per_second = 0.5

[[rule]]
name = "ours"
route = true
per_hour = 10_000

[[rule]]
name = "google-more"
mx = ["google.com"]
connections = 8
per_minute = 6000 # the first rule has it for its pool

[[rule]]
name = "one-site"
site = ["mx.(a|b).one.example"]
tls = "none"
messages_per_connection = 7
mixed = true
`

func table(t testing.TB, text string) *Table {
	t.Helper()
	var classes []string
	for _, c := range bounce.Classes() {
		classes = append(classes, string(c))
	}
	table, err := New(strings.NewReader(text), classes...)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestPrecedenceIsByKnob(t *testing.T) {
	rules := table(t, operators)
	google := []string{"gmail-smtp-in.l.google.com", "alt1.gmail-smtp-in.l.google.com"}
	for _, c := range []struct {
		name string
		q    Query
		want map[Knob]string // value and origin
		path string
	}{
		{"embedded rule, and what it lacks from the last", Query{Domain: "a.example", Hosts: []string{"MTA5.AM0.YAHOODNS.NET."}, Site: "s"}, map[Knob]string{
			Connections: "10 default", Messages: "20 yahoo", Recipients: "20 yahoo", PerSecond: "100 default", TLS: "opportunistic default", ConnectionsPerMinute: "100 default",
		}, "s"},
		{"the operator's knobs before the embedded ones", Query{Domain: "a.example", Hosts: google, Site: "s"}, map[Knob]string{
			Connections: "8 google-more", Messages: "50 google", PerMinute: "6000 google-more", TLS: "required google",
		}, "s"},
		{"of two of the operator's the first", Query{Domain: "a.example", Hosts: google, Site: "s", Pool: "bulk"}, map[Knob]string{
			Connections: "8 google-more", PerMinute: "600 newsletter-pool",
		}, "s"},
		{"a recipient domain goes apart", Query{Domain: "mail.school.example", Hosts: google, Site: "s"}, map[Knob]string{
			Connections: "2 school", PerMinute: "6000 google-more",
		}, "s#school"},
		{"not every name that ends so", Query{Domain: "oldschool.example", Hosts: []string{"mx.notgoogle.com"}, Site: "s"}, map[Knob]string{
			Connections: "10 default", Messages: "100 default",
		}, "s"},
		{"the first host decides", Query{Hosts: []string{"mx.a.example", "backup.google.com"}}, map[Knob]string{Connections: "10 default"}, ""},
		{"our address", Query{Source: netip.MustParseAddr("192.0.2.9"), Hosts: google}, map[Knob]string{PerSecond: "0.5 old-address"}, ""},
		{"our address in a prefix", Query{Source: netip.MustParseAddr("2001:db8::5")}, map[Knob]string{PerSecond: "0.5 old-address"}, ""},
		{"another address", Query{Source: netip.MustParseAddr("192.0.2.8")}, map[Knob]string{PerSecond: "100 default"}, ""},
		{"site", Query{Site: "mx.(a|b).one.example"}, map[Knob]string{TLS: "none one-site", Messages: "7 one-site", Mixed: "true one-site"}, "mx.(a|b).one.example"},
		{"fixed route", Query{Site: "route:r", Route: true, Hosts: []string{"x.google.com"}}, map[Knob]string{
			Connections: "8 google-more", PerHour: "10000 ours", Mixed: "true route", Recipients: "100 route", PerSecond: "0 route",
		}, "route:r"},
		{"connections of a fixed route", Query{Route: true, RouteConnections: 50}, map[Knob]string{Connections: "50 delivery.route"}, ""},
		{"nothing is known", Query{}, map[Knob]string{Connections: "10 default", Mixed: "false default"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := rules.Limits(c.q)
			for k, want := range c.want {
				if got := l.Value(k) + " " + l.Origins[k].Rule; got != want {
					t.Errorf("%s: %s, want %s", k, got, want)
				}
			}
			if got := l.Path(c.q.Site); got != c.path {
				t.Errorf("path %q, want %q", got, c.path)
			}
			for k, o := range l.Origins {
				if o == nil || o.Line == 0 && o.File != "configuration" {
					t.Errorf("%s comes from %v", Knob(k), o)
				}
			}
		})
	}
	if o := rules.Limits(Query{Hosts: google}).Origins[Connections]; o.String() != "google-more (shaping.toml:26)" {
		t.Errorf("origin %s", o)
	}
}

func TestNodesShare(t *testing.T) {
	l := Limits{Connections: 10, ConnectionsPerMinute: 100, Messages: 50, Recipients: 20, PerSecond: 5, PerMinute: 2}
	want := Limits{Connections: 3, ConnectionsPerMinute: 33, Messages: 50, Recipients: 20, PerSecond: 5. / 3, PerMinute: 1}
	if got := l.Share(3); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if l.Share(1) != l || l.Share(0) != l {
		t.Error("one node has not all")
	}
}

// TestProvidersAreKnown is the table that the field keeps to.
func TestProvidersAreKnown(t *testing.T) {
	for _, c := range []struct {
		host                              string
		connections, messages, recipients int
		tls                               smtp.TLSMode
	}{
		{"gmail-smtp-in.l.google.com", 5, 50, 50, smtp.TLSRequired},
		{"alt1.gmr-smtp-in.l.googlemail.com", 5, 50, 50, smtp.TLSRequired},
		{"mta5.am0.yahoodns.net", 10, 20, 20, smtp.TLSOpportunistic},
		{"hotmail-com.olc.protection.outlook.com", 5, 50, 50, smtp.TLSOpportunistic},
		{"school-se.mail.protection.outlook.com", 5, 50, 50, smtp.TLSOpportunistic},
		{"school-se.p-v1.mx.microsoft", 5, 50, 50, smtp.TLSOpportunistic},
		{"mx01.mail.icloud.com", 10, 5, 20, smtp.TLSOpportunistic},
		{"mx1.comcast.net", 25, 1000, 50, smtp.TLSRequired},
		{"smtp-in.orange.fr", 2, 100, 20, smtp.TLSRequired},
		{"google.com.example", 10, 100, 50, smtp.TLSOpportunistic},
	} {
		l := Default().Limits(Query{Hosts: []string{c.host}})
		if l.Connections != c.connections || l.Messages != c.messages || l.Recipients != c.recipients || l.TLS != c.tls || l.PerSecond != 100 || l.Mixed {
			t.Errorf("%s: %+v", c.host, l)
		}
	}
}

func TestFaultsOfAFileAreNamed(t *testing.T) {
	const name = "[[rule]]\nname = \"x\"\n"
	for _, c := range []struct{ text, want string }{
		{"[[rule]]\nname = \"x\n", "shaping rules shaping.toml, line 2: "},
		{name + "conections = 3\n", `shaping rules shaping.toml, line 3: unknown key "rule.conections"; docs/shaping.md names those there are`},
		{"\n[[rule]]\nname = \"X y\"\nconnections = 1\n", `shaping rules shaping.toml, line 2, rule "X y": the name must be of small letters, digits and hyphens, at most 64`},
		{name, `line 1, rule "x": it gives no limit; docs/shaping.md names those there are`},
		{name + "connections = 0\n", `rule "x": connections: 0 is not a number from 1 to 10000`},
		{name + "messages_per_connection = 1.5\n", `messages_per_connection: 1.5 is not a number from 1 to 1e+06`},
		{name + "per_second = nan\n", `per_second: NaN is not a number from 0 to 1e+06`},
		{name + "tls = \"implicit\"\n", `tls: "implicit" is not none, opportunistic or required`},
		{name + "date = \"yesterday\"\n", `date: "yesterday" is not a day such as 2026-11-24`},
		{name + "mx = [\".\"]\n", `mx and domain hold names of at least one label`},
		{name + "from = [\"here\"]\nconnections = 1\n", `from: "here" is not an address or prefix of ours, such as 192.0.2.1 or 192.0.2.0/24`},
		{name + "connections = 1\n" + name + "connections = 2\n", `line 4, rule "x": the name is taken by a rule before it`},
		{"[[answer]]\nname = \"a\"\npause = \"1h\"\n", `rule "a": it fits every answer; give class, code, enhanced or text`},
		{"[[answer]]\nname = \"a\"\nclass = [\"rate\"]\n", `rule "a": class "rate" is none of: user-unknown, `},
		{"[[answer]]\nname = \"a\"\ncode = [250]\n", `code 250 is no reply code of a failure`},
		{"[[answer]]\nname = \"a\"\nenhanced = [\"4.7\"]\n", `enhanced "4.7" is no status code; write them as 4.7.28 or *.7.28`},
		{"[[answer]]\nname = \"a\"\ntext = [\" \"]\n", `text and not hold words, none may be empty`},
		{"[[answer]]\nname = \"a\"\ncode = [4]\nfactor = 1.0\n", `factor: 1 is not between 0 and 1`},
		{"[[answer]]\nname = \"a\"\ncode = [4]\nper_hour = -1\n", `a rate of -1 is below 0`},
		{"[[answer]]\nname = \"a\"\ncode = [4]\nafter = 5000\n", `after: 5000 is not between 1 and 1000`},
		{"[[answer]]\nname = \"a\"\ncode = [4]\nconnections = -1\n", `connections: -1 is below 0`},
		{"[[answer]]\nname = \"a\"\ncode = [4]\npause = \"999h\"\n", `pause: 999h0m0s is not between 0s and 168h0m0s`},
		{"[[answer]]\nname = \"a\"\ncode = [4]\nfactor = 0.5\nfor = \"0s\"\n", `for: 0s is not between 1s and 168h0m0s`},
	} {
		_, err := New(strings.NewReader(c.text), "user-unknown", "rate-limited")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %s", c.text, err, c.want)
		}
	}
	if _, err := Load("testdata/none.toml"); err == nil || !strings.Contains(err.Error(), "shaping rules testdata/none.toml cannot be read") {
		t.Errorf("no such file: %v", err)
	}
}

// FuzzLoad looks for a file that breaks the loader, or gives a limit that nobody can send under.
func FuzzLoad(f *testing.F) {
	f.Add(operators)
	f.Add(embedded)
	f.Fuzz(func(t *testing.T, text string) {
		table, err := New(strings.NewReader(text))
		if err != nil {
			return
		}
		l := table.Limits(Query{Domain: "school.example", Hosts: []string{"mx.google.com"}, Site: "s", Pool: "bulk"})
		if l.Connections < 1 || l.Messages < 1 || l.Recipients < 1 || l.PerSecond < 0 || l.TLS == "" {
			t.Fatalf("%+v", l)
		}
		table.answerTo(&Query{}, &Said{Code: 421, Enhanced: "4.7.28", Text: text})
	})
}
