package lab

import (
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

// pasted has the form in which budkavle domain show prints records.
const pasted = `
; School: TXT records over 255 octets are in parts
school.example. IN TXT "v=spf1 include:_spf.budkavle.example -all"
school.example. IN TXT "budkavle-verification=x"
bk1._domainkey.school.example. IN TXT "v=DKIM1; k=rsa; p=AAAA" "BBBB"
bk2._domainkey.school.example. IN CNAME bk2._domainkey.budkavle.example.
bk2._domainkey.budkavle.example. IN TXT "v=DKIM1; k=ed25519; p=CCCC"
one.example. IN MX 20 own.one.example.
`

func TestReplaceTakesWhatIsPastedAndNothingOfBefore(t *testing.T) {
	l := start(t, "records = '''\nold.example. A 127.0.0.9\n'''\n"+one("", ""), newClock())
	if err := l.Publish("added.example. A 127.0.0.9"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time is the same
		if err := l.Replace(pasted); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, qtype string
			want        []string
		}{
			{"school.example", "TXT", []string{`"v=spf1 include:_spf.budkavle.example -all"`, `"budkavle-verification=x"`}},
			{"bk1._domainkey.school.example", "TXT", []string{`"v=DKIM1; k=rsa; p=AAAA" "BBBB"`}},
			{"bk2._domainkey.school.example", "TXT", []string{"bk2._domainkey.budkavle.example.", `"v=DKIM1; k=ed25519; p=CCCC"`}},
			{"one.example", "MX", []string{"20 own.one.example."}},
			{"mx.one.example", "A", []string{"127.0.9.1"}},
			{"old.example", "A", nil},
			{"added.example", "A", nil},
		} {
			if got := values(ask(t, l, "udp", tt.name, tt.qtype).Answer); !slices.Equal(got, tt.want) {
				t.Errorf("%s %s: %q, want %q", tt.name, tt.qtype, got, tt.want)
			}
		}
	}
	for _, tt := range []struct{ records, want string }{
		{"new.example. A 127.0.0.1\nnew.example. MX x", "MX"},
		{"new.example. A 192.0.2.1", "not loopback"},
		{"new.example. CNAME a.example.\nnew.example. TXT x", "new.example. has a CNAME and other records"},
		{"new.example. CNAME a.example.\nnew.example. CNAME b.example.", "has a CNAME and other records"},
		{"mx.one.example. CNAME a.example.", "mx.one.example. has a CNAME and other records"},
		{"$GENERATE 1-1001 new.example. TXT \"$\"", "has over 1000 records"},
	} {
		if err := l.Replace(tt.records); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.records, err, tt.want)
		}
		if m := ask(t, l, "udp", "new.example", "A"); m.Rcode != mdns.RcodeNameError {
			t.Errorf("%q: half of it was published", tt.records)
		}
	}
	if err := l.Publish("school.example. CNAME a.example.\nnew.example. A 127.0.0.1"); err == nil || len(ask(t, l, "udp", "new.example", "A").Answer) > 0 {
		t.Errorf("Publish: error %v, or half of it was published", err)
	}
	if n := len(ask(t, l, "udp", "school.example", "TXT").Answer); n != 2 {
		t.Errorf("after errors %d records of two stay", n)
	}
}
