// Package api is the HTTP interface for programs: sending and events as Mailgun's API has them, so that an application
// that speaks to Mailgun speaks to Budkavle when its base address is changed.
//
// Every answer is JSON; every refusal has a "message" that names the field and says what to do. A send is answered 200
// when it is durable and not before; faults of our own are 503 with Retry-After, and nothing was kept. What Mailgun offers
// and this package does not do is refused by name, never ignored. It terminates no TLS, keeps nothing and decides nothing
// about mail; the time limits of connections are the server's that it is mounted in.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Config is what an API is made of.
type Config struct {
	Submit       Submitter
	Store        Store
	Directory    Directory
	Validator    Validator
	Lists        Lists
	Suppressions Suppressions
	Recipients   Recipients
	Desk         Desk
	Reports      Reports
	Addresses    Addresses
	Guard        Guard
	Routes       Routes
	Clock        clock.Clock
	Log          *slog.Logger
	BaseURL      string // as clients reach it, without a closing slash: the paging addresses begin with it
	MaxSize      int64  // octets of one message
}

// Submitter takes mail in; *submit.Service is one.
type Submitter interface {
	CheckSender(ctx context.Context, p submit.Principal, sender string) error
	Begin(ctx context.Context, p submit.Principal, e submit.Envelope, o submit.Options) (submit.Transaction, error)
	// Hold takes octets of the budget that all mail on its way in shares.
	Hold(octets int64) (release func(), err error)
	CommitAll(ctx context.Context, txs []submit.Transaction, answer *submit.Answer) ([]submit.Receipt, error)
}

// Store is what the API reads; store.Store is one.
type Store interface {
	IdempotentResponse(ctx context.Context, account model.AccountID, key string, now time.Time) ([]byte, error)
	Message(ctx context.Context, id ident.ID) (model.Message, error)
	Account(ctx context.Context, name string) (model.Account, error)
	ListEvents(ctx context.Context, f store.EventFilter) ([]model.Event, error)
	ListDomains(ctx context.Context, account model.AccountID, after string, limit int) ([]model.Domain, error)
}

// Directory knows keys, accounts and domains; *submit.Directory is one.
type Directory interface {
	Key(ctx context.Context, secret string) (model.APIKey, error)
	Account(ctx context.Context, id model.AccountID) (model.Account, error)
	Domain(ctx context.Context, name string) (model.Domain, error)
}

// API answers what is under /v1 to /v5 and /api. It is safe for concurrent use.
type API struct {
	Config
	mux       *http.ServeMux
	domains   *http.ServeMux
	failures  *failures
	scanSteps int // how often one page of events may read

	validations, uploads, trials chan struct{} // places
}

// New returns an API.
func New(c Config) *API {
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	a := &API{Config: c, mux: http.NewServeMux(), failures: newFailures(c.Clock), scanSteps: scanSteps}
	a.validations, a.uploads, a.trials = make(chan struct{}, maxValidations), make(chan struct{}, maxUploads), make(chan struct{}, maxTrials)
	a.mux.Handle("POST /v3/{domain}/messages", a.send(messages))
	a.mux.Handle("POST /v3/{domain}/messages.mime", a.send(mimeMessages))
	a.mux.Handle("GET /v3/{domain}/events", a.handle(a.events))
	a.mux.Handle("GET /v3/{domain}/events/{token}", a.handle(a.events))
	a.routeValidation()
	a.routeSuppressions()
	a.routeRecipients()
	a.routeDomains()
	a.routeReports()
	a.routeAddresses()
	a.routeLimits()
	a.routeRoutes()
	a.mux.HandleFunc("/", a.noSuchCall)
	return a
}

func (a *API) noSuchCall(w http.ResponseWriter, r *http.Request) {
	a.answerError(w, r, refuse(http.StatusNotFound, "There is no call %.10s %.200s here; docs/api.md lists those there are", r.Method, r.URL.Path))
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, v := range []string{"/v3/domains", "/v4/domains"} {
		if below, ok := strings.CutPrefix(r.URL.Path, v); ok && (below == "" || below[0] == '/') {
			a.domains.ServeHTTP(w, r)
			return
		}
	}
	a.mux.ServeHTTP(w, r)
}
