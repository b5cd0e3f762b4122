package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/test/rig"
)

const (
	// lead is when the resolver goes down: in the hours in which most domains are due again, 4.8 to 7.2 after the round.
	lead = 5 * time.Hour
	down = time.Hour
	// While nothing is checked the clock is put forward by a stride, once in pause: by a small one where each second counts.
	stride     = 2 * time.Minute
	fineStride = 10 * time.Second
	pause      = 25 * time.Millisecond
)

// outageFigures are what a resolver that is down and comes back does.
type outageFigures struct {
	delay     time.Duration
	outage    string
	usual     int // questions in the hour before
	checked   int // domains in it
	asked     int // questions while it was down
	tried     int // domains tried meanwhile
	due       int // domains that fell due meanwhile
	events    int // told meanwhile, and until all was caught up
	noticed   time.Duration
	caughtUp  time.Duration // from its return
	perSecond []int         // questions from its return on
	settled   int           // domains told of in all these hours, each once
}

func (f *outageFigures) String() string {
	return fmt.Sprintf("resolver down for %s: %d questions for %d domains (%d for %d in the hour before), %d fell due, %d events; back: seen after %s, caught up after %s, at most %d questions in a second; %d domains told of in all, each once",
		down, f.asked, f.tried, f.usual, f.checked, f.due, f.events, f.noticed.Round(time.Second), f.caughtUp.Round(time.Second), slices.Max(f.perSecond), f.settled)
}

// journey is a watch on its way through hours.
type journey struct {
	checker onboard.Checker
	clock   *rig.Clock
	lab     *lab.Lab
	store   store.Store
	domains int
	start   time.Time
	stride  time.Duration
	delay   atomic.Int64 // of each answer, in nanoseconds

	busy     atomic.Int64 // checks under way
	begun    atomic.Int64
	answered atomic.Int64
}

// Domain implements onboard.Checker.
func (j *journey) Domain(ctx context.Context, e proof.Expected) proof.Report {
	j.begun.Add(1)
	j.busy.Add(1)
	defer j.busy.Add(-1)
	r := j.checker.Domain(ctx, e)
	if r.Ownership != proof.Unclear {
		j.answered.Add(1)
	}
	return r
}

// travel lets time go by until done says so. It looks on at each step.
func (j *journey) travel(ctx context.Context, done func() bool) error {
	for begun := int64(-1); !done(); time.Sleep(pause) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if now := j.begun.Load(); now != begun { // the watch may be storing, or about to begin another
			begun = now
		} else if j.busy.Load() == 0 {
			j.clock.Forward(j.stride)
			fmt.Fprintf(os.Stderr, "\rafter %s: %d looks ", j.clock.Now().Sub(j.start).Round(time.Second), now)
		}
	}
	return nil
}

func (j *journey) until(ctx context.Context, t time.Time) error {
	return j.travel(ctx, func() bool { return !j.clock.Now().Before(t) })
}

// overdue counts the domains that are due.
func (j *journey) overdue(ctx context.Context) (n int, err error) {
	now := j.clock.Now()
	err = each(ctx, j.store, j.domains, func(_ int, d *model.Domain) error {
		if !d.NextCheck.After(now) {
			n++
		}
		return nil
	})
	return n, err
}

// told counts what domains have been told of, by domain.
func (j *journey) told(ctx context.Context) (map[model.DomainID]int, error) {
	counts := map[model.DomainID]int{}
	for after := ident.ID(0); ; {
		list, err := j.store.ListEvents(ctx, store.EventFilter{Kinds: []model.EventKind{model.EventDomain}, Ascending: true, After: after, Limit: 1000})
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			counts[e.Domain]++
			after = e.ID
		}
		if len(list) < 1000 {
			return counts, nil
		}
	}
}

// outage runs the watch within this program.
func (w *world) outage(ctx context.Context, delay time.Duration) (f *outageFigures, err error) {
	j := &journey{clock: &rig.Clock{}, start: time.Now(), lab: w.lab, domains: w.domains, stride: stride}
	st, err := sqlite.Open(ctx, w.node.Store, j.clock)
	if err != nil {
		return nil, err
	}
	j.store = st
	defer func() { err = errors.Join(err, st.Close()) }()
	service, err := w.watched(j)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { _ = onboard.NewWatch(service, j, slog.New(slog.DiscardHandler)).Run(running) }) // it ends with its context
	defer func() { stop(); watching.Wait() }()
	f = &outageFigures{delay: delay, outage: w.plan.outage}
	err = f.measure(ctx, j)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return nil, err
	}
	return f, w.settled(ctx, j, f)
}

// watched is the service of the node's configuration, whose watch asks a resolver that takes a while for each answer.
func (w *world) watched(j *journey) (*onboard.Service, error) {
	ring, err := keyring.Open(w.config.Secret(), rand.Reader)
	if err != nil {
		return nil, err
	}
	far := func(ctx context.Context, network, address string) (net.Conn, error) {
		time.Sleep(time.Duration(j.delay.Load()))
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	client, err := dns.New(dns.Config{Servers: w.config.DNS.Servers, Clock: j.clock, Dial: far})
	if err != nil {
		return nil, err
	}
	authority := dns.NewAuthority(client, netip.MustParseAddrPort(w.lab.DNSAddr()).Port())
	j.checker = proof.New(proof.Config{Resolver: client, Authority: authority, Clock: j.clock, Inside: true})
	sys := node.System{Log: slog.New(slog.DiscardHandler), Clock: j.clock, Random: rand.Reader}
	return node.NewOnboarding(w.config, j.store, ring, ident.NewSource(j.clock, 1022), sys)
}

// measure goes to the hour before, through the outage, and on until nothing is overdue.
func (f *outageFigures) measure(ctx context.Context, j *journey) error {
	asked := func() int { return total(j.lab.Queries()) }
	if err := j.until(ctx, j.start.Add(lead-time.Hour)); err != nil {
		return err
	}
	n, checks := asked(), j.begun.Load()
	if err := j.until(ctx, j.start.Add(lead)); err != nil {
		return err
	}
	f.usual, f.checked = asked()-n, int(j.begun.Load()-checks)
	before, err := j.told(ctx)
	if err != nil {
		return err
	}

	j.stride = fineStride
	j.delay.Store(int64(f.delay))
	j.lab.Fail("", lab.Answer(f.outage))
	n, checks = asked(), j.begun.Load()
	if err := j.until(ctx, j.clock.Now().Add(down)); err != nil {
		return err
	}
	f.asked, f.tried = asked()-n, int(j.begun.Load()-checks)
	if f.due, err = j.overdue(ctx); err != nil {
		return err
	}

	j.lab.Mend("")
	if err := f.catchUp(ctx, j, asked); err != nil {
		return err
	}
	after, err := j.told(ctx)
	for id, times := range after {
		f.events += times - before[id]
	}
	return err
}

// catchUp follows the questions, second by second, until the watch waits again.
func (f *outageFigures) catchUp(ctx context.Context, j *journey, asked func() int) error {
	back, n, answered := j.clock.Now(), asked(), j.answered.Load()
	idle := 0
	return j.travel(ctx, func() bool {
		passed := j.clock.Now().Sub(back)
		for len(f.perSecond) <= int(passed/time.Second) {
			f.perSecond = append(f.perSecond, 0)
		}
		now := asked()
		f.perSecond[len(f.perSecond)-1] += now - n
		n = now
		got := int(j.answered.Load() - answered)
		if got == 0 {
			f.noticed = passed
		}
		if j.busy.Load() == 0 && got > f.due/2 {
			idle++
		} else {
			idle, f.caughtUp = 0, passed
		}
		return idle > 2
	})
}

// settled wants every domain to be what its faults make it, and to have been told of once if it changed.
func (w *world) settled(ctx context.Context, j *journey, f *outageFigures) error {
	told, err := j.told(ctx)
	if err != nil {
		return err
	}
	return each(ctx, j.store, w.domains, func(i int, d *model.Domain) error {
		want, what := model.DomainLive, "in order"
		if fault := faultOf(i); fault != nil {
			want, what = fault.becomes, fault.name
		}
		times := 0
		if want != model.DomainLive {
			times = 1
			f.settled++
		}
		if d.State != want || told[d.ID] != times {
			return fmt.Errorf("%s (%s) is %s, lacks %v, and was told of %d times; want %s, %d times", d.Name, what, d.State, d.Lacks, told[d.ID], want, times)
		}
		return nil
	})
}
