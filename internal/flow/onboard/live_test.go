package onboard

import (
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/store"
)

func TestFromAddedToLive(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		d := b.add("school.example")
		if d.Token == "" || d.Setup != model.SetupTXT || d.State.MaySend() {
			t.Errorf("%+v", d)
		}
		c := b.verify("School.Example.")
		if c.Ready() || c.Before != model.DomainAdded {
			t.Errorf("%+v", c.Domain)
		}
		b.state("school.example", model.DomainWaiting, "ownership", "spf", "dkim", "dmarc")
		b.dns.set("school.example", func(*zoneOf) {})
		before := b.signals(store.SignalDirectory)
		c = b.verify("school.example")
		if !c.Ready() || c.Before != model.DomainWaiting || b.signals(store.SignalDirectory) != before+1 {
			t.Errorf("%+v", c.Domain)
		}
		d = b.domain("school.example")
		if !d.ReturnPath || d.OwnedAt.IsZero() || d.Reason != "" || !d.CheckedAt.Equal(time.Now()) {
			t.Errorf("%+v", d)
		}
		b.told("school.example", "added, added", "waiting: ownership, spf, dkim, dmarc", "live")
		if len(b.mail.warnings()) > 0 {
			t.Errorf("letters %v: nothing was lost", b.mail.warnings())
		}
		before = b.signals(store.SignalDirectory)
		b.verify("school.example")
		if b.signals(store.SignalDirectory) != before {
			t.Error("a check that changed nothing woke the nodes")
		}
	})
}

func TestAClaimLapses(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		claimed := b.domain("school.example")
		b.add("owned.example")
		b.dns.set("owned.example", func(z *zoneOf) { z.spf, z.path = proof.Missing, proof.Missing })
		b.verify("owned.example")
		b.state("owned.example", model.DomainWaiting, "spf")
		ask := func(name string) error {
			_, err := b.AddDomain(t.Context(), "shop", name, "")
			return err
		}
		time.Sleep(14*day - time.Second)
		err := ask("school.example")
		b.says("before its time", err, "belongs to another account")
		if strings.Contains(strings.TrimPrefix(err.Error(), "domain school.example"), "school") {
			t.Errorf("the owner is named: %v", err)
		}
		b.says("below it", ask("sub.school.example"), "is below school.example")
		_, err = b.AddDomain(t.Context(), "school", "school.example", "")
		if !store.Is(err, store.Exists) {
			t.Errorf("its own again: %v", err)
		}
		time.Sleep(time.Second)
		b.ok(ask("sub.school.example"))
		b.ok(ask("school.example"))
		b.says("once proved it stays", ask("owned.example"), "belongs to another account")
		evs, err := b.desk.store.ListEvents(t.Context(), store.EventFilter{Domain: claimed.ID, Limit: 1})
		if err != nil || !strings.HasPrefix(evs[0].Data.Reason, "claim lapsed") {
			t.Errorf("%+v, %v", evs, err)
		}
	})
}

func TestSubdomainsOfOthers(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("town.example", WithOpenSubdomains(true))
		_, err := b.AddDomain(t.Context(), "shop", "shop.town.example", "")
		b.ok(err)
		_, err = b.Open(t.Context(), "town.example", false)
		b.ok(err)
		_, err = b.AddDomain(t.Context(), "shop", "more.town.example", "")
		b.says("closed", err, "is below town.example")
		b.told("town.example", "added, added", "subdomains are closed to other accounts")
	})
}

func TestWaiver(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		_, err := b.Waive(t.Context(), "school.example", "called them")
		b.ok(err)
		c := b.verify("school.example")
		if !c.Ready() {
			t.Errorf("%+v", c.Domain)
		}
		b.state("school.example", model.DomainLive, "ownership", "spf", "dkim", "dmarc")
		if got := b.keys("school.example"); got != "bk202611r active, bk202611e active" {
			t.Errorf("keys %s", got)
		}
		_, err = b.Waive(t.Context(), "school.example", "")
		b.ok(err)
		time.Sleep(3 * time.Minute)
		b.verify("school.example")
		b.state("school.example", model.DomainStopped, "ownership", "spf", "dkim", "dmarc")
	})
}

func TestDomainsOfBeforeThereWereTokens(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		d := b.add("school.example")
		d.Token = ""
		b.ok(b.desk.store.ChangeDomain(t.Context(), store.DomainChange{Domain: d, From: d.State}))
		sheet, err := b.Sheet(t.Context(), b.domain("school.example"))
		b.ok(err)
		token := b.domain("school.example").Token
		if token == "" || sheet.Records[0].Value != proof.OwnershipPrefix+token {
			t.Errorf("token %q, record %+v", token, sheet.Records[0])
		}
	})
}

// TestSheet reads what is to be published as a name server does, before anything is there and after.
func TestSheet(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		fake := &dnstest.Fake{}
		b.Resolver = fake
		for _, tt := range []struct {
			name  string
			setup model.Setup
			want  string
		}{
			{"txt.example", model.SetupTXT, `_budkavle-challenge.txt.example. TXT, bk202611r._domainkey.txt.example. TXT active, bk202611e._domainkey.txt.example. TXT active, ` +
				`bounce.txt.example. CNAME, txt.example. TXT, _dmarc.txt.example. TXT`},
			{"cname.example", model.SetupCNAME, `_budkavle-challenge.cname.example. TXT, bk2ar._domainkey.cname.example. CNAME active, bk2ae._domainkey.cname.example. CNAME active, ` +
				`bk2br._domainkey.cname.example. CNAME, bk2be._domainkey.cname.example. CNAME, bounce.cname.example. CNAME, cname.example. TXT, _dmarc.cname.example. TXT`},
		} {
			d := b.add(tt.name, WithSetup(tt.setup))
			sheet, err := b.Sheet(t.Context(), d)
			b.ok(err)
			var got []string
			for _, r := range sheet.Records {
				got = append(got, strings.TrimSpace(r.Name+" "+r.Type+" "+string(r.Key)))
				rr, err := dns.NewRR(r.Zone())
				if err != nil || rr.Header().Name != r.Name || r.State != "" {
					t.Errorf("%s: %v, %v", r.Zone(), rr, err)
				}
				if txt, ok := rr.(*dns.TXT); ok && strings.Join(txt.Txt, "") != r.Value {
					t.Errorf("%s is read as %v", r.Zone(), rr)
				}
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("%s\nwant %s", text, tt.want)
			}
			b.dns.set(tt.name, func(*zoneOf) {})
			b.verify(tt.name)
			sheet, err = b.Sheet(t.Context(), d)
			b.ok(err)
			if sheet.At.IsZero() || sheet.Records[0].State != proof.Proved || sheet.Records[1].State != proof.Proved {
				t.Errorf("after a check %+v", sheet.Records[:2])
			}
		}
		fake.TXT = map[string][]string{"txt.example": {"v=spf1 mx -all", "other"}, "_dmarc.txt.example": {"v=DMARC1; p=reject; rua=mailto:a@txt.example"}}
		sheet, err := b.Sheet(t.Context(), b.domain("txt.example"))
		b.ok(err)
		spf, dmarc := sheet.Records[4].Value, sheet.Records[5].Value
		if spf != "v=spf1 mx include:spf.operator.example -all" || dmarc != "v=DMARC1; p=reject; rua=mailto:a@txt.example,mailto:dmarc@bounce.operator.example" || sheet.Unread || sheet.NeedsSPF {
			t.Errorf("%q, %q, %+v", spf, dmarc, sheet)
		}
		fake.TXT["txt.example"] = []string{"v=spf1 nonsense:x -all"}
		sheet, err = b.Sheet(t.Context(), b.domain("txt.example"))
		b.ok(err)
		if !sheet.NeedsSPF {
			t.Errorf("an SPF record that cannot be read is changed: %+v", sheet.Records)
		}
	})
}

// TestPlacesOfTheNextKeys: what is missing for the next rotation is told before it begins, and keeps nothing shut.
func TestPlacesOfTheNextKeys(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.Resolver = &dnstest.Fake{CNAME: map[string]string{"bk1br._domainkey.school.example": "bk1br._domainkey.keys.operator.example"}}
		d := b.add("school.example", WithSetup(model.SetupCNAME))
		b.dns.set("school.example", func(*zoneOf) {})
		c := b.verify("school.example")
		if !c.Ready() || len(c.Report.Findings) != 1 || c.Report.Findings[0].Code != "no-place" || c.Report.Findings[0].Name != "bk1be._domainkey.school.example" {
			t.Errorf("%+v", c.Report.Findings)
		}
		sheet, err := b.Sheet(t.Context(), d)
		b.ok(err)
		if br, be := sheet.Records[3], sheet.Records[4]; br.State != proof.Proved || be.State != proof.Missing {
			t.Errorf("%+v, %+v", br, be)
		}
	})
}

func TestSetupNeedsAZone(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.KeyZone = ""
		_, err := b.AddDomain(t.Context(), "school", "school.example", "", WithSetup(model.SetupCNAME))
		b.says("no zone", err, "set domains.key_zone")
		_, err = b.AddDomain(t.Context(), "school", "school.example", "", WithSetup("ns"))
		b.says("no such set-up", err, `set-up "ns": use txt or cname`)
	})
}

// TestProofIsBounded: however much a name has in DNS, what is kept of it has an end, and what matters stays.
func TestProofIsBounded(t *testing.T) {
	long := strings.Repeat("x", 200)
	r := proof.Report{Domain: "school.example", Records: []proof.Answered{{Record: proof.Record{Name: "a."}, State: proof.Wrong}, {Record: proof.Record{Name: "b."}, State: proof.Proved}}}
	for range 1000 {
		r.Records[0].Found = append(r.Records[0].Found, long)
		r.Requirements = append(r.Requirements, proof.Requirement{Provider: long})
	}
	b := encodeProof(r)
	if len(b) > store.MaxProof || !strings.Contains(string(b), `"state":"wrong"`) || !strings.Contains(string(b), `"found":["xxx`) {
		t.Errorf("%d octets: %.300s", len(b), b)
	}
	if len(r.Records[0].Found) != 1000 {
		t.Error("the caller's report was changed")
	}
}
