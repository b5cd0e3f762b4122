package onboard

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
)

func (b *bench) rotate(name string) {
	b.t.Helper()
	_, err := b.Rotate(b.t.Context(), name)
	b.ok(err)
}

// zone is the operator's zone as "name key", key empty for a place that holds none.
func (b *bench) zone() []string {
	b.t.Helper()
	var list []string
	b.ok(b.OperatorZone(b.t.Context(), "mx1.operator.example", func(r Record) error {
		if r.Subject == proof.SubjectDKIM {
			revoked := strings.HasSuffix(r.Value, "p=")
			if revoked != (r.Key == "") {
				b.t.Errorf("%+v", r)
			}
			list = append(list, strings.TrimSuffix(strings.TrimSuffix(r.Name, "._domainkey.keys.operator.example.")+" "+string(r.Key), " "))
		}
		return nil
	}))
	return list
}

func TestRotationByTXT(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		b.dns.set("school.example", func(*zoneOf) {})
		b.verify("school.example")
		b.rotate("school.example")
		if got := b.mail.warnings(); !slices.Equal(got, []Warning{WarnRotate}) || b.mail.to[0] != "it@school.example" {
			t.Errorf("letters %v to %v", got, b.mail.to)
		}
		_, err := b.Rotate(t.Context(), "school.example")
		b.says("twice", err, "is under way")
		b.dns.set("school.example", func(z *zoneOf) { z.keys["bk202611n2r"], z.keys["bk202611n2e"] = proof.Missing, proof.Wrong })
		b.verify("school.example")
		if got := b.keys("school.example"); got != "bk202611n2r coming, bk202611r active, bk202611e active, bk202611n2e coming" {
			t.Errorf("before they are seen: %s", got)
		}
		b.dns.set("school.example", func(z *zoneOf) { delete(z.keys, "bk202611n2r") })
		b.verify("school.example")
		if got := b.keys("school.example"); got != "bk202611n2r active, bk202611r retired, bk202611e active, bk202611n2e coming" {
			t.Errorf("one is seen: %s", got)
		}
		b.dns.set("school.example", func(z *zoneOf) { delete(z.keys, "bk202611n2e") })
		b.verify("school.example")
		time.Sleep(6*day - time.Minute)
		b.verify("school.example")
		if got := b.keys("school.example"); got != "bk202611n2r active, bk202611r retired, bk202611e retired, bk202611n2e active" {
			t.Errorf("mail may be on its way: %s", got)
		}
		time.Sleep(time.Minute)
		b.verify("school.example")
		sheet, err := b.Sheet(t.Context(), b.domain("school.example"))
		b.ok(err)
		if len(sheet.Removable) != 2 || sheet.Removable[0].Name != "bk202611r._domainkey.school.example." {
			t.Errorf("what may be removed: %+v", sheet.Removable)
		}
		if i := slices.IndexFunc(sheet.Records, func(r Record) bool { return strings.HasPrefix(r.Name, "bk202611r.") }); i >= 0 {
			t.Error("a withdrawn key is to be published")
		}
		time.Sleep(keepWithdrawn)
		b.verify("school.example")
		if got := b.keys("school.example"); got != "bk202611n2r active, bk202611n2e active" {
			t.Errorf("at the end: %s", got)
		}
		b.told("school.example", "added, added", "live", "rotation: new keys bk202611n2r, bk202611n2e are to be published by the owner of the domain",
			"key bk202611n2r is in DNS everywhere and signs", "key bk202611n2e is in DNS everywhere and signs",
			"key bk202611r is withdrawn, its record may be removed; key bk202611e is withdrawn, its record may be removed",
			"key bk202611r is deleted; key bk202611e is deleted")
	})
}

func TestRotationByCNAME(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("other.example") // publishes for itself
		b.add("school.example", WithSetup(model.SetupCNAME))
		want := func(what string, keys ...string) {
			t.Helper()
			if got := b.zone(); !slices.Equal(got, keys) {
				t.Errorf("%s: the operator's zone has %q, want %q", what, got, keys)
			}
		}
		b.dns.set("school.example", func(*zoneOf) {})
		b.verify("school.example")
		want("at first", "bk2ar active", "bk2br", "bk2ae active", "bk2be")
		b.rotate("school.example")
		want("both", "bk2ar active", "bk2br coming", "bk2ae active", "bk2be coming")
		b.verify("school.example")
		want("switched", "bk2ar retired", "bk2br active", "bk2ae retired", "bk2be active")
		_, err := b.Rotate(t.Context(), "school.example")
		b.says("no place", err, "new ones have no place before 2026-11-30 09:00:00")
		time.Sleep(6 * day)
		b.verify("school.example")
		want("withdrawn", "bk2ar", "bk2br active", "bk2ae", "bk2be active")
		b.rotate("school.example") // the withdrawn keys make room
		b.verify("school.example")
		want("again", "bk2ar active", "bk2br retired", "bk2ae active", "bk2be retired")
		if got := b.mail.warnings(); len(got) > 0 {
			t.Errorf("the customer was bothered: %v", got)
		}
	})
}

// TestSetupChangesByRotation: from one's own records to the operator's and back, with a key that signs all the while.
func TestSetupChangesByRotation(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		b.dns.set("school.example", func(*zoneOf) {})
		b.verify("school.example")
		_, err := b.SetUp(t.Context(), "school.example", model.SetupTXT)
		b.says("as it is", err, "is set up by txt already")
		_, err = b.SetUp(t.Context(), "school.example", model.SetupCNAME)
		b.ok(err)
		b.verify("school.example")
		if got := b.keys("school.example"); got != "bk1ar active, bk202611r retired, bk1ae active, bk202611e retired" {
			t.Errorf("keys %s", got)
		}
		_, err = b.SetUp(t.Context(), "school.example", model.SetupTXT)
		b.ok(err)
		b.verify("school.example")
		if got := b.zone(); !slices.Equal(got, []string{"bk1ar retired", "bk1br", "bk1ae retired", "bk1be"}) {
			t.Errorf("keys that mail on its way is signed with are gone from the operator's zone: %v", got)
		}
		time.Sleep(6 * day)
		b.verify("school.example")
		if got := b.zone(); len(got) > 0 {
			t.Errorf("the operator's zone keeps %v", got)
		}
	})
}

func TestRotationBySchedule(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.RotateAfter, b.Hold = 2*day, 12*hour
		b.add("school.example", WithSetup(model.SetupCNAME))
		waived, err := b.AddDomain(t.Context(), "school", "waived.example", "known")
		b.ok(err)
		b.dns.set("school.example", func(*zoneOf) {})
		b.watch(func() {
			time.Sleep(44 * hour)
			if got := b.keys("school.example"); got != "bk1ar active, bk1ae active" {
				t.Errorf("before it is time: %s", got)
			}
			time.Sleep(12 * hour)
			if got := b.keys("school.example"); got != "bk1ar retired, bk1br active, bk1ae retired, bk1be active" {
				t.Errorf("after: %s", got)
			}
			time.Sleep(20 * hour) // 12 from the switch, and a look that comes up to 7.2 hours later
			if got := b.keys("school.example"); got != "bk1ar withdrawn, bk1br active, bk1ae withdrawn, bk1be active" {
				t.Errorf("when no mail can need them: %s", got)
			}
		})
		if got := b.keys(waived.Name); strings.Contains(got, "coming") {
			t.Errorf("a domain that was never proved: %s", got)
		}
	})
}

// TestNoMomentWithoutAKey follows a rotation with a domain whose name servers disagree, go and come.
func TestNoMomentWithoutAKey(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		b.dns.set("school.example", func(*zoneOf) {})
		b.verify("school.example")
		b.rotate("school.example")
		for i, state := range []proof.State{proof.Missing, proof.Wrong, proof.Unclear, proof.Missing, proof.Proved, proof.Missing, proof.Proved} {
			time.Sleep(time.Minute)
			b.dns.set("school.example", func(z *zoneOf) { z.keys["bk202611n2r"] = state })
			b.verify("school.example")
			keys, err := b.desk.store.SigningKeys(t.Context(), b.domain("school.example").ID)
			b.ok(err)
			if !slices.ContainsFunc(keys, func(k model.SigningKey) bool { return k.Algorithm == model.AlgorithmRSA && k.State == model.KeyActive }) {
				t.Errorf("step %d, %s: no key signs: %s", i, state, b.keys("school.example"))
			}
		}
	})
}
