package deliver

import (
	"cmp"
	"context"
	"hash/fnv"
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

const (
	// noRoute is the site of mail that has no way out: its workers settle without a dial.
	noRoute = "unroutable"
	// keepDenial and keepFault are how long a failed lookup is believed: what is not so is seldom so soon
	// after, what could not be asked may be answered any time.
	keepDenial = 5 * time.Minute
	keepFault  = 30 * time.Second
	// storeRetry is when a lane is asked for again after the store could not answer.
	storeRetry = 5 * time.Second
)

type planKey struct {
	account model.AccountID
	domain  string
}

// plan is the way of one account's mail to one domain, or the reason why there is none.
type plan struct {
	route    *route.Plan // nil: fault says why
	fault    *smtp.Error
	path     schedule.PathKey
	helo     string // what sessions by the path call themselves
	query    shaping.Query
	own      bool // no other node sends by the path
	shaped   shaping.Limits
	limits   schedule.Limits // shaped, as long as no answer has put anything in force
	messages int             // on one connection
	expires  time.Time
}

// plan finds a remembered plan that is still good.
func (s *Service) plan(l model.Lane, now time.Time) *plan {
	if p := s.plans[planKey{l.Account, l.Domain}]; p != nil && now.Before(p.expires) {
		return p
	}
	return nil
}

// remember keeps a plan, unless its source has left while it was made. When there is no room the expired ones go, or else a sixteenth of all.
func (s *Service) remember(l model.Lane, p *plan, now time.Time) {
	if p.route != nil && !s.sendsFrom(p.path.Source) {
		return
	}
	key := planKey{l.Account, l.Domain}
	if _, known := s.plans[key]; !known && len(s.plans) >= s.cfg.MaxPlans {
		for k, old := range s.plans {
			if !now.Before(old.expires) {
				delete(s.plans, k)
			}
		}
		for k := range s.plans {
			if len(s.plans) < s.cfg.MaxPlans-s.cfg.MaxPlans/16 {
				break
			}
			delete(s.plans, k)
		}
	}
	s.plans[key] = p
}

// sendsFrom reports whether an address is among the sources; the zero one is when the system chooses.
func (s *Service) sendsFrom(a netip.Addr) bool {
	if len(s.sources) == 0 {
		return !a.IsValid()
	}
	return slices.ContainsFunc(s.sources, func(from Source) bool { return from.Addr == a })
}

// resolve looks up accounts and routes for the lanes it is asked about.
func (s *Service) resolve(ctx context.Context) error {
	for {
		select {
		case lane := <-s.asks:
			s.resolveLane(ctx, lane)
		case <-s.work.Draining():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Service) resolveLane(ctx context.Context, lane model.Lane) {
	account, err := s.Store.AccountByID(ctx, lane.Account)
	if err != nil {
		s.Metrics.StoreFaults.Add(1)
		logFault(s.Log, "account of queued mail cannot be read", err, "account", lane.Account)
		s.act(func(now time.Time) {
			s.asked--
			s.sched.Postpone(lane, now.Add(storeRetry))
		})
		return
	}
	p := s.lookUp(ctx, lane)
	if ctx.Err() != nil {
		return // the fault, if it is one, is ours
	}
	s.act(func(now time.Time) {
		s.asked--
		s.sched.SetAccount(account.ID, account.Weight, heldWhy(&account))
		s.remember(lane, p, now)
		s.sched.Route(lane, p.path, s.limitsOf(p, now))
	})
}

// heldWhy is why nothing of the account is sent; empty: it is.
func heldWhy(a *model.Account) string {
	if a.State == model.AccountActive {
		return ""
	}
	if a.Reason == "" {
		return "account " + a.Name + " is " + string(a.State)
	}
	return "account " + a.Name + " is " + string(a.State) + ": " + a.Reason
}

// lookUp finds the way of a lane's mail.
func (s *Service) lookUp(ctx context.Context, lane model.Lane) *plan {
	r, err := s.Router.Route(ctx, lane.Account, lane.Domain)
	now := s.Clock.Now()
	if err != nil {
		return unroutable(smtp.AsError(err), now)
	}
	p, ok := s.choose(lane, r, now)
	if !ok {
		return unroutable(smtp.Errorf(451, "4.4.4",
			"none of the source addresses (budkavle ip list, or delivery.source_addresses) can reach %s: its hosts have addresses of the other family only", lane.Domain), now)
	}
	return p
}

func unroutable(fault *smtp.Error, now time.Time) *plan {
	keep := keepFault
	if fault.Class == smtp.Permanent {
		keep = keepDenial
	}
	return &plan{
		fault: fault, path: schedule.PathKey{Site: noRoute}, limits: schedule.Limits{Connections: 4, Recipients: 50},
		messages: 1, expires: now.Add(keep),
	}
}

// choose makes the plan with an address to send from: the same for an account and domain each time, so that a receiver
// that greylists sees the same client again, unless a rule has its mail take another for a time. If all are left, that
// which is back first is waited for.
func (s *Service) choose(lane model.Lane, r *route.Plan, now time.Time) (*plan, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sources) == 0 {
		return s.planBy(Source{}, lane, r), true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(lane.Domain)) // a hash takes everything
	n := len(s.sources)
	first := int((uint64(h.Sum32()) + uint64(lane.Account)) % uint64(n))
	var best *plan
	var back time.Time // of best, which is left; and of the first that was passed over
	for i := range n {
		from := s.sources[(first+i)%n]
		if len(r.Candidates(from.Addr, 1)) == 0 {
			continue
		}
		p := s.planBy(from, lane, r)
		until, left := s.shaped.Left(shaping.Path(p.path), now)
		if !left {
			if best != nil && back.Before(p.expires) {
				p.expires = back // then the address it belongs to may be good again
			}
			return p, true
		}
		if best == nil || until.Before(back) {
			best, back = p, until
		}
	}
	return best, best != nil
}

// planBy is the plan with a source address.
func (s *Service) planBy(from Source, lane model.Lane, r *route.Plan) *plan {
	p := &plan{route: r, helo: cmp.Or(from.Helo, s.cfg.Helo), query: queryOf(r, lane.Domain, from), own: from.Own && r.Own == nil, expires: r.Expires}
	s.limit(p)
	p.path = schedule.PathKey{Source: from.Addr, Site: p.shaped.Path(r.Site)}
	return p
}

// limit gives a new plan its limits: the part of this node.
func (s *Service) limit(p *plan) {
	p.shaped = within(s.Shaping.Limits(p.query), p.route.Own)
	if !p.own {
		p.shaped = p.shaped.Share(s.nodes)
	}
	p.messages, p.limits = p.shaped.Messages, scheduled(&p.shaped)
}
