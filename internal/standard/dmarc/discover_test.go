package dmarc_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// world has records at names below "_dmarc.", one record a name, several parted by "|".
func world(records map[string]string) *dnstest.Fake {
	f := &dnstest.Fake{TXT: map[string][]string{}, MX: map[string][]dns.MX{}, Faults: map[string]dns.Kind{}}
	for name, list := range records {
		f.TXT["_dmarc."+name] = strings.Split(list, "|")
	}
	return f
}

func TestDiscover(t *testing.T) {
	const none, quarantine, reject = "v=DMARC1; p=none", "v=DMARC1; p=quarantine", "v=DMARC1; p=reject"
	for _, tt := range []struct {
		name, domain string
		records      map[string]string
		at, org      string
		asked        int
	}{
		{"no record", "mail.example.org", nil, "", "mail.example.org", 3},
		{"its own", "example.org", map[string]string{"example.org": none}, "example.org", "example.org", 2},
		{"of the organisation", "a.mail.example.org", map[string]string{"example.org": none}, "example.org", "example.org", 4},
		{"its own, in an organisation", "mail.example.org", map[string]string{"mail.example.org": reject, "example.org": none}, "mail.example.org", "example.org", 3},
		{"one in between does not apply", "a.mail.example.org", map[string]string{"mail.example.org": reject, "example.org": none}, "example.org", "example.org", 4},
		{"psd=n ends the walk", "a.mail.example.org", map[string]string{"mail.example.org": reject + "; psd=n", "example.org": none}, "mail.example.org", "mail.example.org", 2},
		{"psd=n at the start", "mail.example.org", map[string]string{"mail.example.org": reject + "; psd=n", "example.org": none}, "mail.example.org", "mail.example.org", 1},
		{"a suffix has the policy", "a.mail.example.gov", map[string]string{"gov": reject + "; psd=y"}, "gov", "example.gov", 4},
		{"a suffix, and an organisation", "a.mail.example.gov", map[string]string{"example.gov": none, "gov": reject + "; psd=y"}, "example.gov", "example.gov", 4},
		{"a suffix one level up", "mail.example.org", map[string]string{"example.org": none + "; psd=y"}, "example.org", "mail.example.org", 2},
		{"a suffix itself", "example.org", map[string]string{"example.org": none + "; psd=y", "org": reject}, "example.org", "example.org", 1},
		{"several are none", "mail.example.org", map[string]string{"mail.example.org": none + "|" + reject, "example.org": quarantine}, "example.org", "example.org", 3},
		{"others beside it", "example.org", map[string]string{"example.org": "v=spf1 -all|" + none + "|v=DMARC12"}, "example.org", "example.org", 2},
		{"a long name is cut", "a.b.c.d.e.f.g.h.i.j.mail.example.org", map[string]string{"g.h.i.j.mail.example.org": reject, "example.org": none}, "example.org", "example.org", 8},
		{"nothing between is seen of a long name", "a.b.c.d.e.f.g.h.example.org", map[string]string{"b.c.d.e.f.g.h.example.org": reject}, "", "a.b.c.d.e.f.g.h.example.org", 8},
		{"eight labels", "a.b.c.d.e.f.example.org", map[string]string{"org": none}, "org", "org", 8},
		{"upper case and dot", "Mail.EXAMPLE.org.", map[string]string{"example.org": none}, "example.org", "example.org", 3},
		{"not ASCII", "brev.åre.example", map[string]string{"xn--re-xia.example": none}, "xn--re-xia.example", "xn--re-xia.example", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, err := dmarc.Discover(t.Context(), world(tt.records), tt.domain)
			if err != nil {
				t.Fatal(err)
			}
			if f.At != tt.at || f.Organisation != tt.org || len(f.Steps) != tt.asked || (f.Record == nil) != (tt.at == "") {
				t.Errorf("record at %q, organisation %q, %d names asked for; want %q, %q, %d", f.At, f.Organisation, len(f.Steps), tt.at, tt.org, tt.asked)
			}
		})
	}
}

func TestDiscoverTellsFaultsFromAbsence(t *testing.T) {
	w := world(map[string]string{"mail.example.org": "v=DMARC1; p=none"})
	w.Faults["_dmarc.example.org"] = dns.ServFail
	f, err := dmarc.Discover(t.Context(), w, "mail.example.org")
	if !dns.Is(err, dns.ServFail) || f.Record != nil {
		t.Errorf("got %+v, %v", f, err)
	}
	for _, domain := range []string{"", ".", "a..b", "[192.0.2.1]", strings.Repeat("a", 64) + ".example"} {
		if _, err := dmarc.Discover(t.Context(), w, domain); !dns.Is(err, dns.BadName) {
			t.Errorf("%q: %v", domain, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dmarc.Discover(ended, w, "example.org"); !dns.Is(err, dns.Cancelled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestWalkAsksForTheNamesOfTheStandard(t *testing.T) {
	f, err := dmarc.Discover(t.Context(), world(nil), "a.b.c.d.e.f.g.h.i.j.mail.example.com") // the example of RFC 9989 4.10
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range f.Steps {
		got = append(got, s.Domain)
	}
	want := []string{
		"a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com", "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
