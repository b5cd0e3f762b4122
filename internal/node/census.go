package node

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/budkavle/budkavle/internal/store"
)

const (
	censusEvery = 30 * time.Second
	// censusShare is how many times its own duration a census waits before the next: counting a million recipients
	// takes seconds, and must stay below a twentieth of the time.
	censusShare = 20
	// censusSites bounds how many sites have figures of their own; the rest is one, named other.
	censusSites = 100
)

// queueKey is one line of the census.
type queueKey struct{ class, site, state string }

type queueDepth struct {
	count  int64
	oldest time.Time
}

// census counts the queue on disk from time to time, since each count reads it whole. It is a prometheus.Collector.
type census struct {
	node *Node

	mu     sync.Mutex
	depths map[queueKey]queueDepth // at most (censusSites + 2) × classes × states
}

func newCensus(n *Node) *census { return &census{node: n} }

// run counts until ctx ends. A store that cannot answer leaves the old figures out: none are better than wrong ones.
func (c *census) run(ctx context.Context) error {
	clock := c.node.sys.Clock
	for {
		began := clock.Now()
		depths, err := c.node.store.Census(ctx)
		if err != nil && ctx.Err() == nil {
			c.node.sys.Log.Debug("the queue cannot be counted", "error", err)
		}
		sites := bySite(depths, c.node.deliver.Sites())
		c.mu.Lock()
		c.depths = sites
		c.mu.Unlock()
		t := clock.NewTimer(max(censusEvery, censusShare*clock.Now().Sub(began)))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// bySite adds up domains by site. Domains whose site is not known yet are together "unrouted".
func bySite(depths []store.Depth, siteOf map[string]string) map[queueKey]queueDepth {
	total := map[string]int64{}
	for _, d := range depths {
		total[cmp.Or(siteOf[d.Domain], "unrouted")] += d.Count
	}
	largest := make([]string, 0, len(total))
	for site := range total {
		largest = append(largest, site)
	}
	slices.SortFunc(largest, func(a, b string) int { return cmp.Or(cmp.Compare(total[b], total[a]), cmp.Compare(a, b)) })
	shown := map[string]bool{}
	for _, site := range largest[:min(len(largest), censusSites)] {
		shown[site] = true
	}
	sums := map[queueKey]queueDepth{}
	for _, d := range depths {
		site := cmp.Or(siteOf[d.Domain], "unrouted")
		if !shown[site] {
			site = "other"
		}
		key := queueKey{d.Class.String(), site, d.State.String()}
		sum := sums[key]
		sum.count += d.Count
		if sum.oldest.IsZero() || d.Oldest.Before(sum.oldest) {
			sum.oldest = d.Oldest
		}
		sums[key] = sum
	}
	return sums
}

// Describe implements prometheus.Collector.
func (*census) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *census) Collect(out chan<- prometheus.Metric) {
	depth := desc("queue_recipients", "Recipients waiting, leased or held, counted every half minute or seldomer.", "class", "site", "state")
	age := desc("queue_oldest_seconds", "Age of the oldest recipient waiting, leased or held.", "class", "site", "state")
	now := c.node.sys.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, d := range c.depths {
		out <- prometheus.MustNewConstMetric(depth, prometheus.GaugeValue, float64(d.count), k.class, k.site, k.state)
		out <- prometheus.MustNewConstMetric(age, prometheus.GaugeValue, now.Sub(d.oldest).Seconds(), k.class, k.site, k.state)
	}
}
