package dmarc_test

import (
	"slices"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

func TestChange(t *testing.T) {
	for _, tt := range []struct {
		record  string
		policy  dmarc.Policy
		mailbox string
		want    string
	}{
		{"v=DMARC1; p=none", dmarc.Quarantine, "", "v=DMARC1; p=quarantine"},
		{"v=DMARC1;p=none;rua=mailto:a@b.example", dmarc.Quarantine, "d@o.example", "v=DMARC1; p=quarantine; rua=mailto:a@b.example,mailto:d@o.example"},
		{"v=DMARC1; p=none; rua=mailto:D@O.example!10m", dmarc.Reject, "d@o.example", "v=DMARC1; p=reject; rua=mailto:D@O.example"},
		{"v=DMARC1; p=quarantine; sp=none; np=reject; adkim=s; aspf=s", dmarc.Reject, "", "v=DMARC1; p=reject; sp=none; np=reject; adkim=s; aspf=s"},
		{"v=DMARC1; p=quarantine; sp=reject", dmarc.Reject, "", "v=DMARC1; p=reject"}, // what it says is the default now
		{"v=DMARC1; p=reject; t=y; pct=0", dmarc.Reject, "", "v=DMARC1; p=reject"},
		{"v=DMARC1; p=none; ruf=mailto:f@b.example; fo=1:d; rf=afrf; ri=3600", dmarc.Quarantine, "", "v=DMARC1; p=quarantine; ruf=mailto:f@b.example; fo=1:d"},
		{"v=DMARC1; p=none; psd=n; x=kept", dmarc.Quarantine, "", "v=DMARC1; p=quarantine; psd=n; x=kept"},
		{"v=DMARC1; p=reject; rua=https://b.example/dmarc", dmarc.Quarantine, "d@o.example", "v=DMARC1; p=quarantine; rua=https://b.example/dmarc,mailto:d@o.example"},
	} {
		r, _ := dmarc.Parse(tt.record)
		if got := dmarc.Change(r, tt.policy, tt.mailbox); got != tt.want {
			t.Errorf("%s to %s:\n  got %s\n want %s", tt.record, tt.policy, got, tt.want)
		}
	}
}

func TestProtect(t *testing.T) {
	for record, want := range map[string]string{
		"v=DMARC1; p=none; rua=mailto:a@b.example": "v=DMARC1; p=none; np=reject; rua=mailto:a@b.example",
		"v=DMARC1; p=quarantine; np=none; t=y":     "v=DMARC1; p=quarantine; np=reject; t=y; pct=0",
		"v=DMARC1; p=reject":                       "v=DMARC1; p=reject",
	} {
		r, _ := dmarc.Parse(record)
		if got := dmarc.Protect(r, ""); got != want {
			t.Errorf("%s:\n  got %s\n want %s", record, got, want)
		}
	}
}

// FuzzChange: whatever a record says, changed it is read as one with the new policy, the same modes and the same mailboxes.
func FuzzChange(f *testing.F) {
	f.Add("v=DMARC1; p=none; rua=mailto:a@b.example!5m, mailto:c@d.example; adkim=s")
	f.Add("v=DMARC1; p=none; sp=quarantine; np=reject; fo=1; ruf=mailto:f@b.example; psd=u; t=y; zz=;")
	f.Fuzz(func(t *testing.T, text string) {
		r, _ := dmarc.Parse(text)
		if r == nil {
			return
		}
		changed := dmarc.Change(r, dmarc.Quarantine, "")
		again, faults := dmarc.Parse(changed)
		if again == nil || again.Policy != dmarc.Quarantine || again.Testing || again.DKIM != r.DKIM || again.SPF != r.SPF {
			t.Fatalf("%q became %q, read as %+v, %v", text, changed, again, faults)
		}
		addresses := func(list []dmarc.URI) (out []string) {
			for _, u := range list {
				out = append(out, u.Address)
			}
			return out
		}
		if a, b := addresses(r.Aggregate), addresses(again.Aggregate); !slices.Equal(a, b) {
			t.Fatalf("%q became %q: mailboxes %q are now %q", text, changed, a, b)
		}
	})
}
