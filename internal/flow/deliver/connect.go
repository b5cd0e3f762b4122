package deliver

import (
	"context"
	"errors"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// connectFault is why no host could be reached, and which said so.
type connectFault struct {
	err  *outbound.Error
	host route.Candidate
}

// connect makes sure of a session: the open one while it may carry more and is of the plan's path, or else one with the first host, in order of
// preference, that comes to the end of its handshake (RFC 5321 5.1).
func (w *worker) connect(ctx context.Context, p *plan) *connectFault {
	if w.session != nil && w.sent < p.messages && w.path == p.path && w.session.Usable() {
		return nil
	}
	w.hangUp(ctx)
	var fault *connectFault
	for _, host := range p.route.Candidates(p.path.Source, w.cfg.Hosts) {
		w.dialing()
		session, err := w.Connector.Connect(ctx, w.target(p, host))
		if err == nil {
			w.session, w.path, w.sent = session, p.path, 0
			w.Metrics.Sessions.Add(1)
			w.Metrics.Connects.Add(1)
			return nil
		}
		f := &connectFault{err: asOutbound(err), host: host}
		if p.route.Fixed {
			f.err.Err.Class = smtp.Temporary // the operator's to mend, as all of a fixed route: see engine/route
		}
		if p.route.Own != nil {
			conceal(p.route.Own, f.err)
		}
		// One host that may be there later is enough to try later; otherwise the last word counts.
		if fault == nil || fault.err.Err.Class == smtp.Permanent {
			fault = f
		}
		if ctx.Err() != nil {
			break
		}
	}
	if fault == nil {
		fault = &connectFault{err: &outbound.Error{
			Stage: outbound.StageConnect, Err: smtp.Errorf(451, "4.4.4", "no address to connect to"),
		}}
	}
	return fault
}

func (w *worker) target(p *plan, host route.Candidate) outbound.Target {
	t := outbound.Target{Host: host.Host, Addr: host.Addr, Source: p.path.Source, Helo: p.helo, TLS: p.tls()}
	if a := p.route.Auth; a != nil {
		t.Auth = &outbound.Auth{Username: a.Username, Password: a.Password}
	}
	return t
}

// dialing counts a connection.
func (w *worker) dialing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sched.Dialing(w.place)
	w.dialed = true
}

func asOutbound(err error) *outbound.Error {
	var e *outbound.Error
	if errors.As(err, &e) {
		return e
	}
	return &outbound.Error{Stage: outbound.StageConnect, Err: smtp.AsError(err)}
}
