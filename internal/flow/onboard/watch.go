package onboard

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	watchPoll  = 20 * time.Second // between looks for domains that are due; a Poke is heard at once
	watchBatch = 2 * watchPlaces  // claimed at a time, in one commit
	watchClaim = 10 * time.Minute // a domain is due again after, if whoever claimed it is gone
	// watchStep is the time between the beginnings of two checks, on average: 50 a second, or some 700 questions, of which a resolver
	// takes no notice, however many domains came due while it was down. A million at six hours come to 46.
	watchStep = 20 * time.Millisecond
	watchLag  = 10 * watchStep // what timers lose is made up for, up to so much
	maxMute   = 50_000         // domains that are remembered not to answer, at some 20 octets: 1 MB
)

// Watch re-checks the domains of a store as they come due. Several may work on one store: each claims what it checks. What
// it cannot store or look up is due again later; nothing is lost by its end at any moment.
type Watch struct {
	service *Service
	checker Checker
	log     *slog.Logger

	poke    chan struct{}
	breaker *breaker
	claimed []model.Domain // not begun, at most watchBatch
	step    time.Duration  // watchStep
	next    time.Time      // when the next check may begin
	// mute are the domains that DNS did not answer for at their last look. That it does not again tells of them, and nothing of
	// the resolver: looked at hourly, they would outnumber the others and pass for an outage.
	mute    map[model.DomainID]bool
	failing bool // the store, told of once
}

// NewWatch returns a watch over the domains of a service. checker is asked on and on: it should not bother mail servers.
func NewWatch(s *Service, checker Checker, log *slog.Logger) *Watch {
	return &Watch{service: s, checker: checker, log: log, poke: make(chan struct{}, 1), breaker: newBreaker(), step: watchStep, mute: map[model.DomainID]bool{}}
}

// Poke tells that domains may have been added or changed.
func (w *Watch) Poke() {
	select {
	case w.poke <- struct{}{}:
	default: // one is waiting already
	}
}

// answer is what a check says of DNS.
type answer int

const (
	nothing answer = iota // the check did not come to its end
	answered
	silent
)

// ending is the end of a check.
type ending struct {
	domain model.DomainID
	answer answer
}

// Run works until ctx ends, and returns when no check is under way.
func (w *Watch) Run(ctx context.Context) error {
	var checks sync.WaitGroup
	defer checks.Wait()
	ends := make(chan ending, watchPlaces)
	for busy := 0; ; {
		w.claim(ctx, busy)
		now := w.now()
		for len(w.claimed) > 0 && busy < w.breaker.room(now) && !now.Before(w.next) {
			d := w.claimed[0]
			w.claimed = w.claimed[1:]
			w.next = later(w.next, now.Add(-watchLag)).Add(w.step)
			busy++
			checks.Go(func() { ends <- ending{d.ID, w.check(ctx, d)} })
		}
		t := w.service.clock.NewTimer(w.wait(now))
		select {
		case <-w.poke:
		case e := <-ends:
			busy--
			w.saw(e)
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
		t.Stop()
	}
}

// wait is how long nothing need be looked at: until the next check may begin, or until a trial if DNS is down.
func (w *Watch) wait(now time.Time) time.Duration {
	if step := w.next.Sub(now); step > 0 {
		return step
	}
	if trial := w.breaker.until.Sub(now); w.breaker.open && trial > 0 {
		return min(watchPoll, trial)
	}
	return watchPoll
}

func (w *Watch) now() time.Time { return w.service.clock.Now() }

// claim takes domains that are due, if there is room to check one. With many due it is one commit for two rounds of checks.
func (w *Watch) claim(ctx context.Context, busy int) {
	now := w.now()
	room := w.breaker.room(now)
	if len(w.claimed) > 0 || busy >= room {
		return
	}
	list, err := w.service.store.ClaimDomains(ctx, now, now.Add(watchClaim), min(2*room, watchBatch))
	switch {
	case err != nil && !w.failing && ctx.Err() == nil:
		w.log.Warn("domains: the store cannot be read; trying on", "error", err)
		w.failing = true
	case err == nil:
		w.failing = false
	}
	w.claimed = list
}

// saw follows whether DNS answers. When it stops to, what is claimed is left: it is due again soon enough.
func (w *Watch) saw(e ending) {
	if e.answer == nothing || !w.tells(e) || !w.breaker.saw(e.answer == silent, w.now(), w.service.roll()) {
		return
	}
	if w.breaker.open {
		w.claimed = nil
		w.log.Warn("domains: DNS answers hardly any question, so domains keep their states; one is tried at a time until it does")
		return
	}
	w.log.Info("domains: DNS answers again")
}

// tells reports whether the end of a check says anything of the resolver, and remembers who was mute.
func (w *Watch) tells(e ending) bool {
	again := e.answer == silent && w.mute[e.domain]
	switch {
	case e.answer == answered:
		delete(w.mute, e.domain)
	case len(w.mute) < maxMute:
		w.mute[e.domain] = true
	}
	return !again
}

// check checks one domain.
func (w *Watch) check(ctx context.Context, d model.Domain) answer {
	c, err := w.service.check(ctx, w.checker, d)
	switch {
	case ctx.Err() != nil || store.Is(err, store.Conflict): // changed by somebody else, who has it checked
		return nothing
	case err != nil:
		w.log.Warn("domains: a check could not be stored", "domain", d.Name, "error", err)
		return nothing
	}
	if len(c.Told) > 0 {
		w.log.Info("domain", "domain", d.Name, "state", c.Domain.State, "told", c.Told)
	}
	if w.service.rotationDue(&c.Domain, c.Keys, c.Report.At) {
		if _, err := w.service.Rotate(ctx, d.Name); err != nil {
			w.log.Warn("domains: the rotation of keys could not begin", "domain", d.Name, "error", err)
		}
	}
	if unanswered(&c.Report) {
		return silent
	}
	return answered
}
