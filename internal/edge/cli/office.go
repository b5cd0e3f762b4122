package cli

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	pageSize = 500  // rows fetched at a time
	maxKeys  = 1000 // API keys listed of one account
)

// office is the store and what works on it, opened for one command.
type office struct {
	config  config.Config
	store   store.Store
	ring    *keyring.Ring
	ids     *ident.Source
	clock   clock.Clock
	onboard *onboard.Service

	names map[model.AccountID]string // of the accounts a listing has met, at most one a printed row
}

// withOffice opens the store of the configuration, runs f and closes it.
func (a *app) withOffice(f func(ctx context.Context, o *office) error) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	return a.withOfficeOf(cfg, f)
}

// withOfficeAsking is withOffice, with DNS asked of the server that a flag names.
func (a *app) withOfficeAsking(flag nodeDNSFlag, f func(ctx context.Context, o *office) error) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	if flag.DNS != "" {
		if _, err := dnsFlag(flag).resolver(); err != nil {
			return err
		}
		cfg.DNS.Servers = []string{flag.DNS}
	}
	return a.withOfficeOf(cfg, f)
}

func (a *app) withOfficeOf(cfg config.Config, f func(ctx context.Context, o *office) error) (err error) {
	st, err := node.OpenStore(a.ctx, cfg, clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := st.Close(); err == nil {
			err = cerr
		}
	}()
	ring, err := keyring.Open(cfg.Secret(), rand.Reader)
	if err != nil {
		return err
	}
	o := &office{config: cfg, store: st, ring: ring, clock: clock.System{}, names: map[model.AccountID]string{}}
	// Numbers made here must not meet those of a node on the same store: the command line takes a random
	// node number, and its sequence starts at the moment's millisecond.
	o.ids = ident.NewSource(o.clock, randomNode())
	if o.onboard, err = node.NewOnboarding(cfg, st, ring, o.ids, node.NewSystem(slog.New(slog.DiscardHandler))); err != nil {
		return err
	}
	return f(a.ctx, o)
}

// reports is what receivers report, as the node of the configuration keeps it.
func (o *office) reports() (*reports.Service, error) {
	return node.NewReports(o.config, o.store, o.ids, node.NewSystem(slog.New(slog.DiscardHandler)), o.onboard.Addresses)
}

func randomNode() int {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand documents
	return int(b[0])<<8 | int(b[1])
}

func (o *office) accountName(ctx context.Context, id model.AccountID) string {
	if name, ok := o.names[id]; ok {
		return name
	}
	name := strconv.FormatInt(int64(id), 10)
	if acc, err := o.store.AccountByID(ctx, id); err == nil {
		name = acc.Name
	}
	o.names[id] = name
	return name
}

// explain words the store's faults about one thing for a person; other errors pass.
func (a *app) explain(err error, what string, args ...any) error {
	thing := a.T(what, args...)
	switch {
	case store.Is(err, store.NotFound):
		return wording.Errorf("%s: there is none by that name; the list command shows what there is", thing)
	case store.Is(err, store.Exists):
		return wording.Errorf("%s: there is one by that name already", thing)
	default:
		return wording.Errorf("%s: %w", thing, err)
	}
}

// done prints a document or a sentence.
func (a *app) done(v any, english string, args ...any) error {
	if a.json {
		return a.printJSON(v)
	}
	a.say(english, args...)
	return nil
}

// listing prints many things: a table for people, one JSON object a line for programs.
type listing struct {
	app   *app
	table *table
}

func (a *app) listing(headings ...string) *listing {
	if a.json {
		return &listing{app: a}
	}
	return &listing{a, a.newTable(headings...)}
}

func (l *listing) item(v any, cells ...string) error {
	if l.table == nil {
		return l.app.printJSON(v)
	}
	l.table.row(cells...)
	return nil
}

func (l *listing) end() error {
	if l.table == nil {
		return nil
	}
	return l.table.flush()
}

func number(n int) string { return strconv.Itoa(n) }
