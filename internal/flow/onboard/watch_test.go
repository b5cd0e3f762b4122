package onboard

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPace(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return at.Add(-d) }
	coming := []model.SigningKey{{State: model.KeyComing}}
	missed := []model.SigningKey{{State: model.KeyActive, MissedAt: at}}
	s := settings()
	for _, tt := range []struct {
		name string
		d    model.Domain
		keys []model.SigningKey
		want time.Duration
	}{
		{"just added", model.Domain{State: model.DomainAdded, CreatedAt: at}, nil, time.Minute},
		{"nine minutes", model.Domain{State: model.DomainWaiting, CreatedAt: ago(9 * time.Minute)}, nil, time.Minute},
		{"a quarter", model.Domain{State: model.DomainWaiting, CreatedAt: ago(15 * time.Minute)}, nil, 5 * time.Minute},
		{"two hours", model.Domain{State: model.DomainWaiting, CreatedAt: ago(2 * hour)}, nil, hour},
		{"a week", model.Domain{State: model.DomainWaiting, CreatedAt: ago(7 * day)}, nil, 6 * hour},
		{"a month", model.Domain{State: model.DomainWaiting, CreatedAt: ago(30 * day)}, nil, day},
		{"a month, and asked for now", model.Domain{State: model.DomainWaiting, CreatedAt: ago(30 * day), AskedAt: at}, nil, time.Minute},
		{"live", model.Domain{State: model.DomainLive}, nil, 6 * hour},
		{"live and suspected", model.Domain{State: model.DomainLive, Lacks: []string{"spf"}}, nil, 3 * time.Minute},
		{"live by waiver", model.Domain{State: model.DomainLive, Lacks: []string{"spf"}, Waiver: "x"}, nil, 6 * hour},
		{"a key was missed", model.Domain{State: model.DomainLive}, missed, 3 * time.Minute},
		{"a rotation began", model.Domain{State: model.DomainLive, RotatedAt: ago(time.Minute)}, coming, time.Minute},
		{"a rotation nobody answers", model.Domain{State: model.DomainLive, RotatedAt: ago(30 * day)}, coming, 6 * hour},
		{"degraded now", model.Domain{State: model.DomainDegraded, ChangedAt: ago(time.Minute)}, nil, 15 * time.Minute},
		{"degraded long", model.Domain{State: model.DomainDegraded, ChangedAt: ago(day)}, nil, hour},
		{"stopped", model.Domain{State: model.DomainStopped, ChangedAt: ago(day)}, nil, hour},
	} {
		if got := s.pace(&tt.d, tt.keys, at); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if spread(10*hour, 0) != 8*hour || spread(10*hour, 0.5) != 10*hour {
		t.Error("delays are spread by a fifth")
	}
}

// TestWatch follows a domain from added to live, through a fault, and back, without anybody asking.
func TestWatch(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		b.watch(func() {
			time.Sleep(5 * time.Minute)
			if n := b.dns.asked(time.Time{}); n < 4 || n > 8 {
				t.Errorf("%d checks in five minutes after it was added", n)
			}
			b.state("school.example", model.DomainWaiting, "ownership", "spf", "dkim", "dmarc")
			b.dns.set("school.example", func(*zoneOf) {})
			time.Sleep(2 * time.Minute)
			b.state("school.example", model.DomainLive)
			at := time.Now()
			time.Sleep(day)
			if n := b.dns.asked(at); n < 3 || n > 6 {
				t.Errorf("%d checks of a live domain in a day", n)
			}
			b.dns.set("school.example", func(z *zoneOf) { z.dmarc = proof.Missing })
			time.Sleep(12 * hour)
			b.state("school.example", model.DomainDegraded, "dmarc")
			b.dns.set("school.example", func(z *zoneOf) { z.dmarc = proof.Proved })
			time.Sleep(2 * hour)
			b.state("school.example", model.DomainLive)
		})
		b.told("school.example", "added, added", "waiting: ownership, spf, dkim, dmarc", "live", "degraded: dmarc", "live")
		if got := b.mail.warnings(); !slices.Equal(got, []Warning{WarnDegraded, WarnMended}) {
			t.Errorf("letters %v", got)
		}
	})
}

// TestKeysVanish: a key that is gone stops to sign; the domain stops when nothing is aligned any more, and all comes back.
func TestKeysVanish(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		b.dns.set("school.example", func(*zoneOf) {})
		b.watch(func() {
			time.Sleep(hour)
			b.dns.set("school.example", func(z *zoneOf) { z.keys["*"] = proof.Missing })
			time.Sleep(8 * hour)
			b.state("school.example", model.DomainDegraded, "dkim")
			if got := b.keys("school.example"); got != "bk202611r lost, bk202611e lost" {
				t.Errorf("keys %s", got)
			}
			b.dns.set("school.example", func(z *zoneOf) { z.path = proof.Wrong })
			time.Sleep(2 * hour)
			b.state("school.example", model.DomainStopped, "dkim")
			b.dns.set("school.example", func(z *zoneOf) { z.path, z.keys["*"] = proof.Proved, proof.Proved })
			time.Sleep(2 * hour)
			b.state("school.example", model.DomainLive)
		})
		b.told("school.example", "added, added", "live",
			"key bk202611r is not in DNS any more and does not sign until it is; key bk202611e is not in DNS any more and does not sign until it is; degraded: dkim",
			"stopped: dkim", "key bk202611r is back in DNS and signs again; key bk202611e is back in DNS and signs again; live")
		if got := b.mail.warnings(); !slices.Equal(got, []Warning{WarnDegraded, WarnStopped, WarnMended}) {
			t.Errorf("letters %v", got)
		}
		for _, l := range b.mail.letters {
			if !strings.Contains(l.Text, "Vad som ska publiceras") || !strings.Contains(l.Text, "What to publish") || !strings.HasPrefix(l.Subject, "school.example: ") {
				t.Errorf("letter %+v", l)
			}
		}
	})
}

// TestDNSDownHarmsAndFloodsNothing: no state changes, no event, hardly a question; and no flood when it is back.
func TestDNSDownHarmsAndFloodsNothing(t *testing.T) {
	const domains = 150
	inTime(t, func(t *testing.T, b *bench) {
		for i := range domains {
			name := fmt.Sprintf("d%03d.example", i)
			b.record(name)
			b.dns.set(name, func(*zoneOf) {})
		}
		b.watch(func() {
			time.Sleep(hour)
			at := time.Now()
			b.dns.turn(true)
			time.Sleep(8 * hour) // every domain comes due
			if n := b.dns.asked(at); n < 10 || n > 110 {
				t.Errorf("%d checks of %d domains while DNS was down for eight hours", n, domains)
			}
			b.dns.turn(false)
			back := time.Now()
			time.Sleep(20 * time.Minute) // trials have been looked at within the hour
			if n := b.dns.asked(back); n < domains*2/3 || n > domains {
				t.Errorf("%d checks when DNS was back, of %d domains", n, domains)
			}
		})
		for i := range domains {
			name := fmt.Sprintf("d%03d.example", i)
			b.state(name, model.DomainLive)
			b.told(name, "live")
		}
	})
}

// TestDomainsThatDNSNeverAnswersFor say nothing of the resolver: looked at more often than the others, they would pass for an
// outage and keep the watch from all else.
func TestDomainsThatDNSNeverAnswersFor(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		w := NewWatch(b.Service, b.dns, slog.New(slog.DiscardHandler))
		ends := func(a answer, first, last model.DomainID) bool {
			for id := first; id <= last; id++ {
				w.saw(ending{id, a})
			}
			return w.breaker.open
		}
		if ends(answered, 100, 120) || ends(silent, 1, 8) {
			t.Error("a few passed for an outage")
		}
		for range 10 {
			if ends(silent, 1, 8) {
				t.Fatal("those that were mute before passed for an outage")
			}
		}
		ends(answered, 1, 8) // they are back
		if !ends(silent, 1, 20) {
			t.Error("an outage was not seen")
		}
	})
}

// TestManyDueAtOnce are looked at one after the other.
func TestManyDueAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		const domains = 100
		for i := range domains {
			b.record(fmt.Sprintf("d%03d.example", i))
			b.dns.set(fmt.Sprintf("d%03d.example", i), func(*zoneOf) {})
		}
		b.watch(func() {
			time.Sleep(time.Second)
			if n, most := b.dns.asked(time.Time{}), int(time.Second/watchStep); n < most/2 || n > most+11 {
				t.Errorf("%d checks in a second, want about %d", n, most)
			}
		})
	})
}

// TestTwoWatchesShare: no domain is checked twice.
func TestTwoWatchesShare(t *testing.T) {
	const domains = 60
	inTime(t, func(t *testing.T, b *bench) {
		for i := range domains {
			b.record(fmt.Sprintf("d%03d.example", i))
			b.dns.set(fmt.Sprintf("d%03d.example", i), func(*zoneOf) {})
		}
		b.watch(func() {
			b.watch(func() { time.Sleep(hour) })
		})
		if n := b.dns.asked(time.Time{}); n != domains {
			t.Errorf("%d checks of %d domains", n, domains)
		}
	})
}

// TestWatchEndsAtOnce: an end in the midst of a check stores nothing, and the domain is due again when the claim runs out.
func TestWatchEndsAtOnce(t *testing.T) {
	inTime(t, func(t *testing.T, b *bench) {
		b.add("school.example")
		b.dns.ending = make(chan struct{})
		b.watch(func() { synctest.Wait() })
		b.told("school.example", "added, added")
		if d := b.domain("school.example"); !d.NextCheck.Equal(time.Now().Add(watchClaim)) || !d.CheckedAt.IsZero() {
			t.Errorf("%+v", d)
		}
	})
}

func TestBreaker(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	b := newBreaker()
	for range 2 * watchPlaces {
		b.saw(false, at, 0.5)
	}
	if b.room(at) != watchPlaces {
		t.Errorf("room %d while all is well", b.room(at))
	}
	opened := 0
	for range breakerWindow {
		opened++
		if b.saw(true, at, 0.5) {
			break
		}
	}
	if opened != breakerWindow/2+1 || b.room(at) != 0 {
		t.Errorf("open after %d, room %d", opened, b.room(at))
	}
	b.saw(true, at, 0.5) // was under way
	pause := trialFirst
	for range 10 {
		if b.room(at.Add(pause-time.Second)) != 0 || b.room(at.Add(pause)) != 1 {
			t.Errorf("no single trial after %v", pause)
		}
		at = at.Add(pause)
		b.saw(true, at, 0.5)
		pause = min(2*pause, trialMost)
	}
	if !b.saw(false, at, 0.5) || b.room(at) != 1 {
		t.Errorf("back with room for %d", b.room(at))
	}
}
