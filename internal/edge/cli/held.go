package cli

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/flow/deliver"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
)

// heldFor is how old what a node told of its paths may be to be believed: it tells again each minute.
const heldFor = 2 * time.Minute

// held finds the limit that holds waiting mail back, by what running nodes told of their paths. While nothing is held it
// asks DNS nothing.
type held struct {
	paths  map[string][]model.PathState // by site as the scheduler names it
	router *route.Router
	rules  *shaping.Table

	mu    sync.Mutex
	names map[heldKey]string // of paths; at most one a printed row
}

type heldKey struct {
	account model.AccountID
	domain  string
}

func (o *office) held(ctx context.Context) (*held, error) {
	list, err := o.store.PathStates(ctx, "")
	if err != nil {
		return nil, err
	}
	h := &held{paths: map[string][]model.PathState{}, names: map[heldKey]string{}}
	for _, p := range list {
		if p.HeldBy != "" && o.clock.Now().Sub(p.At) < heldFor {
			h.paths[p.Site] = append(h.paths[p.Site], p)
		}
	}
	if len(h.paths) == 0 {
		return h, nil
	}
	if h.rules, err = node.NewShaping(o.config); err != nil {
		return nil, err
	}
	h.router, err = o.router()
	return h, err
}

// lookUp finds the ways of these recipients' domains, several at a time.
func (h *held) lookUp(ctx context.Context, recipients []model.Recipient) error {
	if len(h.paths) == 0 {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(siteLookups)
	asked := map[heldKey]bool{}
	for i := range recipients {
		r := &recipients[i]
		key := heldKey{r.Account, r.Domain}
		h.mu.Lock()
		_, known := h.names[key]
		h.mu.Unlock()
		if r.State != model.StateWaiting || known || asked[key] {
			continue
		}
		asked[key] = true
		g.Go(func() error {
			name := ""
			if plan, err := h.router.Route(ctx, key.account, key.domain); err == nil {
				l := deliver.Limits(h.rules, plan, key.domain, deliver.Source{})
				name = l.Path(plan.Site)
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			h.names[key] = name
			return ctx.Err()
		})
	}
	return g.Wait()
}

// by is what holds a waiting recipient; nil: no limit that a node told of.
func (h *held) by(r *model.Recipient) *model.PathState {
	if r.State != model.StateWaiting {
		return nil
	}
	if list := h.paths[h.names[heldKey{r.Account, r.Domain}]]; len(list) > 0 {
		return &list[0]
	}
	return nil
}

// heldText words a limit that holds a path.
func (a *app) heldText(p *model.PathState) string {
	switch p.HeldBy {
	case schedule.HeldDead:
		return a.T("the site could not be reached, tried again %s: %s", when(p.Until), printable(p.Reason))
	case schedule.HeldPaused:
		return a.T("the site asked for a pause, until %s: %s", when(p.Until), printable(p.Reason))
	case schedule.HeldRule:
		return a.T("paused until %s by rule %s", when(p.Until), printable(p.Reason))
	case schedule.HeldRate:
		return a.T("recipients a second, %s", p.Rule)
	case schedule.HeldMinute:
		return a.T("recipients a minute, %s", p.Rule)
	case schedule.HeldHour:
		return a.T("recipients an hour, %s", p.Rule)
	case schedule.HeldDials:
		return a.T("connections a minute, %s", p.Rule)
	case schedule.HeldConnections:
		return a.T("connections at the same time, %s", p.Rule)
	case schedule.HeldWindow:
		return a.T("connections, which grow as the site is reached")
	case schedule.HeldCeiling:
		return a.T("connections, fewer since the site said 421")
	case schedule.HeldSessions:
		return a.T("delivery.max_sessions over all sites")
	}
	return p.HeldBy
}
