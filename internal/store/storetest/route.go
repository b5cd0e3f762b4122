package storetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

func testRoutes(t *testing.T, b *bench) {
	a := b.account("school")
	_, err := b.RouteOf(b.ctx, a.ID)
	b.kind(err, store.NotFound)
	b.kind(b.RemoveRoute(b.ctx, a.ID), store.NotFound)
	want := model.Route{
		Account: a.ID, Preset: "microsoft365", Host: "smtp.school.example", Port: 587, TLS: smtp.TLSRequired, Username: "info@school.example",
		Sealed: []byte{1, 2, 0, 255}, Contact: "it@school.example", Limits: model.RouteLimits{Connections: 3, PerMinute: 30, PerDay: 5},
		Fallback: model.FallbackHold, State: model.RouteUntested, ChangedAt: now,
	}
	stranger := want
	stranger.Account = 99
	b.kind(b.SetRoute(b.ctx, stranger), store.NotFound)
	b.ok(b.SetRoute(b.ctx, want))
	got, err := b.RouteOf(b.ctx, a.ID)
	b.ok(err)
	want.Revision = got.Revision
	same(t, "route", got, want)

	b.kind(b.TestedRoute(b.ctx, a.ID, got.Revision+1, model.RouteTested, "", now), store.Conflict)
	b.ok(b.TestedRoute(b.ctx, a.ID, got.Revision, model.RouteTested, "logged in", now))
	failing := b.event(model.EventAccount, 0, 0, "")
	if did, err := b.FailingRoute(b.ctx, a.ID, got.Revision, "535", failing); err != nil || !did {
		t.Errorf("failing: %v, %v", did, err)
	}
	if did, err := b.FailingRoute(b.ctx, a.ID, got.Revision, "535", b.event(model.EventAccount, 0, 0, "")); err != nil || did {
		t.Errorf("failing again: %v, %v", did, err)
	}
	want.State, want.TestNote, want.TestedAt, want.Fault, want.FailingSince = model.RouteTested, "logged in", now, "535", failing.At
	got, err = b.RouteOf(b.ctx, a.ID)
	b.ok(err)
	same(t, "failing route", got, want)
	if did, err := b.MendedRoute(b.ctx, a.ID, got.Revision, b.event(model.EventAccount, 0, 0, "")); err != nil || !did {
		t.Errorf("mended: %v, %v", did, err)
	}
	if did, err := b.MendedRoute(b.ctx, a.ID, got.Revision, b.event(model.EventAccount, 0, 0, "")); err != nil || did {
		t.Errorf("mended again: %v, %v", did, err)
	}
	if evs := b.events(store.EventFilter{Kinds: []model.EventKind{model.EventAccount}}); len(evs) != 2 {
		t.Errorf("%d events of two turns", len(evs))
	}
	if sig, err := b.Signals(b.ctx); err != nil || sig[store.SignalRoutes] != 4 { // set, tested, failing, mended
		t.Errorf("signals %v, %v", sig, err)
	}

	b.ok(b.SetRoute(b.ctx, want)) // changed: what was found of the old one is not known of it
	again, err := b.RouteOf(b.ctx, a.ID)
	b.ok(err)
	if again.State != model.RouteUntested || !again.TestedAt.IsZero() || again.Revision <= got.Revision {
		t.Errorf("changed route %+v", again)
	}
	if did, err := b.FailingRoute(b.ctx, a.ID, got.Revision, "535", b.event(model.EventAccount, 0, 0, "")); err != nil || did {
		t.Errorf("a fault of the old route: %v, %v", did, err)
	}
	b.ok(b.RemoveRoute(b.ctx, a.ID))
	_, err = b.TakeRoute(b.ctx, a.ID, 1, 1)
	b.kind(err, store.NotFound)
}

// testRouteDay has many callers take what a day has room for: they get that and no more, and what is given back is there again.
func testRouteDay(t *testing.T, b *bench) {
	a := b.account("school")
	route := model.Route{Account: a.ID, Host: "smtp.school.example", Port: 587, TLS: smtp.TLSRequired, Limits: model.RouteLimits{PerDay: 100}, ChangedAt: time.Now()}
	b.ok(b.SetRoute(b.ctx, route))
	take := func(day model.Day, n int) int {
		got, err := b.TakeRoute(b.ctx, a.ID, day, n)
		if err != nil {
			t.Error(err)
		}
		return got
	}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 3 {
				taken.Add(int64(take(7, 3)))
			}
		})
	}
	wg.Wait()
	if taken.Load() != 100 {
		t.Errorf("%d taken of 100", taken.Load())
	}
	b.ok(b.ReturnRoute(b.ctx, a.ID, 7, 5))
	b.ok(b.SetRoute(b.ctx, route)) // does not begin the day anew
	for _, tt := range []struct {
		day     model.Day
		n, want int
	}{{7, 4, 4}, {7, 4, 1}, {7, 1, 0}, {8, 99, 99}, {7, 4, 1}, {8, 1, 0}, {9, 1, 1}} {
		if got := take(tt.day, tt.n); got != tt.want {
			t.Errorf("%d on day %d: %d, want %d", tt.n, tt.day, got, tt.want)
		}
	}
	b.ok(b.ReturnRoute(b.ctx, a.ID, 8, 50)) // too late
	if r, err := b.RouteOf(b.ctx, a.ID); err != nil || r.SentOn(9) != 1 || r.SentOn(8) != 0 {
		t.Errorf("sent %+v, %v", r, err)
	}
	route.Limits.PerDay = 0
	b.ok(b.SetRoute(b.ctx, route))
	if got := take(9, 1_000_000); got != 1_000_000 {
		t.Errorf("without a limit: %d", got)
	}
}
