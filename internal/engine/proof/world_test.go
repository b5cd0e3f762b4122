package proof

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/standard/mtasts"
)

// world is what a case of testdata/faults.txt says: DNS as it is, as a resolver remembers it, and mailboxes.
type world struct {
	now, old *dnstest.Fake
	expected Expected
	boxes    map[string]Acceptance
	policy   string // of MTA-STS
	lagging  bool   // the second name server knows no TXT record
}

// key reads a public key of testdata/keys; the cases name it as $NAME.
func key(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "keys", name))
	if err != nil {
		t.Fatal(err)
	}
	der, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// encoded is a public key as records have it.
func encoded(t *testing.T, name string) string {
	t.Helper()
	return base64.StdEncoding.EncodeToString(key(t, name))
}

var keyNames = []string{"RSA", "OTHER", "ALIAS", "WEAK", "SHORT", "ED"}

// school is what is expected of school.example.
func school(t *testing.T) Expected {
	t.Helper()
	return Expected{
		Domain: "school.example", Token: "tok123", ReturnPath: "bounce.school.example", ReturnTarget: "bounce.op.example", Include: "_spf.op.example",
		Keys: []Key{
			{Selector: "r1", Algorithm: "rsa", Public: key(t, "RSA")},
			{Selector: "a1", Algorithm: "rsa", Public: key(t, "ALIAS"), Target: "a1._domainkey.op.example"},
			{Selector: "e1", Algorithm: "ed25519", Public: key(t, "ED")},
		},
		Sources: []netip.Addr{netip.MustParseAddr("192.0.2.25"), netip.MustParseAddr("2001:db8::25")}, ReportTo: "dmarc@op.example",
		Senders: []string{"info@school.example", "shop@elsewhere.example"},
	}
}

// read builds a world: the lines of base, and over them those of a case. A line is a record, which takes the place of those of
// the same name and type in base, "- name TYPE", which takes them away, "! TYPE name kind", a fault, "old RECORD", which
// only the resolver remembers, "box ADDRESS CODE TEXT", or "with KEY VALUE", what is expected.
func read(t *testing.T, base, text string) *world {
	t.Helper()
	w := &world{now: &dnstest.Fake{Faults: map[string]dns.Kind{}}, expected: school(t), boxes: map[string]Acceptance{}}
	w.old = &dnstest.Fake{Expires: time.Date(2026, 11, 24, 14, 30, 0, 0, time.UTC)}
	var now, old []string
	replaced := map[string]bool{}
	for _, line := range lines(text) {
		fields := strings.Fields(line)
		switch fields[0] {
		case "-":
			replaced[fields[1]+" "+fields[2]] = true
		case "!":
			w.now.Faults[fields[1]+" "+strings.TrimSuffix(fields[2], ".")] = dns.Kind(strings.Join(fields[3:], " "))
		case "old":
			old = append(old, strings.TrimPrefix(line, "old "))
		case "box":
			w.box(fields[1], fields[2], strings.Join(fields[3:], " "))
		case "with":
			w.with(t, fields[1], strings.Join(fields[2:], " "))
		default:
			now = append(now, line)
			replaced[fields[0]+" "+fields[1]] = true
		}
	}
	for _, line := range lines(base) {
		if f := strings.Fields(line); !replaced[f[0]+" "+f[1]] {
			now = append(now, line)
		}
	}
	fill(t, w.now, now)
	olds := map[string]bool{}
	for _, line := range old {
		f := strings.Fields(line)
		olds[f[0]+" "+f[1]] = true
	}
	for _, line := range now {
		if f := strings.Fields(line); !olds[f[0]+" "+f[1]] {
			old = append(old, line)
		}
	}
	fill(t, w.old, slices.DeleteFunc(old, func(l string) bool { return strings.HasSuffix(l, " gone") }))
	w.old.Faults = w.now.Faults
	return w
}

func lines(text string) []string {
	var list []string
	for _, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, ";") {
			list = append(list, line)
		}
	}
	return list
}

func fill(t *testing.T, f *dnstest.Fake, records []string) {
	t.Helper()
	for _, r := range records {
		for _, name := range keyNames {
			text := encoded(t, name)
			if len(text) > 237 {
				r = strings.NewReplacer("$"+name+".1", text[:200], "$"+name+".2", text[200:], "$"+name+".cut", text[:237]).Replace(r)
			}
			r = strings.ReplaceAll(r, "$"+name, quoted(text))
		}
		if err := f.Add(r); err != nil {
			t.Fatal(err)
		}
	}
}

// quoted splits a key within a quoted text, as zone files want it.
func quoted(s string) string {
	if len(s) > 200 {
		return s[:200] + `" "` + s[200:]
	}
	return s
}

func (w *world) box(address, code, text string) {
	a := Acceptance{Asked: true, Host: "mx.school.example", Reply: code + " " + text, Taken: code[0] == '2', Passing: code[0] == '4'}
	w.boxes[address] = a
}

func (w *world) with(t *testing.T, name, value string) {
	t.Helper()
	switch name {
	case "sender":
		w.expected.Senders = append(w.expected.Senders, value)
	case "key":
		w.expected.Keys[0].Public = key(t, value)
	case "coming":
		w.expected.Keys[0].Coming = true
	case "policy":
		w.policy = strings.ReplaceAll(value, ", ", "\n")
	case "lagging":
		w.lagging = true
	case "signed":
		w.now.Authentic = map[string]bool{value: true}
		w.old.Authentic = w.now.Authentic
	case "no-return-path":
		w.expected.ReturnPath = ""
	case "no-include":
		w.expected.Include = ""
	default:
		t.Fatalf("with %s: no such thing", name)
	}
}

// Accepts implements Probe: who is not named takes mail.
func (w *world) Accepts(_ context.Context, _ string, addresses []string) ([]Acceptance, error) {
	var list []Acceptance
	for _, address := range addresses {
		a, ok := w.boxes[address]
		switch {
		case !ok:
			a = Acceptance{Asked: true, Taken: true, Host: "mx.school.example", Reply: "250 2.1.5 ok"}
		case a.Reply[0] == '0':
			return nil, errors.New("connection refused")
		case a.Reply[0] == '-':
			a = Acceptance{Why: wording.Say("%s serves mailboxes of private persons", "mx.school.example")}
		}
		list = append(list, a)
	}
	return list, nil
}

func (w *world) checker() *Checker {
	return New(Config{Resolver: w.old, Authority: servers{w.now, w}, Clock: fixed{}, Probe: w, Policies: w, Blocklists: w})
}

// Fetch implements Policies.
func (w *world) Fetch(context.Context, string) (*mtasts.Policy, error) {
	if w.policy == "" {
		return nil, errors.New("404 Not Found")
	}
	return mtasts.ParsePolicy(w.policy + "\n")
}

// Domain implements Blocklists.
func (w *world) Domain(context.Context, string) []finding.Finding { return nil }

// servers are two name servers, the second of which may lag behind.
type servers struct {
	*dnstest.Fake
	w *world
}

func (s servers) LookupTXTEverywhere(ctx context.Context, name string) ([]dns.Shown, error) {
	answer, err := s.LookupTXT(ctx, name)
	second := dns.Shown{Server: "ns2.school.example", Records: answer.Records, Err: err}
	if s.w.lagging {
		second = dns.Shown{Server: "ns2.school.example", Err: &dns.Error{Kind: dns.NXDomain, Name: name, Type: "TXT"}}
	}
	return []dns.Shown{{Server: "ns1.school.example", Records: answer.Records, Err: err}, second}, nil
}

// fixed is a clock that stands.
type fixed struct{ clock.System }

func (fixed) Now() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) }
