// Package reports takes what receivers report about sender domains, keeps it, and draws what follows from it.
//
// Reports come by mail to two mailboxes of the bounce domain, or by hand. What is no report, too large, made to harm, or about
// a domain that is not of this node, is taken all the same, logged, counted and forgotten: an answer would reach whoever the
// envelope names. Only a fault of the store is an error, for which the peer keeps its mail. Each report counts once. Anybody
// can send one, so nothing here changes what is sent or published: a person is shown what was seen, and is proposed the next
// stage of DMARC (internal/engine/stage). What is kept is bounded by domain and day.
//
// The Watch looks at each domain once a day, counts what this node delivered the day before, and writes to the owner when a
// step is due. DNS that does not answer makes it wait a day.
package reports

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	store.Reports
	Domain(ctx context.Context, name string) (model.Domain, error)
	ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error)
	SigningKeys(ctx context.Context, id model.DomainID) ([]model.SigningKey, error)
	AccountByID(ctx context.Context, id model.AccountID) (model.Account, error)
	CountEvents(ctx context.Context, f store.EventFilter) (map[model.EventKind]int64, error)
	NoteEvents(ctx context.Context, evs []model.Event, notices ...model.Notice) error
}

// Config is what a Service is made of. Resolver, Observe and Notifier may be nil.
type Config struct {
	Store     Store
	Resolver  dns.Resolver                                    // nil: nobody can be named, and no record is known
	Addresses func(ctx context.Context) ([]netip.Addr, error) // that we send from
	Clock     clock.Clock
	IDs       *ident.Source
	Log       *slog.Logger
	Observe   func(kind, outcome string) // counts reports: kept, again, refused
	Notifier  Notifier                   // writes to owners; nil: proposals are events only
	ReportTo  string                     // our mailbox for DMARC reports
	Days      int                        // of passing mail before a stage is proposed
	Age       time.Duration              // how long reports are kept: older ones are not taken
}

// Notifier writes to the contact of an account. It returns when the letter is in the queue.
type Notifier interface {
	Tell(ctx context.Context, a model.Account, domain, subject, text string) error
}

// maxReading is how many reports are read at the same time: one costs at most 34 MiB and some seconds.
const maxReading = 2

// Service keeps reports and shows them. It is safe for concurrent use.
type Service struct {
	Config
	places chan struct{}

	mu   sync.Mutex
	told time.Time // of the last event about a report that was refused
}

// New returns a Service.
func New(c Config) *Service {
	if c.Observe == nil {
		c.Observe = func(string, string) {}
	}
	return &Service{Config: c, places: make(chan struct{}, maxReading)}
}

func (s *Service) today() model.Day { return model.DayOf(s.Clock.Now()) }
