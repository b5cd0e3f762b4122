package deliver

import (
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/model"
)

// Metrics counts what delivery did. Its fields may be read at any time.
type Metrics struct {
	Delivered     atomic.Int64 // recipients, as those below
	Deferred      atomic.Int64
	Bounced       atomic.Int64
	Classes       bounce.Tally // of those that bounced, but not by a list of ours
	Expired       atomic.Int64
	Returned      atomic.Int64 // to the queue without an attempt
	Recovered     atomic.Int64 // from dead leases
	Stale         atomic.Int64 // outcomes that came after the lease was lost
	Sessions      atomic.Int64 // open now
	Connects      atomic.Int64 // sessions opened
	ConnectFaults atomic.Int64 // transactions for which no host was reached
	Shaped        atomic.Int64 // times that a rule on an answer changed what a path may do
	StoreFaults   atomic.Int64 // calls of the store that failed and are repeated
	Forgotten     atomic.Int64 // times that lanes were forgotten for want of room
	Age           Histogram    // from acceptance to delivery
	Queue         Histogram    // from acceptance to the attempt, of first attempts
	Connect       Histogram    // of attempts that opened a session
	Send          Histogram    // from MAIL to the final reply
}

// bucketCount is how many bounds a Histogram has.
const bucketCount = 16

// Histogram counts durations in buckets, each four times the one before in width: 1 ms to 12 days.
type Histogram struct {
	buckets [bucketCount + 1]atomic.Int64
	sum     atomic.Int64 // nanoseconds
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	i := 0
	for bound := time.Millisecond; i < bucketCount && d > bound; bound *= 4 {
		i++
	}
	h.buckets[i].Add(1)
	h.sum.Add(int64(d))
}

// Read gives, for each bound, how many durations were not above it; the number of all; and their sum.
func (h *Histogram) Read() (atMost map[time.Duration]uint64, count uint64, sum time.Duration) {
	atMost = make(map[time.Duration]uint64, bucketCount)
	bound := time.Millisecond
	for i := range h.buckets {
		count += uint64(h.buckets[i].Load())
		if i < bucketCount {
			atMost[bound] = count
			bound *= 4
		}
	}
	return atMost, count, time.Duration(h.sum.Load())
}

func (m *Metrics) count(o *settling) {
	switch o.State {
	case model.StateDelivered:
		m.Delivered.Add(1)
		m.Age.Observe(o.At.Sub(o.accepted))
	case model.StateBounced:
		m.Bounced.Add(1)
		if o.Event != nil && o.Event.Data.Class != "" {
			m.Classes.Add(o.Event.Data.Class)
		}
	case model.StateExpired:
		m.Expired.Add(1)
	case model.StateWaiting:
		if o.Event != nil {
			m.Deferred.Add(1)
		}
	}
	if o.Event == nil || !o.Attempted {
		return
	}
	d := o.Event.Data.Delays
	if o.Event.Data.Attempt <= 1 {
		m.Queue.Observe(d.Queue)
	}
	if d.Connect > 0 {
		m.Connect.Observe(d.Connect)
	}
	if d.Send > 0 {
		m.Send.Observe(d.Send)
	}
}

// Snapshot is the state of delivery at one moment.
type Snapshot struct {
	schedule.Snapshot
	Unsettled int64 // outcomes not yet stored
	Plans     int   // routes remembered
}

// Snapshot describes the window on the queue, with at most limit paths: those that hold most.
func (s *Service) Snapshot(limit int) Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sched.Advance(s.Clock.Now())
	snap := Snapshot{Snapshot: s.sched.Snapshot(limit), Unsettled: s.settler.unsettled(), Plans: len(s.plans)}
	s.turn(s.Clock.Now())
	return snap
}

// Sites names the site of every recipient domain whose route is remembered: at most Config.MaxPlans.
func (s *Service) Sites() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sites := make(map[string]string, len(s.plans))
	for key, p := range s.plans {
		sites[key.domain] = p.path.Site
	}
	return sites
}
