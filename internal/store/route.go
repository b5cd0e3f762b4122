package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// SignalRoutes is given when an account's own server was set, tested, removed, or is told to fail or to be mended.
const SignalRoutes = "routes"

// Routes keeps the accounts' own servers, one at most of each account. Each change but that of a counter signals.
type Routes interface {
	// SetRoute keeps r in the place of the account's route, untested, its counter of the day going on. NotFound without the account.
	SetRoute(ctx context.Context, r model.Route) error
	// RouteOf finds the account's route. NotFound if there is none.
	RouteOf(ctx context.Context, account model.AccountID) (model.Route, error)
	// RemoveRoute removes the account's route. NotFound if there is none.
	RemoveRoute(ctx context.Context, account model.AccountID) error
	// TestedRoute keeps what a test of this revision found; an end to its failing, if it went well. Conflict if the route is another
	// by now.
	TestedRoute(ctx context.Context, account model.AccountID, revision int64, state model.RouteState, note string, at time.Time) error
	// FailingRoute records that a route of this revision fails, with ev in the same commit. It reports whether it did: false, and
	// nothing is written, if that is known already or the route is another by now.
	FailingRoute(ctx context.Context, account model.AccountID, revision int64, fault string, ev model.Event) (bool, error)
	// MendedRoute records the end of that, with ev in the same commit, and reports whether it did.
	MendedRoute(ctx context.Context, account model.AccountID, revision int64, ev model.Event) (bool, error)
	// TakeRoute counts up to n recipients of the day if the account's route has room for them, and returns how many it had room for.
	// The sum of all callers, on whatever nodes, does not exceed the route's PerDay. NotFound without a route.
	TakeRoute(ctx context.Context, account model.AccountID, day model.Day, n int) (int, error)
	// ReturnRoute takes n of the day's recipients back, which were not sent to.
	ReturnRoute(ctx context.Context, account model.AccountID, day model.Day, n int) error
}
