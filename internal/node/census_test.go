package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func depth(domain string, class model.Class, state model.RecipientState, count int64, age time.Duration) store.Depth {
	return store.Depth{Domain: domain, Class: class, State: state, Count: count, Oldest: noon.Add(-age)}
}

func TestCensusAddsUpBySite(t *testing.T) {
	got := bySite([]store.Depth{
		depth("a.example", model.ClassTransactional, model.StateWaiting, 3, time.Minute),
		depth("b.example", model.ClassTransactional, model.StateWaiting, 4, time.Hour),
		depth("b.example", model.ClassTransactional, model.StateHeld, 5, time.Second),
		depth("b.example", model.ClassBulk, model.StateWaiting, 6, time.Second),
		depth("new.example", model.ClassBulk, model.StateLeased, 7, time.Second),
	}, map[string]string{"a.example": "mx.example", "b.example": "mx.example"})
	want := map[queueKey]queueDepth{
		{"transactional", "mx.example", "waiting"}: {7, noon.Add(-time.Hour)},
		{"transactional", "mx.example", "held"}:    {5, noon.Add(-time.Second)},
		{"bulk", "mx.example", "waiting"}:          {6, noon.Add(-time.Second)},
		{"bulk", "unrouted", "leased"}:             {7, noon.Add(-time.Second)},
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(queueKey{}, queueDepth{})); d != "" {
		t.Error(d)
	}
}

// However many sites there are, so many have figures of their own: those with most in the queue.
func TestCensusIsBounded(t *testing.T) {
	var depths []store.Depth
	sites := map[string]string{}
	for i := range 3 * censusSites {
		domain := fmt.Sprintf("d%03d.example", i)
		sites[domain] = "mx." + domain
		depths = append(depths, depth(domain, model.ClassBulk, model.StateWaiting, int64(i+1), time.Minute))
	}
	got := bySite(depths, sites)
	if len(got) != censusSites+1 {
		t.Fatalf("%d lines", len(got))
	}
	total := int64(0)
	for _, d := range got {
		total += d.count
	}
	if n := int64(3 * censusSites); total != n*(n+1)/2 {
		t.Errorf("%d in all, want %d", total, n*(n+1)/2)
	}
	if _, ok := got[queueKey{"bulk", "mx.d299.example", "waiting"}]; !ok {
		t.Error("the largest site has no line")
	}
	if _, ok := got[queueKey{"bulk", "mx.d000.example", "waiting"}]; ok {
		t.Error("the smallest site has a line")
	}
}
