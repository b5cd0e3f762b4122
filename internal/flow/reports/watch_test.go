package reports

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

const day = 24 * time.Hour

// golden compares with a file of testdata, or writes it with -update.
func golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

// TestStages takes a domain from none to reject, and back when its mail begins to fail.
func TestStages(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.wellFor(13)
		b.watch(time.Hour)
		if got := b.events(); got != "" {
			t.Fatalf("after 13 days: %s", got)
		}
		sent, err := b.store.SentDays(t.Context(), b.domain.ID, 0, b.today())
		b.ok(err)
		if len(sent) != 13 || !sent[0].Aligned || sent[0].Delivered != 1 {
			t.Errorf("sent: %+v", sent)
		}

		b.delivered(b.today())
		b.reported(b.today(), row(ours, 100), row(stranger, 7))
		b.watch(40 * day) // proposed the next day, and once more after a month
		want := "dmarc-forward: none to quarantine: on 14 days with reports 100 % of the domain's own mail passed, and we sent on 14 of them"
		if got := b.events(); got != want+"\n"+want && got != want {
			t.Errorf("events:\n%s", got)
		}
		if len(b.letters.list) == 0 {
			t.Fatal("no letter")
		}
		golden(t, "forward.letter", b.letters.list[0])

		b.publish("v=DMARC1; p=quarantine; rua=mailto:dmarc@bounce.operator.example")
		told := len(b.letters.list)
		b.watch(day)
		b.wellFor(10) // days under the old policy do not count for the next step
		b.watch(2 * day)
		if len(b.letters.list) != told {
			t.Errorf("a step too early: %s", b.letters.list[told])
		}
		for range 15 {
			time.Sleep(day)
			b.wellFor(1)
			b.watch(time.Hour)
		}
		if got := b.events(); !strings.Contains(got, "quarantine to reject") || len(b.letters.list) != told+1 {
			t.Errorf("%d letters, events:\n%s", len(b.letters.list), got)
		}

		told = len(b.letters.list)
		fails := row(known, 60)
		fails.Disposition = "quarantine"
		b.reported(b.today(), row(ours, 100), fails)
		b.watch(10 * day)
		if len(b.letters.list) != told+1 {
			t.Fatalf("%d letters, events:\n%s", len(b.letters.list)-told, b.events())
		}
		golden(t, "back.letter", b.letters.list[told])
	})
}

// TestProposedOnceAMonth: an owner who does nothing is not nagged.
func TestProposedOnceAMonth(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.wellFor(14)
		for range 35 {
			b.watch(time.Hour)
			time.Sleep(23 * time.Hour)
			b.wellFor(1)
		}
		if n := strings.Count(b.events(), "none to quarantine"); n != 2 || len(b.letters.list) != 2 {
			t.Errorf("%d events and %d letters in 35 days, want 2", n, len(b.letters.list))
		}
	})
}

// broken is a store that cannot tell the stage of one domain.
type broken struct {
	store.Store
	domain model.DomainID
}

func (s broken) Stage(ctx context.Context, id model.DomainID) (model.Stage, error) {
	if id == s.domain {
		return model.Stage{}, &store.Error{Kind: store.Internal, Op: "stage"}
	}
	return s.Store.Stage(ctx, id)
}

// TestOneDomainFails: the others are looked at all the same, and the round is not done.
func TestOneDomainFails(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.wellFor(14)
		first, err := b.store.AddDomain(t.Context(), model.Domain{Name: "a.example", Account: b.domain.Account, State: model.DomainLive, Setup: model.SetupTXT}, nil, model.Event{ID: b.IDs.Next(), Kind: model.EventDomain, At: time.Now()})
		b.ok(err)
		b.Service.Store = broken{b.store, first.ID}
		if err := b.round(t.Context()); err == nil || !strings.Contains(err.Error(), "a.example") {
			t.Errorf("the round ends with %v", err)
		}
		if len(b.letters.list) != 1 {
			t.Errorf("%d letters", len(b.letters.list))
		}
	})
}

// TestWatchWaitsForDNS: what was counted stays, nothing is decided, and nobody is asked more than once a day.
func TestWatchWaitsForDNS(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.wellFor(20)
		b.dns.Faults = map[string]dns.Kind{"_dmarc.school.example": dns.ServFail}
		b.watch(2 * day)
		if got := b.events(); got != "" {
			t.Errorf("without DNS: %s", got)
		}
		st, err := b.Standing(t.Context(), b.domain)
		b.ok(err)
		if st.Unread.IsZero() || st.Verdict.Move != "" {
			t.Errorf("%+v", st)
		}
		b.dns.Faults = nil
		b.watch(2 * day)
		if got := b.events(); !strings.Contains(got, "none to quarantine") {
			t.Errorf("with DNS: %q", got)
		}
	})
}

// TestTwoWatches: two nodes on one store tell the owner once.
func TestTwoWatches(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.wellFor(20)
		for range 2 {
			b.ok(b.round(t.Context()))
		}
		stale := b.domain
		b.ok(b.look(t.Context(), &stale))
		if len(b.letters.list) != 1 || strings.Count(b.events(), "\n") != 0 {
			t.Errorf("%d letters, events:\n%s", len(b.letters.list), b.events())
		}
	})
}

func TestStandingNamesWhoFails(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.wellFor(20)
		for i := range 5 {
			b.reported(b.today()-2-model.Day(i), row(known, 9), row(stranger, 30))
		}
		b.ok(b.round(t.Context()))
		st, err := b.Standing(t.Context(), b.domain)
		b.ok(err)
		if v := st.Verdict; v.Move != stage.Stay || len(v.Would) != 2 || v.Would[0].Kind != stage.Stranger || v.Would[1].Name != "Mailchimp" || v.Own != 45 {
			t.Errorf("%+v", v)
		}
		if !st.Reports || st.At != "school.example" || st.Zone != `_dmarc.school.example. IN TXT "v=DMARC1; p=quarantine; rua=mailto:dmarc@bounce.operator.example"` {
			t.Errorf("%+v", st)
		}
		if len(st.Advice) != 1 || !strings.Contains(st.Advice[0].Zone, "p=none; np=reject") {
			t.Errorf("advice: %+v", st.Advice)
		}
		if len(b.letters.list) != 0 {
			t.Error("a known sender fails, and a step was proposed")
		}

		delete(b.dns.TXT, "_dmarc.school.example")
		st, err = b.Standing(t.Context(), b.domain)
		b.ok(err)
		if st.At != "" || st.Zone != `_dmarc.school.example. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@bounce.operator.example"` {
			t.Errorf("without a record: %+v", st)
		}
	})
}
