package deliver

import (
	"time"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Limits are those of mail for a domain that goes as planned from a source, as a node has them that shares them with none.
func Limits(rules *shaping.Table, r *route.Plan, domain string, from Source) shaping.Limits {
	return within(rules.Limits(queryOf(r, domain, from)), r.Own)
}

func queryOf(r *route.Plan, domain string, from Source) shaping.Query {
	return shaping.Query{
		Domain: domain, Hosts: r.HostNames(), Site: r.Site, Source: from.Addr, Pool: from.Pool, Route: r.Fixed, RouteConnections: r.Connections,
	}
}

// scheduled is limits as the scheduler takes them.
func scheduled(l *shaping.Limits) schedule.Limits {
	by := func(k shaping.Knob) string {
		if o := l.Origins[k]; o != nil {
			return o.String()
		}
		return ""
	}
	return schedule.Limits{
		Connections: l.Connections, Dials: l.ConnectionsPerMinute, Recipients: l.Recipients, Rate: l.PerSecond, PerMinute: l.PerMinute, PerHour: l.PerHour, Mixed: l.Mixed,
		Rules: schedule.Rules{
			Connections: by(shaping.Connections), Dials: by(shaping.ConnectionsPerMinute), Rate: by(shaping.PerSecond),
			PerMinute: by(shaping.PerMinute), PerHour: by(shaping.PerHour),
		},
	}
}

// forced is limits with what answers have put in force.
func forced(l *shaping.Limits, f *shaping.Force, now time.Time) schedule.Limits {
	s := scheduled(l)
	if f.Resting(now) {
		s.Rests, s.Leave, s.Why = f.Rests, f.Left, f.Rule.String()+": "+f.Said
	}
	return s
}

// limitsOf is what a plan's path may do now.
func (s *Service) limitsOf(p *plan, now time.Time) schedule.Limits {
	if p.route == nil {
		return p.limits
	}
	l, f := s.shaped.Apply(shaping.Path(p.path), p.shaped, now)
	limits := p.limits
	if !f.At.IsZero() {
		limits = forced(&l, &f, now)
	}
	if o := p.route.Own; o != nil && o.Closed != "" && o.Until.After(limits.Rests) {
		limits.Rests, limits.Why, limits.Leave = o.Until, o.Closed, false
	}
	return limits
}

// tls is how sessions of the plan are secured. What is sent by a fixed route is secured as that says.
func (p *plan) tls() smtp.TLSMode {
	if p.route.Fixed {
		return p.route.TLS
	}
	return p.shaped.TLS
}

// heed lets the rules about answers act on a failure of mail that is tried for the nth time, and names the one that did. What
// a rule has acted on is no signal to the scheduler. Mail that is refused because of our address is kept for another, if
// there is one.
func (w *worker) heed(p *plan, e *outbound.Error, attempts int) string {
	r := e.Reply
	if r.Code == 0 { // nobody answered
		return ""
	}
	class := w.Bounces.Reply(bounce.Said{Code: r.Code, Enhanced: r.Enhanced, Text: r.Text, Host: p.query.Hosts[0], Stage: string(e.Stage)}).Class
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.Clock.Now()
	w.sched.Advance(now)
	act := w.shaped.Answer(shaping.Complaint{
		Path: shaping.Path(p.path), Query: p.query, Limits: p.shaped, Recent: w.sched.Sent(p.path), Again: attempts > 1,
		Said: shaping.Said{Code: r.Code, Enhanced: r.Enhanced, Text: r.Text, Class: string(class)},
	}, now)
	if act.Elsewhere && e.Err.Class == smtp.Permanent && w.another(p, now) {
		e.Err.Class = smtp.Temporary
	}
	if !act.Known {
		return ""
	}
	w.signal = nothing
	if act.Changed {
		w.force(p, &act.Force, now)
	}
	return act.Rule.String()
}

// force puts in force what a rule has just changed.
func (s *Service) force(p *plan, f *shaping.Force, now time.Time) {
	if f.Left {
		for key, other := range s.plans {
			if other.path == p.path {
				delete(s.plans, key)
			}
		}
	}
	s.sched.SetLimits(p.path, s.limitsOf(p, now))
	s.turn(now)
	s.Metrics.Shaped.Add(1)
	s.Log.Info("shaped", "site", f.Site, "source", f.Source, "rule", f.Rule.String(), "said", f.Said, "rate", f.Rate, "connections", f.Connections,
		"rests", f.Rests, "left", f.Left)
}

// another reports whether another source address reaches the site and was not left.
func (s *Service) another(p *plan, now time.Time) bool {
	for _, from := range s.sources {
		if from.Addr == p.path.Source || len(p.route.Candidates(from.Addr, 1)) == 0 {
			continue
		}
		q := p.query
		q.Source, q.Pool = from.Addr, from.Pool
		l := s.Shaping.Limits(q)
		if _, left := s.shaped.Left(shaping.Path{Source: from.Addr, Site: l.Path(q.Site)}, now); !left {
			return true
		}
	}
	return false
}
