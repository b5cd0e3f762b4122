package deliver

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/engine/schedule"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what delivery needs of store.Store.
type Store interface {
	Lanes(ctx context.Context, after model.Lane, limit int) ([]store.LaneHead, error)
	Claim(ctx context.Context, claims []store.Claim, lease int64, now, nextDue time.Time) ([]store.Claimed, error)
	Settle(ctx context.Context, outcomes []store.Outcome) (stale []model.RecipientKey, err error)
	RecoverLeases(ctx context.Context, lease int64, due time.Time, limit int) (int, error)
	Message(ctx context.Context, id ident.ID) (model.Message, error)
	Body(ctx context.Context, id ident.ID) ([]byte, error)
	AccountByID(ctx context.Context, id model.AccountID) (model.Account, error)
	SoftBounce(ctx context.Context, account model.AccountID, key string) (model.SoftBounce, error)
	Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error)
	OpenLease(ctx context.Context, node string, now, expires time.Time) (int64, error)
	RenewLease(ctx context.Context, lease int64, expires time.Time) error
	DeadLeases(ctx context.Context, node string, own int64, now time.Time) ([]int64, error)
	CloseLease(ctx context.Context, lease int64) error
	LiveNodes(ctx context.Context, now time.Time) (int, error)
	KeepPaths(ctx context.Context, node string, list []model.PathState) error
	PathStates(ctx context.Context, node string) ([]model.PathState, error)
}

// Router plans the way to a domain; its error is an *smtp.Error.
type Router interface {
	Route(ctx context.Context, account model.AccountID, domain string) (*route.Plan, error)
}

// Connector opens sessions; its error is an *outbound.Error.
type Connector interface {
	Connect(ctx context.Context, t outbound.Target) (Session, error)
}

// Session is an open session, as *outbound.Session is.
type Session interface {
	Send(ctx context.Context, m *outbound.Mail) outbound.Results
	Usable() bool
	Target() outbound.Target
	Source() netip.Addr
	TLS() string
	Transcript() string
	Quit(ctx context.Context)
	Close()
}

// Outbound makes a Connector of the real one.
func Outbound(c *outbound.Connector) Connector { return dialer{c} }

type dialer struct{ *outbound.Connector }

func (d dialer) Connect(ctx context.Context, t outbound.Target) (Session, error) {
	s, err := d.Connector.Connect(ctx, t)
	if err != nil {
		return nil, err // not s: a nil *Session would not be a nil Session
	}
	return s, nil
}

// Deps is what a Service works with. All are needed but those with a default.
type Deps struct {
	Store     Store
	Router    Router
	Relay     Relay // nil: no account has a server of its own
	Connector Connector
	Shaping   *shaping.Table // shaping.Default()
	Bounces   *bounce.Rules
	IDs       *ident.Source
	Clock     clock.Clock    // clock.System
	Random    func() float64 // in [0, 1), safe for concurrent use; spreads retries. math/rand/v2.Float64
	Log       *slog.Logger
	// ReturnPath makes the envelope sender under which a failure report finds its way back to the recipient, or
	// to the whole message where a transaction has several.
	ReturnPath func(key model.RecipientKey, whole bool, domain string) string
	// Noticed is called after notices were stored. nil: nobody wants to know.
	Noticed func()
}

// Config says how delivery behaves. Zero fields take the defaults named.
type Config struct {
	Node        string   // name of this node; its earlier leases are recovered at start
	Helo        string   // what sessions call themselves, unless their source has a name of its own
	Sources     []Source // addresses to send from until SetSources; empty: the system chooses
	Schedule    schedule.Config
	RetryFirst  time.Duration // delay before the second attempt; doubles, with jitter: 1 minute
	RetryMax    time.Duration // longest delay: 4 hours
	DelayNotice time.Duration // the sender is told of a delay after; 0: never
	IdleSession time.Duration // how long a session without mail is kept: 3 seconds
	Lease       time.Duration // how long a lease is valid; it is renewed three times as often: 1 minute
	Sweep       time.Duration // between two sweeps of all lanes: 1 minute
	Hosts       int           // addresses tried for one transaction: 5
	MaxBodies   int64         // octets of messages in memory: 128 MiB
	MaxPlans    int           // routes remembered: 20,000
	Resolvers   int           // routes looked up at the same time: 32
}

// Source is an address to send from.
type Source struct {
	Addr netip.Addr
	Helo string // what sessions from it call themselves; empty: Config.Helo
	Pool string
	Own  bool // no other node sends from it, so that its limits are not shared
}

func orDefault[T int | int64 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

func (c Config) withDefaults() Config {
	orDefault(&c.RetryFirst, time.Minute)
	orDefault(&c.RetryMax, 4*time.Hour)
	orDefault(&c.IdleSession, 3*time.Second)
	orDefault(&c.Lease, time.Minute)
	orDefault(&c.Sweep, time.Minute)
	orDefault(&c.Hosts, 5)
	orDefault(&c.MaxBodies, 128<<20)
	orDefault(&c.MaxPlans, 20_000)
	orDefault(&c.Resolvers, 32)
	return c
}
