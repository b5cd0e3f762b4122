package dnstest

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dns"
)

func TestFake(t *testing.T) {
	one := netip.MustParseAddr("192.0.2.1")
	f := &Fake{
		MX:        map[string][]dns.MX{"a.example": {{Preference: 10, Host: "mx.example"}}},
		A:         map[string][]netip.Addr{"mx.example": {one}},
		TXT:       map[string][]string{"a.example": {"hello"}},
		PTR:       map[netip.Addr][]string{one: {"mx.example"}},
		CNAME:     map[string]string{"www.example": "a.example", "x.example": "y.example", "y.example": "x.example", "z.example": "none.example"},
		Faults:    map[string]dns.Kind{"sick.example": dns.ServFail, "TXT a.example": dns.Timeout},
		Authentic: map[string]bool{"a.example": true},
		NS:        map[string][]string{"example": {"ns.example"}},
		SOA:       map[string][]dns.SOA{"example": {{Server: "ns.example", Serial: 7}}},
		TLSA:      map[string][]dns.TLSA{"_25._tcp.mx.example": {{Usage: 3, Data: []byte{1}}}},
		Strings:   map[string][][]string{"cut.example": {{"one ", "two"}}},
	}
	ctx := t.Context()
	if a, err := f.LookupMX(ctx, "WWW.example."); err != nil || a.Records[0].Host != "mx.example" || a.Name != "a.example" || a.Authentic {
		t.Errorf("MX by alias: %+v, %v", a, err)
	}
	if a, err := f.LookupMX(ctx, "a.example"); err != nil || !a.Authentic {
		t.Errorf("MX: %+v, %v", a, err)
	}
	if a, err := f.LookupA(ctx, "mx.example"); err != nil || a.Records[0] != one {
		t.Errorf("A: %+v, %v", a, err)
	}
	if a, err := f.LookupPTR(ctx, one); err != nil || a.Records[0] != "mx.example" {
		t.Errorf("PTR: %+v, %v", a, err)
	}
	if a, err := f.LookupNS(ctx, "example"); err != nil || a.Records[0] != "ns.example" {
		t.Errorf("NS: %+v, %v", a, err)
	}
	if a, err := f.LookupSOA(ctx, "example"); err != nil || a.Records[0].Serial != 7 {
		t.Errorf("SOA: %+v, %v", a, err)
	}
	if a, err := f.LookupTLSA(ctx, "_25._tcp.mx.example"); err != nil || a.Records[0].Usage != 3 {
		t.Errorf("TLSA: %+v, %v", a, err)
	}
	if a, err := f.LookupCNAME(ctx, "www.example"); err != nil || a.Records[0] != "a.example" || a.Name != "www.example" {
		t.Errorf("CNAME: %+v, %v", a, err)
	}
	if a, err := f.LookupTXT(ctx, "cut.example"); err != nil || a.Records[0] != "one two" {
		t.Errorf("TXT of strings: %+v, %v", a, err)
	}
	f.TXT["long.example"] = []string{strings.Repeat("x", 300)}
	if a, err := f.LookupStrings(ctx, "long.example"); err != nil || len(a.Records[0]) != 2 || len(a.Records[0][0]) != 255 {
		t.Errorf("long TXT: %+v, %v", a, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	for name, tt := range map[string]struct {
		err  func() error
		want dns.Kind
	}{
		"unknown":   {func() error { _, err := f.LookupMX(ctx, "none.example"); return err }, dns.NXDomain},
		"no AAAA":   {func() error { _, err := f.LookupAAAA(ctx, "mx.example"); return err }, dns.NoData},
		"fault":     {func() error { _, err := f.LookupA(ctx, "sick.example"); return err }, dns.ServFail},
		"of a type": {func() error { _, err := f.LookupTXT(ctx, "a.example"); return err }, dns.Timeout},
		"circle":    {func() error { _, err := f.LookupA(ctx, "x.example"); return err }, dns.Loop},
		"dangling":  {func() error { _, err := f.LookupA(ctx, "z.example"); return err }, dns.NXDomain},
		"no PTR":    {func() error { _, err := f.LookupPTR(ctx, netip.MustParseAddr("192.0.2.2")); return err }, dns.NXDomain},
		"no addr":   {func() error { _, err := f.LookupPTR(ctx, netip.Addr{}); return err }, dns.BadName},
		"no alias":  {func() error { _, err := f.LookupCNAME(ctx, "a.example"); return err }, dns.NoData},
		"cancelled": {func() error { _, err := f.LookupA(ended, "mx.example"); return err }, dns.Cancelled},
	} {
		if err := tt.err(); !dns.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func TestAddReadsRecords(t *testing.T) {
	f := &Fake{}
	for _, r := range []string{
		"A.example. 60 IN MX 10 MX.example.", "mx.example. A 192.0.2.1", "mx.example. AAAA 2001:db8::1", `a.example. TXT "one \"" "two"`, "www.example. CNAME a.example.",
		"example. NS ns.example.", "example. SOA ns.example. host.example. 7 2 3 4 5", "_25._tcp.mx.example. TLSA 3 1 1 abcd",
	} {
		if err := f.Add(r); err != nil {
			t.Error(err)
		}
	}
	ctx := t.Context()
	if a, err := f.LookupMX(ctx, "www.example"); err != nil || a.Records[0].Host != "mx.example" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := f.LookupStrings(ctx, "a.example"); err != nil || a.Records[0][0] != `one "` || len(a.Records[0]) != 2 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err := f.LookupTLSA(ctx, "_25._tcp.mx.example"); err != nil || a.Records[0].Data[0] != 0xab {
		t.Errorf("%+v, %v", a, err)
	}
	for _, r := range []string{"", "a.example. MX x", "a.example. HINFO x y"} {
		if f.Add(r) == nil {
			t.Errorf("%q was taken", r)
		}
	}
}
