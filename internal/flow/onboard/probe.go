package onboard

import (
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Limits of asking one domain.
const (
	maxAsked  = 10               // addresses; the rest has no answer
	maxHosts  = 3                // addresses of servers that are dialled
	probeTime = 90 * time.Second // for all of it; servers that make strangers wait do so for half a minute
)

// Prober asks mail servers whether they take mail for an address, by RCPT and without sending anything. It asks the domain's
// own servers only: none of a provider of mailboxes for private persons, and none that a fixed route names.
type Prober struct {
	Router    Router
	Connector *outbound.Connector
	Helo      string
	Source    netip.Addr // zero: the system chooses
}

// Router plans the way to a domain; route.Router does.
type Router interface {
	Route(ctx context.Context, account model.AccountID, domain string) (*route.Plan, error)
}

var _ proof.Probe = (*Prober)(nil)

// Accepts implements proof.Probe.
func (p *Prober) Accepts(ctx context.Context, domain string, addresses []string) ([]proof.Acceptance, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	addresses = addresses[:min(len(addresses), maxAsked)]
	if consumerDomain(domain) {
		return spared(addresses, wording.Say("%s gives mailboxes to private persons, and its servers must not be asked", domain)), nil
	}
	plan, err := p.Router.Route(ctx, 0, domain)
	switch {
	case err != nil && smtp.AsError(err).Class == smtp.Permanent:
		return spared(addresses, wording.Say("the domain has no mail server that can be asked")), nil
	case err != nil:
		return nil, err
	case plan.Fixed:
		return spared(addresses, wording.Say("mail to %s goes by a fixed route of this node", domain)), nil
	}
	if host := consumerServer(plan.HostNames()); host != "" {
		return spared(addresses, wording.Say("%s takes mail for mailboxes of private persons, and must not be asked", host)), nil
	}
	session, err := p.connect(ctx, plan)
	if err != nil {
		return nil, err
	}
	defer session.Quit(ctx)
	return ask(ctx, session, addresses), nil
}

func spared(addresses []string, why wording.Text) []proof.Acceptance {
	list := make([]proof.Acceptance, len(addresses))
	for i := range list {
		list[i].Why = why
	}
	return list
}

// connect opens a session with the first server that lets us in.
func (p *Prober) connect(ctx context.Context, plan *route.Plan) (*outbound.Session, error) {
	err := wording.Errorf("the mail servers have no address in the family of %s", p.Source.String())
	for _, c := range plan.Candidates(p.Source, maxHosts) {
		var s *outbound.Session
		s, err = p.Connector.Connect(ctx, outbound.Target{Host: c.Host, Addr: c.Addr, Source: p.Source, Helo: p.Helo, TLS: plan.TLS})
		if err == nil {
			return s, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

// ask asks about each address. When the session breaks, what is not yet known cannot be told now.
func ask(ctx context.Context, s *outbound.Session, addresses []string) []proof.Acceptance {
	list := make([]proof.Acceptance, len(addresses))
	host := s.Target().Host
	for i, address := range addresses {
		reply, err := s.Ask(ctx, address)
		list[i] = proof.Acceptance{Asked: true, Host: host, Taken: reply.Code/100 == 2, Passing: reply.Code/100 == 4, Reply: inWords(reply)}
		var fault *outbound.Error
		if errors.As(err, &fault) { // of the session, or of the null sender: it says nothing of the address
			list[i].Taken, list[i].Passing, list[i].Reply = false, true, fault.Err.Error()
			if fault.Reply.Code > 0 {
				list[i].Reply = inWords(fault.Reply)
			}
		}
	}
	return list
}

func inWords(r outbound.Reply) string {
	return strings.TrimSpace(strconv.Itoa(r.Code) + " " + strings.TrimSpace(r.Enhanced+" "+strings.ReplaceAll(r.Text, "\n", " ")))
}
