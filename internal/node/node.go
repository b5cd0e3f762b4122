// Package node builds a whole Budkavle node from its configuration, starts it, drains it and stops it.
//
// Starting either gives a node that takes mail or an error that names what was in the way, with everything that was
// begun undone. Stopping goes against the flow: first intake, which refuses with 421 and lets sessions finish, then
// delivery, then what tells of it, and the store last. What is queued stays queued. The package decides nothing about
// mail: it only knows who is handed to whom.
package node

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/edge/smtpd"
	"github.com/budkavle/budkavle/internal/edge/web"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/flow/deliver"
	"github.com/budkavle/budkavle/internal/flow/feedback"
	"github.com/budkavle/budkavle/internal/flow/guard"
	"github.com/budkavle/budkavle/internal/flow/notify"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/flow/recipient"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
)

// System is the outside of a real node.
type System struct {
	Log    *slog.Logger
	Clock  clock.Clock
	Random io.Reader
}

// NewSystem returns the machine's own clock and randomness.
func NewSystem(log *slog.Logger) System {
	return System{Log: log, Clock: clock.System{}, Random: rand.Reader}
}

// Node is a running node.
type Node struct {
	sys         System
	cfg         config.Config
	lock        io.Closer // nil: the store takes several nodes
	store       store.Store
	ring        *keyring.Ring
	ids         *ident.Source
	rules       *bounce.Rules
	paths       *bounce.ReturnPaths
	directory   *submit.Directory
	deliver     *deliver.Service
	relay       *relay.Service
	addresses   *addresses.Service
	submit      *submit.Service
	notify      *notify.Service
	guard       *guard.Service
	feedback    *feedback.Service
	desk        *onboard.Service
	watch       *onboard.Watch
	recipients  *recipient.Service
	reports     *reports.Service
	suppression *suppression.Service
	web         *web.Web
	validator   *validate.Validator
	lists       *validate.Jobs
	servers     []*smtpd.Server
	http        *http.Server
	metrics     *metrics
	disk        *diskCheck
	pulse       *pulse
	upkeep      *lifecycle.Group
	ready       atomic.Bool
	doors       doors
}

// Addrs are where a node really listens, which port 0 leaves open until then.
type Addrs struct {
	Submission, SubmissionTLS, MX []string
	HTTP                          string
}

// Addrs returns where the node listens.
func (n *Node) Addrs() Addrs {
	return Addrs{
		Submission: boundTo(n.doors.submission), SubmissionTLS: boundTo(n.doors.submissionTLS), MX: boundTo(n.doors.mx),
		HTTP: strings.Join(boundTo(n.doors.http), ""),
	}
}

// Start builds and starts a node.
func Start(ctx context.Context, cfg config.Config, sys System) (*Node, error) {
	n := &Node{sys: sys, cfg: cfg, upkeep: lifecycle.New(context.WithoutCancel(ctx)), ids: ident.NewSource(sys.Clock, cfg.Node.Number)}
	n.disk = newDiskCheck(cfg.Node.DataDir, cfg.Submission.MinFree, sys.Clock)
	if err := n.start(ctx); err != nil {
		return nil, errors.Join(err, n.Stop(ctx))
	}
	n.ready.Store(true)
	at := n.Addrs()
	sys.Log.Info("ready", "node", cfg.Node.Hostname, "submission", at.Submission, "mx", at.MX, "http", at.HTTP)
	return n, nil
}

func (n *Node) start(ctx context.Context) error {
	var err error
	if n.ring, err = keyring.Open(n.cfg.Secret(), n.sys.Random); err != nil {
		return err
	}
	if err := n.bind(ctx); err != nil {
		return err
	}
	if n.lock, err = lockStore(n.cfg); err != nil {
		return err
	}
	if n.store, err = OpenStore(ctx, n.cfg, n.sys.Clock); err != nil {
		return err
	}
	n.pulse = &pulse{ping: n.store.Ping, clock: n.sys.Clock, log: n.sys.Log}
	if err := n.store.Ping(ctx); err != nil {
		return wording.Errorf("%s takes no changes, so no mail can be kept: %w", storeName(n.cfg), err)
	}
	engine, why := dkim.LoadEngine()
	n.sys.Log.Info("RSA signatures", "engine", engine.Name())
	if why != nil {
		n.sys.Log.Warn("RSA signatures are made three times slower than they could be", "error", why)
	}
	n.paths = bounce.NewReturnPaths(n.ring.Derive("return path", 32), n.cfg.Delivery.BounceDomain)
	n.directory = submit.NewDirectory(n.store, n.ring, engine)
	n.metrics = newMetrics(n)
	if err := n.startDelivery(ctx); err != nil {
		return err
	}
	in := submission(n.cfg, n.store, n.directory, n.ring, n.ids, n.sys, n.disk)
	in.Queue, in.Observe, in.Noticed = n.deliver, n.metrics, func() { n.notify.Poke() }
	in.Senders, in.Locked = n.senders, n.accountLocked
	n.guard = NewGuard(n.cfg, n.store, n.ids, n.sys)
	n.submit = submit.New(in)
	if err := n.startReports(); err != nil {
		return err
	}
	if err := n.startAnswers(); err != nil {
		return err
	}
	if err := n.startWatch(); err != nil {
		return err
	}
	n.startUpkeep()
	if err := n.startValidation(); err != nil {
		return err
	}
	return n.serve(ctx)
}

// startUpkeep starts what goes on beside the mail.
func (n *Node) startUpkeep() {
	l := &listener{store: n.store, clock: n.sys.Clock, log: n.sys.Log, on: map[string]func(){
		store.SignalDirectory: func() {
			n.directory.Flush()
			n.deliver.DirectoryChanged()
			n.addresses.DirectoryChanged()
			n.watch.Poke()
			n.guard.Poke()
		},
		store.SignalQueue:  n.deliver.QueueChanged,
		store.SignalRoutes: n.routesChanged,
	}}
	j := &janitor{store: n.store, keep: n.cfg.Retention, clock: n.sys.Clock, log: n.sys.Log}
	n.upkeep.Go(l.run)
	n.upkeep.Go(j.run)
	n.upkeep.Go(n.metrics.run)
	n.upkeep.Go(n.digests().Run)
	n.upkeep.Go(n.addresses.Run)
	n.upkeep.Go(n.guard.Run)
	n.upkeep.Go(n.reports.Watch)
}

// Stop drains the node until ctx ends, then cuts what is left. It may be called on a node that did not start whole.
func (n *Node) Stop(ctx context.Context) error {
	n.ready.Store(false)
	errs := make([]error, len(n.servers))
	var stopping sync.WaitGroup // all at once: none may take mail while another waits for a sender
	for i, s := range n.servers {
		stopping.Go(func() { errs[i] = s.Stop(ctx) })
	}
	stopping.Wait()
	if n.http != nil {
		if err := n.http.Shutdown(ctx); err != nil {
			errs = append(errs, n.http.Close())
		}
	}
	if n.notify != nil {
		errs = append(errs, n.notify.Stop(ctx))
	}
	if n.deliver != nil {
		errs = append(errs, n.deliver.Stop(ctx))
	}
	ended, cancel := context.WithCancel(ctx)
	cancel() // upkeep has nothing to finish
	errs = append(errs, n.upkeep.Stop(ended))
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	n.doors.close()
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	if n.sys.Log != nil {
		n.sys.Log.Info("stopped", "node", n.cfg.Node.Hostname)
	}
	return errors.Join(errs...)
}

// networks resolves the accounts of trusted networks once, at start.
func (n *Node) networks(ctx context.Context) ([]smtpd.Network, error) {
	var list []smtpd.Network
	for _, text := range n.cfg.Submission.TrustedNetworks {
		prefix, name, err := config.ParseTrusted(text)
		if err != nil {
			return nil, err
		}
		a, err := n.store.Account(ctx, name)
		if store.Is(err, store.NotFound) {
			return nil, wording.Errorf("submission.trusted_networks %q: there is no account %q; add it with: budkavle account add %s", text, name, name)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, smtpd.Network{Prefix: prefix, Account: a.ID})
	}
	return list, nil
}

func addrsOf(list []string) []netip.Addr {
	var addrs []netip.Addr
	for _, text := range list {
		if a, err := netip.ParseAddr(text); err == nil { // validated with the configuration
			addrs = append(addrs, a)
		}
	}
	return addrs
}
