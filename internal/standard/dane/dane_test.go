package dane_test

import (
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dane"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

func record(usage, selector, matching uint8, data []byte) dns.TLSA {
	return dns.TLSA{Usage: usage, Selector: selector, Matching: matching, Data: data}
}

func TestFault(t *testing.T) {
	digest := make([]byte, 32)
	good, bad := record(3, 1, 1, digest), record(0, 1, 1, digest)
	for _, tt := range []struct {
		r    dns.TLSA
		want string
	}{
		{good, ""},
		{bad, "usage 0 is not for mail"},
		{record(3, 2, 1, digest), "selector 2 is not known"},
		{record(3, 1, 3, digest), "matching type 3 is not known"},
		{record(3, 1, 1, digest[:31]), "the digest has 31 octets"},
		{record(3, 1, 2, digest), "the digest has 32 octets"},
		{record(3, 1, 0, nil), "has no data"},
	} {
		if got := dane.Fault(tt.r).String(); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%+v: %q, want %q", tt.r, got, tt.want)
		}
	}
	if got := dane.RecordName("mx.example.org", 25); got != "_25._tcp.mx.example.org" {
		t.Error(got)
	}
}
