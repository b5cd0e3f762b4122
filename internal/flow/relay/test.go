package relay

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Trial says how far a test goes.
type Trial struct {
	From   string // envelope sender; empty: the server's user, or postmaster of the account's first domain
	To     string // address that MAIL and RCPT are tried with; empty: no further than the login
	Letter bool   // a letter is sent to it
}

// Step is one thing that went well.
type Step struct {
	Name string       `json:"name"` // "resolve", "connect", "login", "envelope", "letter"
	Text wording.Text `json:"text"`
}

// Verdict is what a test found.
type Verdict struct {
	Route      model.Route      `json:"route"`
	OK         bool             `json:"ok"`
	Steps      []Step           `json:"steps"`
	Finding    *finding.Finding `json:"finding,omitempty"` // what was in the way
	Transcript string           `json:"transcript,omitempty"`
}

// testTime bounds a test: servers that make strangers wait do so for half a minute.
const testTime = 90 * time.Second

// Test tries the account's own server, step by step, and keeps the result. Its error is about the test itself; what is wrong with the
// server is in the Verdict.
func (s *Service) Test(ctx context.Context, account model.Account, t Trial, tell func(Step)) (Verdict, error) {
	r, err := s.Store.RouteOf(ctx, account.ID)
	if err != nil {
		return Verdict{}, err
	}
	own, err := s.ready(&r)
	if err != nil {
		return Verdict{}, err
	}
	if err := s.complete(ctx, &r, &t); err != nil {
		return Verdict{}, err
	}
	v := Verdict{Route: r, Steps: []Step{}}
	trying, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	v.Finding = s.try(trying, own, &t, func(st Step) {
		v.Steps = append(v.Steps, st)
		tell(st)
	}, &v.Transcript)
	if ctx.Err() != nil {
		return v, ctx.Err()
	}
	v.OK = v.Finding == nil
	state, note := model.RouteTested, ""
	if v.OK {
		note = v.Steps[len(v.Steps)-1].Name
	} else {
		state, note = model.RouteUntested, v.Finding.Code+": "+v.Finding.Found.String()
	}
	if err := s.Store.TestedRoute(ctx, account.ID, r.Revision, state, note, s.Clock.Now()); err != nil {
		return v, err
	}
	s.Flush()
	v.Route, err = s.Store.RouteOf(ctx, account.ID)
	return v, err
}

// complete checks the addresses of a trial: they go into commands.
func (s *Service) complete(ctx context.Context, r *model.Route, t *Trial) (err error) {
	if t.To != "" && t.From == "" {
		if t.From, err = s.sender(ctx, r); err != nil {
			return err
		}
	}
	for _, text := range []*string{&t.From, &t.To} {
		if *text == "" {
			continue
		}
		a, err := address.Parse(*text)
		if err != nil {
			return wording.Errorf("address %q: %w", *text, err)
		}
		*text = a.String()
	}
	if t.Letter && t.To == "" {
		return wording.Errorf("a letter needs somebody to send it to")
	}
	return nil
}

// sender is who a test writes as.
func (s *Service) sender(ctx context.Context, r *model.Route) (string, error) {
	if a, err := address.Parse(r.Username); err == nil {
		return a.String(), nil
	}
	domains, err := s.Store.ListDomains(ctx, r.Account, "", 1)
	if err != nil {
		return "", err
	}
	if len(domains) == 0 {
		return "", wording.Errorf("the account has no domain to send as; say who sends, with --from")
	}
	return "postmaster@" + domains[0].Name, nil
}

// try goes as far as the trial says. nil: all went well.
func (s *Service) try(ctx context.Context, own *route.Own, t *Trial, done func(Step), transcript *string) *finding.Finding {
	plan, err := s.Router.Via(ctx, own, "")
	if err != nil {
		return unresolved(own, smtp.AsError(err))
	}
	done(Step{"resolve", wording.Say("%s has %d addresses", own.Host, len(plan.Hosts[0].Addrs))})
	session, err := s.connect(ctx, plan)
	if err != nil {
		return s.diagnose(own, err, transcript)
	}
	defer session.Quit(ctx)
	if tls := session.TLS(); tls != "" {
		done(Step{"connect", wording.Say("connected to %s, %s", session.Target().Addr.String(), tls)})
	} else {
		done(Step{"connect", wording.Say("connected to %s, without TLS", session.Target().Addr.String())})
	}
	if own.Auth != nil {
		done(Step{"login", wording.Say("logged in as %s", own.Auth.Username)})
	}
	switch {
	case t.To == "":
		return nil
	case t.Letter:
		err = s.send(ctx, session, t)
	default:
		err = s.ask(ctx, session, t)
	}
	if err != nil {
		*transcript = session.Transcript()
		return s.diagnose(own, err, transcript)
	}
	if t.Letter {
		done(Step{"letter", wording.Say("the server took a letter from %s to %s", t.From, t.To)})
	} else {
		done(Step{"envelope", wording.Say("the server takes mail from %s to %s; none was sent", t.From, t.To)})
	}
	return nil
}
