package deliver

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// TestNodesShareALimit has two nodes on one store send to one site: in no second and no minute do both together hand over
// more than the number, and one that is alone has all of it. Addresses of a node's own are not shared.
func TestNodesShareALimit(t *testing.T) {
	const limits = "[[rule]]\nname = \"strict\"\nrecipients_per_message = 1\nper_second = 20\nper_minute = 900\nconnections = 6\n"
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
		b.net.takes = 0 // what is picked is there at once
		b.shape(limits)
		var at []time.Time
		b.net.reply = func(string, outbound.Recipient) *smtp.Error { at = append(at, time.Now()); return nil }
		second := newBench(t, func(c *Config) { c.Node = "n2" })
		second.shape(limits)
		second.Service.Store, second.Router, second.Connector, second.bodies.store = b.store, b.net, b.net, b.store

		b.start()
		second.start()
		pass(30 * time.Second) // each knows of the other
		for i := range 30 {
			b.queue(model.AccountID(1+i%4), model.ClassBulk, 100, fmt.Sprintf("d%d.example", i%4))
		}
		b.net.locked(func() {
			b.net.plan = func(domain string) (*route.Plan, error) { return b.net.site(domain, "mx.one.example"), nil }
		})
		b.QueueChanged()
		second.QueueChanged()
		pass(time.Minute)
		both := b.net.sent()
		second.stop()
		pass(time.Minute)
		pass(time.Minute)
		b.stop()

		for _, w := range []struct {
			limit  int
			window time.Duration
		}{{20, time.Second}, {900, time.Minute}} {
			for i, from := 0, 0; i < len(at); i++ {
				for at[i].Sub(at[from]) >= w.window {
					from++
				}
				if n := i - from + 1; n > w.limit {
					t.Fatalf("%d in the %v before %v, at most %d", n, w.window, at[i], w.limit)
				}
			}
		}
		if alone := len(at) - both; both < 800 || alone < 1600 {
			t.Errorf("%d in a minute of both, %d in two of one", both, alone)
		}
		if n := b.net.most["mx.one.example"]; n > 6 {
			t.Errorf("%d connections", n)
		}
	})
}
