package deliver

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
)

// A receiver that greylists knows the pair of client and sender: the source must be the same at the second attempt.
func TestTheSourceIsTheSameEachTimeAndOfTheHostsFamily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		four := []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}
		b := newBench(t, func(c *Config) {
			for _, a := range append(four, "2001:db8::1") {
				c.Sources = append(c.Sources, Source{Addr: netip.MustParseAddr(a)})
			}
		})
		used := map[string]map[string]bool{}
		b.net.connect = func(tg outbound.Target) *outbound.Error {
			b.net.locked(func() {
				if used[tg.Host] == nil {
					used[tg.Host] = map[string]bool{}
				}
				used[tg.Host][tg.Source.String()] = true
			})
			return nil
		}
		b.net.plan = func(domain string) (*route.Plan, error) {
			p := b.net.site(domain, "mx."+domain)
			if domain == "six.example" {
				p.Hosts[0].Addrs = []netip.Addr{netip.MustParseAddr("2001:db8::25")}
			}
			return p, nil
		}
		b.start()
		for range 3 {
			for i := range 30 {
				b.submit(model.Message{}, fmt.Sprintf("a@d%d.example", i))
			}
			b.submit(model.Message{}, "a@six.example")
			pass(time.Minute)
		}
		all := map[string]bool{}
		for host, sources := range used {
			if len(sources) != 1 {
				t.Errorf("%s was reached from %v", host, sources)
			}
			for s := range sources {
				all[s] = true
			}
		}
		if !used["mx.six.example"]["2001:db8::1"] || len(all) != 4 {
			t.Errorf("sources in use: %v", all)
		}
		b.stop()
	})
}

func TestASourceOfNoUseDefersWithoutADial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.Sources = []Source{{Addr: netip.MustParseAddr("2001:db8::1")}} })
		b.start()
		id := b.submit(model.Message{}, "a@one.example") // at 127.0.0.1
		pass(10 * time.Second)
		if r := b.store.recipient(key(id, 0)); r.State != model.StateWaiting || r.Last.Enhanced != "4.4.4" || b.net.dials != 0 {
			t.Errorf("%+v, %d dials", r, b.net.dials)
		}
		b.stop()
	})
}

func TestRoutesAreRememberedWithinTheirLimitAndAskedAgainInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *Config) { c.MaxPlans = 32 })
		b.start()
		for i := range 200 {
			b.submit(model.Message{}, fmt.Sprintf("a@d%d.example", i))
			pass(100 * time.Millisecond)
		}
		pass(time.Minute)
		if s := b.Snapshot(1); s.Plans > 32 || b.store.count(model.StateDelivered) != 200 || len(b.Sites()) != s.Plans {
			t.Errorf("%d plans, %d delivered", s.Plans, b.store.count(model.StateDelivered))
		}
		lookups := b.net.lookups
		pass(2 * time.Hour) // a plan of the internet's holds for one
		b.submit(model.Message{}, "b@d199.example")
		pass(10 * time.Second)
		if b.net.lookups != lookups+1 || b.store.count(model.StateDelivered) != 201 {
			t.Errorf("%d lookups more", b.net.lookups-lookups)
		}
		b.stop()
	})
}

func TestTheSourcesMayChangeWhileMailFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, young := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		b := newBench(t, func(c *Config) { c.Helo, c.Sources = "node.example", []Source{{Addr: old}} })
		var used []string
		b.net.connect = func(tg outbound.Target) *outbound.Error {
			b.net.locked(func() { used = append(used, tg.Source.String()+" "+tg.Helo) })
			return nil
		}
		b.start()
		b.submit(model.Message{}, "a@sink.example")
		pass(time.Second)
		b.SetSources([]Source{{Addr: young, Helo: "young.example"}})
		b.submit(model.Message{}, "b@sink.example") // the session from the old one is still open
		pass(time.Minute)
		b.SetSources(nil)
		b.submit(model.Message{}, "c@sink.example")
		pass(time.Minute)
		if want := []string{"192.0.2.1 node.example", "192.0.2.2 young.example", "invalid IP node.example"}; !slices.Equal(used, want) {
			t.Errorf("sent from %q, want %q", used, want)
		}
		b.stop()
	})
}
