package storetest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func testPaths(t *testing.T, b *bench) {
	one := model.PathState{
		Node: "n1", Source: netip.MustParseAddr("192.0.2.1"), Site: "mx.(a|b).example", At: now, HeldBy: "rate", Rule: "default (rules.toml:9)",
		Reason: "r", Until: now.Add(time.Hour), Force: []byte(`{"rate":2.5}`),
	}
	two := model.PathState{Node: "n1", Site: "mx.c.example", At: now}
	other := model.PathState{Node: "n2", Source: netip.MustParseAddr("2001:db8::1"), Site: one.Site, At: now}
	b.ok(b.KeepPaths(b.ctx, "n1", []model.PathState{one, two}))
	b.ok(b.KeepPaths(b.ctx, "n2", []model.PathState{other}))
	list, err := b.PathStates(b.ctx, "n1")
	b.ok(err)
	same(t, "paths of a node", list, []model.PathState{two, one})
	list, err = b.PathStates(b.ctx, "")
	b.ok(err)
	same(t, "paths of all nodes", list, []model.PathState{two, one, other})

	one.HeldBy, one.Rule, one.Force = "", "", nil
	b.ok(b.KeepPaths(b.ctx, "n1", []model.PathState{one}))
	list, err = b.PathStates(b.ctx, "n1")
	b.ok(err)
	same(t, "paths that were replaced", list, []model.PathState{one})
	b.kind(b.KeepPaths(b.ctx, "n1", make([]model.PathState, store.MaxPathStates+1)), store.Full)
	b.ok(b.KeepPaths(b.ctx, "n1", nil))
	list, err = b.PathStates(b.ctx, "n1")
	b.ok(err)
	same(t, "paths after the last", list, []model.PathState(nil))
}
