package addresses

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// TestALife follows an address from the day it is told of to the day it is forgotten.
func TestALife(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		var changed atomic.Int32
		w.Service.Changed = func() { changed.Add(1) }
		w.run(w.Service)
		pass(time.Second)
		begin := time.Now()
		w.add(one, "")
		pass(10 * time.Second)
		if a := w.stored(one); a.State != model.AddressWarming || a.PTR != model.PTRProved || !a.ReadyAt.Equal(begin.Add(day).Truncate(time.Microsecond)) || texts(w.Own()) != "192.0.2.1" || changed.Load() == 0 {
			t.Errorf("%+v, own %s, %d changes told", a, texts(w.Own()), changed.Load())
		}
		_, err := w.Set(ctx, one, Change{State: model.AddressActive})
		if err == nil || !strings.Contains(err.Error(), "may come into full use from "+begin.Add(day).Format(time.DateOnly)) {
			t.Errorf("before the notice is over: %v", err)
		}
		if _, err = w.Set(ctx, one, Change{State: model.AddressRetired}); err == nil || !strings.Contains(err.Error(), "is warming and cannot become retired") {
			t.Errorf("a leap: %v", err)
		}
		pass(day)
		a, err := w.Set(ctx, one, Change{State: model.AddressActive})
		w.ok(err)
		if _, err = w.Set(ctx, one, Change{State: model.AddressRetiring, On: time.Now().Add(-2 * day)}); err == nil || !strings.Contains(err.Error(), "is over") {
			t.Errorf("a day of the past: %v", err)
		}
		last := time.Now().Add(3 * hour)
		_, err = w.Set(ctx, one, Change{State: model.AddressRetiring, On: last})
		w.ok(err)
		pass(2 * hour)
		if texts(w.Own()) != "192.0.2.1" || texts(w.Senders()) != "192.0.2.1" {
			t.Errorf("before its last day is over, own %q", texts(w.Own()))
		}
		pass(hour + 2*time.Minute)
		if a = w.stored(one); a.State != model.AddressRetired || texts(w.Own()) != "" || texts(w.Senders()) != "" {
			t.Errorf("%+v, own %q", a, texts(w.Own()))
		}
		_, err = w.Set(ctx, one, Change{State: model.AddressWarming})
		w.ok(err)
		if a = w.stored(one); !a.ReadyAt.After(time.Now().Add(23*hour)) || !a.RetiresAt.IsZero() {
			t.Errorf("one that comes back has no notice: %+v", a)
		}
		_, err = w.Set(ctx, one, Change{State: model.AddressRetiring, On: time.Now()})
		w.ok(err)
		if err := w.Remove(ctx, one); err == nil || !strings.Contains(err.Error(), "only retired") {
			t.Errorf("removed while retiring: %v", err)
		}
		pass(10 * time.Second)
		w.ok(w.Remove(ctx, one))
		w.wantEvents("192.0.2.1: warming", "192.0.2.1: active, was warming", "192.0.2.1: retiring, was active, until ", "192.0.2.1: retired, was retiring",
			"192.0.2.1: warming, was retired", "192.0.2.1: retiring, was warming", "192.0.2.1: retired, was retiring", "192.0.2.1: removed")
		said, err := w.store.Announcements(ctx, 0, 100)
		w.ok(err)
		if len(said) != 7 || !said[0].Effective.Equal(begin.Add(day).Truncate(time.Microsecond)) || said[0].From != "" || !said[2].Effective.Equal(last.Truncate(time.Microsecond)) || said[3].To != model.AddressRetired {
			t.Errorf("announced %+v", said)
		}
	})
}

func TestWhatCannotBeAdded(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		for want, a := range map[string]model.SourceAddress{
			`"invalid IP" is not an IP address`:   {},
			"mail can be sent from":               {Address: netip.MustParseAddr("::")},
			`"224.0.0.1" is not an IP`:            {Address: netip.MustParseAddr("224.0.0.1")},
			"warming or active, not retired":      {Address: one, State: model.AddressRetired},
			`pool "Big One": use`:                 {Address: one, Pool: "Big One"},
			`EHLO name "mx 1" is not a host name`: {Address: one, Helo: "mx 1"},
		} {
			if _, err := w.Add(t.Context(), a); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		mapped, err := w.Add(t.Context(), model.SourceAddress{Address: netip.MustParseAddr("::ffff:192.0.2.1"), Helo: "MX.Example"})
		w.ok(err)
		if mapped.Address != one || mapped.Helo != "mx.example" || mapped.Pool != "default" {
			t.Errorf("%+v", mapped)
		}
		if _, err := w.Add(t.Context(), model.SourceAddress{Address: one}); !store.Is(err, store.Exists) {
			t.Errorf("twice: %v", err)
		}
		if _, err := w.Set(t.Context(), two, Change{State: model.AddressActive}); !store.Is(err, store.NotFound) {
			t.Errorf("none there: %v", err)
		}
		if _, err := w.Set(t.Context(), one, Change{State: model.AddressActive, Now: true, On: time.Now()}); err == nil || !strings.Contains(err.Error(), "only retiring has a date") {
			t.Errorf("a date of no use: %v", err)
		}
	})
}

func TestTheConfigurationCountsUntilTheStoreHasAnAddressForTheNode(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		inside := netip.MustParseAddr("10.0.0.1")
		c := w.config
		c.Configured = []netip.Addr{two, inside}
		w.Service = New(c)
		w.run(w.Service)
		if s := w.Senders(); len(s) != 1 || s[0].PTR != model.PTRUnclear {
			t.Errorf("before the first look: %+v", s)
		}
		pass(10 * time.Second)
		if s := w.Senders(); len(s) != 1 || s[0].Address != two || s[0].PTR != model.PTRProved || texts(w.Own()) != "192.0.2.2 10.0.0.1" {
			t.Errorf("the configuration's: %+v, own %s", s, texts(w.Own()))
		}
		_, err := w.Add(t.Context(), model.SourceAddress{Address: one, Node: "mx9.example"})
		w.ok(err)
		pass(10 * time.Second)
		if texts(w.Own()) != "192.0.2.2 10.0.0.1" || texts(w.Senders()) != "192.0.2.1 192.0.2.2" {
			t.Errorf("another node's address: own %s, senders %s", texts(w.Own()), texts(w.Senders()))
		}
		third := netip.MustParseAddr("192.0.2.3")
		w.add(third, model.AddressActive)
		pass(10 * time.Second)
		if texts(w.Own()) != "192.0.2.3" || texts(w.Senders()) != "192.0.2.1 192.0.2.3" {
			t.Errorf("an address of its own: own %s, senders %s", texts(w.Own()), texts(w.Senders()))
		}
		c.Inside = true
		lab := New(c)
		if texts(lab.Senders()) != "192.0.2.2 10.0.0.1" {
			t.Errorf("in a lab: %s", texts(lab.Senders()))
		}
	})
}

// TestAnAddressThatTheMachineLacksIsNotUsed: another node may have it, so that bulk mail still asks for its PTR.
func TestAnAddressThatTheMachineLacksIsNotUsed(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		c := w.config
		c.Configured, c.Local = []netip.Addr{netip.MustParseAddr("192.0.2.9")}, func(a netip.Addr) bool { return a == one }
		w.Service = New(c)
		w.add(two, model.AddressActive)
		w.ok(w.Load(t.Context()))
		w.ok(w.Load(t.Context()))
		if w.Stored() || texts(w.Own()) != "192.0.2.9" || texts(w.Senders()) != "192.0.2.2 192.0.2.9" || len(w.Elsewhere()) != 1 {
			t.Errorf("own %s, senders %s, elsewhere %v", texts(w.Own()), texts(w.Senders()), w.Elsewhere())
		}
		if n := strings.Count(w.out.logged(), "this machine does not have it"); n != 1 {
			t.Errorf("told %d times", n)
		}
		w.add(one, model.AddressActive)
		w.ok(w.Load(t.Context()))
		if !w.Stored() || texts(w.Own()) != "192.0.2.1" {
			t.Errorf("own %s", texts(w.Own()))
		}
	})
}
