package validate

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got; -update writes it):\n%s", name, d)
	}
}

// one is the address of every host.
var one = []netip.Addr{netip.MustParseAddr("192.0.2.1")}

func mx(host string) []dns.MX { return []dns.MX{{Preference: 10, Host: host}} }

// world is what the tests' DNS knows.
func world() *dnstest.Fake {
	f := &dnstest.Fake{
		MX: map[string][]dns.MX{
			"null.example": mx(""), "dead.example": mx("mx.gone.example"), "half.example": {{Preference: 10, Host: "mx.gone.example"}, {Preference: 20, Host: "mx.example"}},
			"sickmx.example": mx("mx.sick.example"), "gmial.com": mx("mx.example"), "mailinator.com": mx("mx.example"), "a.b.mailinator.com": mx("mx.example"),
			"xn--rksmrgs-5wao1o.example": mx("mx.example"), "gmaik.com": mx("mx.example"), "skolan.com": mx("mx.example"), "six.example": mx("mx6.example"),
			"xn--googe-hof.example": mx("mx.example"), "xn--80ak6aa92e.com": mx("mx.example"),
		},
		A:      map[string][]netip.Addr{"mx.example": one, "host.example": one, "gmeil.com": one, "null.example": one},
		AAAA:   map[string][]netip.Addr{"mx6.example": {netip.MustParseAddr("2001:db8::1")}},
		TXT:    map[string][]string{"text.example": {"v=spf1 -all"}},
		Faults: map[string]dns.Kind{"sick.example": dns.ServFail, "mx.sick.example": dns.Timeout, "slow.example": dns.Timeout},
	}
	for _, d := range append(entries(popularList), "skola.example") {
		f.MX[d] = mx("mx.example")
	}
	return f
}

type blocked map[string]model.SuppressionKind

func (b blocked) Suppressed(_ context.Context, account model.AccountID, keys []string) ([]model.Suppression, error) {
	if kind, ok := b[fmt.Sprint(account, " ", keys[0])]; ok {
		since := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
		return []model.Suppression{{Kind: model.SuppressAllow}, {Kind: model.SuppressUnsubscribe, Tag: "news"}, {Kind: kind, CreatedAt: since}, {Kind: model.SuppressBounce}}, nil
	}
	if keys[0] == "broken@skola.example" {
		return nil, errors.New("the store is away")
	}
	return nil, nil
}

func validator(t testing.TB, r dns.Resolver) *Validator {
	t.Helper()
	d, err := NewDisposable("", clock.System{}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return New(Config{Resolver: r, Clock: clock.System{}, Disposable: d, Suppressions: blocked{"1 anna@skola.example": model.SuppressBounce}})
}

// inWords is a result on one line.
func inWords(r Result) string {
	var codes []string
	for _, c := range r.Codes() {
		codes = append(codes, string(c))
	}
	s := string(r.Verdict) + " " + string(r.Risk) + " [" + strings.Join(codes, " ") + "]"
	if r.DidYouMean != "" {
		s += " " + r.DidYouMean
	}
	return s
}

func TestCheck(t *testing.T) {
	v := validator(t, world())
	for _, tt := range []struct{ address, want string }{
		{"anna.berg@skola.example", "deliverable low []"},
		{"  Anna.Berg@SKOLA.example\t", "deliverable low []"},
		{"anna@half.example", "deliverable low []"},
		{"anna@six.example", "deliverable low []"},
		{"anna+tag@gmail.com", "deliverable low []"},
		{"anna@räksmörgås.example", "deliverable low []"},

		{"anna", "undeliverable high [malformed_address]"},
		{"", "undeliverable high [malformed_address]"},
		{"anna..berg@skola.example", "undeliverable high [malformed_address] anna.berg@skola.example"},
		{"Anna Berg <anna.berg@skola.example>", "undeliverable high [malformed_address] anna.berg@skola.example"},
		{"anna@gmail,com", "undeliverable high [malformed_address] anna@gmail.com"},
		{"mailto:anna@gmial.com;", "undeliverable high [malformed_address] anna@gmail.com"},
		{"anna@none_such.example", "undeliverable high [malformed_address]"},
		{"anna@none.example.", "undeliverable high [malformed_address]"},

		{"anna@none.example", "undeliverable high [no_mx domain_not_found]"},
		{"anna@text.example", "undeliverable high [no_mx]"},
		{"anna@null.example", "undeliverable high [no_mx null_mx]"},
		{"anna@dead.example", "undeliverable high [no_mx mx_not_found]"},
		{"anna@host.example", "deliverable medium [implicit_mx]"},
		{"anna@sick.example", "unknown unknown [dns_failure]"},
		{"anna@slow.example", "unknown unknown [dns_failure]"},
		{"anna@sickmx.example", "unknown unknown [dns_failure]"},
		{"info@slow.example", "unknown unknown [dns_failure mailbox_is_role_address]"},
		{"anna@[192.0.2.1]", "do_not_send high [address_literal]"},

		{"anna@gmial.com", "do_not_send high [known_typo] anna@gmail.com"},
		{"anna@gmaik.com", "deliverable low []"}, // it takes mail, so it is what it is
		{"anna@gmsil.com", "undeliverable high [no_mx domain_not_found possible_typo] anna@gmail.com"},
		{"anna@gmeil.com", "deliverable medium [implicit_mx possible_typo] anna@gmail.com"},
		{"anna@skolan.comm", "undeliverable high [no_mx domain_not_found possible_typo] anna@skolan.com"},
		{"anna@skolen.comm", "undeliverable high [no_mx domain_not_found]"},
		{"anna@hotmail.con", "undeliverable high [no_mx domain_not_found possible_typo] anna@hotmail.com"},

		{"info@skola.example", "deliverable medium [mailbox_is_role_address]"},
		{"Rektor@skola.example", "deliverable medium [mailbox_is_role_address]"},
		{"no-reply@skola.example", "do_not_send high [mailbox_is_role_address mailbox_is_not_read]"},
		{"anna@mailinator.com", "do_not_send high [mailbox_is_disposable_address]"},
		{"anna@a.b.mailinator.com", "do_not_send high [mailbox_is_disposable_address]"},
		{"åsa@skola.example", "deliverable medium [smtputf8_needed]"},
		{"anna@googӏe.example", "deliverable medium [lookalike_domain]"},
		{"anna@аррӏе.com", "deliverable medium [lookalike_domain]"},
		{"anna@gmаil.com", "undeliverable high [no_mx domain_not_found lookalike_domain possible_typo] anna@gmail.com"},
		{"anna@skola.example", "do_not_send high [suppressed]"},
	} {
		r, err := v.Check(t.Context(), 1, tt.address)
		if err != nil || inWords(r) != tt.want {
			t.Errorf("%q: %s, %v\nwant %s", tt.address, inWords(r), err, tt.want)
		}
	}
	if r, err := v.Check(t.Context(), 2, "anna@skola.example"); err != nil || r.Verdict != Deliverable {
		t.Errorf("suppressed for another account: %s, %v", inWords(r), err)
	}
}

func TestCheckFails(t *testing.T) {
	v := validator(t, world())
	if _, err := v.Check(t.Context(), 1, "broken@skola.example"); err == nil || err.Error() != "the store is away" {
		t.Errorf("store: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, a := range []string{"anna@skola.example", "anna@skola..example"} {
		if _, err := v.Check(ended, 1, a); !errors.Is(err, context.Canceled) {
			t.Errorf("%s with an ended context: %v", a, err)
		}
	}
}

func TestJSONIsMailguns(t *testing.T) {
	r, err := validator(t, world()).Check(t.Context(), 1, "info@gmsil.com")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "answer.golden", string(got)+"\n")
}

// isemail is public test data that stands beside the repository.
const isemail = "../../../../shared/data/addresses/isemail.tsv"

func TestIsemail(t *testing.T) {
	data, err := os.ReadFile(isemail)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the public test data is not beside the repository: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	v := validator(t, world())
	agreed, all := 0, 0
	var refused strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		f := strings.Split(line, "\t")
		var address string
		if err := json.Unmarshal([]byte(f[1]), &address); err != nil {
			t.Fatal(err)
		}
		value, err := strconv.Atoi(f[4])
		if err != nil {
			t.Fatal(err)
		}
		r, err := v.Check(t.Context(), 1, address)
		if err != nil {
			t.Fatal(err)
		}
		usable, word := len(r.Reasons) == 0 || r.Reasons[0].Code != Malformed, "agrees"
		all++
		switch {
		case usable == (value <= 15):
			agreed++
		case strings.TrimSpace(address) != address: // what stands around an address in a file is dropped
			word = "trimmed,"
		default:
			t.Errorf("%s %q (%s): %s", f[0], address, f[3], inWords(r))
		}
		switch {
		case !usable:
			fmt.Fprintf(&refused, "%s %s %s: %s\n", f[0], word, f[3], r.Reasons[0].Text)
		case word != "agrees":
			fmt.Fprintf(&refused, "%s %s %s: taken as %q\n", f[0], word, f[3], r.Address)
		}
	}
	golden(t, "isemail.golden", fmt.Sprintf("# agreement with isemail on what SMTP can use (diagnosis 15 or less), and what is refused and why;\n# the rest differs only in that spaces around an address are dropped first, as files have them\nagreed on %d of %d\n%s", agreed, all, &refused))
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"a@b.example", "<a@gmail,com>", `"a b"@gmial.con`, "a@[IPv6:::1]", "å@xn--a.comm", "a@@b..c", "mailto:", "a@gm\u0430il.com"} {
		f.Add(s)
	}
	v := validator(f, world())
	f.Fuzz(func(t *testing.T, s string) {
		r, err := v.Check(t.Context(), 2, s)
		if err != nil && !strings.Contains(s, "broken@") {
			t.Fatal(err)
		}
		if len(r.Address) > 3*maxShown || r.DidYouMean != "" && r.DidYouMean == strings.TrimSpace(s) {
			t.Errorf("%q: %+v", s, r)
		}
		if r.DidYouMean != "" { // what is proposed is itself an address
			if again, err := v.Check(t.Context(), 2, r.DidYouMean); err != nil || again.Verdict == Undeliverable && r.Reasons[0].Code != Malformed {
				t.Errorf("%q: proposed %q, which is %s, %v", s, r.DidYouMean, inWords(again), err)
			}
		}
		if _, err := json.Marshal(r); err != nil {
			t.Error(err)
		}
	})
}
