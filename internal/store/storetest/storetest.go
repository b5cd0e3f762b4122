// Package storetest is the one conformance suite that every store passes. It tests what internal/store promises and
// nothing of how a store keeps it. It is for tests only.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Open gives an empty store that is closed when the test ends.
type Open func(t testing.TB) store.Store

// maxWriters is how many transactions any store has under way at once, at most.
const maxWriters = 2

// Run runs the suite on stores that have so many transactions under way at once, at most maxWriters.
func Run(t *testing.T, writers int, open Open) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *bench)
	}{
		{"accounts", testAccounts},
		{"domains", testDomains},
		{"change domain", testChangeDomain},
		{"change domain only as it was read", testChangeDomainConflicts},
		{"claim domains", testClaimDomains},
		{"domains with their keys", testDomainKeys},
		{"digests", testDigests},
		{"credentials", testCredentials},
		{"keys", testKeys},
		{"accept", testAccept},
		{"idempotency", testIdempotency},
		{"one call of many has an idempotency key", testIdempotencyRace},
		{"group commit", testGroupCommit},
		{"a bad change harms no other", testBadNeighbour},
		{"lanes", testLanes},
		{"claim", testClaim},
		{"claims exclude each other", testConcurrentClaims},
		{"settle", testSettle},
		{"stale outcomes", testStale},
		{"bounce", testBounce},
		{"notices", testNotices},
		{"recover", testRecover},
		{"operator", testOperator},
		{"list queue", testListQueue},
		{"census", testCensus},
		{"events", testEvents},
		{"suppressions", testSuppressions},
		{"suppression lists are read in pages", testSuppressionPages},
		{"outcomes suppress", testOutcomesSuppress},
		{"links work once", testRedeem},
		{"verifications are counted", testVerifications},
		{"addresses", testAddresses},
		{"change address only as it was read", testChangeAddressConflicts},
		{"claim addresses", testClaimAddresses},
		{"subscribers", testSubscribers},
		{"reports", testReports},
		{"reports about TLS", testTLSReports},
		{"sent mail", testSent},
		{"stage", testStage},
		{"purge reports", testPurgeReports},
		{"limit rules", testLimitRules},
		{"budget", testBudget},
		{"budget of one call", testBudgetOfOneCall},
		{"scopes", testScopes},
		{"claim locks", testClaimLocks},
		{"paths", testPaths},
		{"routes", testRoutes},
		{"recipients a day of a route", testRouteDay},
		{"signals and leases", testNodes},
		{"purge bodies", testPurgeBodies},
		{"purge waits for the last outcome", testPurgeWaitsForTheLastOutcome},
		{"purge large bodies", testPurgeLargeBodies},
		{"purge events", testPurgeEvents},
		{"purge messages to many", testPurgeMany},
		{"closed", testClosed},
	} {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			part.test(t, &bench{Store: open(t), writers: writers, ids: ident.NewSource(clock.System{}, 1), ctx: t.Context(), t: t})
		})
	}
}

// bench is a store with what tests put into it.
type bench struct {
	store.Store
	writers int
	ids     *ident.Source
	ctx     context.Context
	t       testing.TB
}

// now is the instant of the suite: whole microseconds, which is what stores keep.
var now = time.Date(2026, 11, 23, 9, 0, 0, 123_000, time.UTC)

func (b *bench) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) kind(err error, k store.Kind) {
	b.t.Helper()
	if !store.Is(err, k) {
		b.t.Fatalf("error %v, want one of kind %q", err, k)
	}
}

// message makes a submission to these addresses' domains, waiting and due at now.
func (b *bench) message(account model.AccountID, class model.Class, domains ...string) store.Submission {
	m := model.Message{
		ID: b.ids.Next(), Account: account, Domain: 3, DomainName: "school.example", Class: class, Origin: model.OriginSMTP, Sender: "info@school.example",
		Size: 11, EightBit: true, AcceptedAt: now, ExpiresAt: now.Add(time.Hour),
		Meta: model.Meta{MessageID: "1@school.example", Subject: "Närvaro vecka 47", Tags: []string{"a", "b"}, Variables: map[string]string{"k": "v"}},
	}
	sub := store.Submission{Message: m, Raw: []byte("A: b\r\n\r\nhej\x00\xe5")}
	for n, d := range domains {
		sub.Recipients = append(sub.Recipients, model.Recipient{
			RecipientKey: model.RecipientKey{Message: m.ID, N: n}, Lane: model.Lane{Domain: d, Class: class, Account: account},
			Address: fmt.Sprintf("user%d@%s", n, d), State: model.StateWaiting, Due: now, Notify: model.NotifyFailure, ORcpt: "rfc822;x",
		})
		sub.Events = append(sub.Events, b.event(model.EventAccepted, m.ID, n, fmt.Sprintf("user%d@%s", n, d)))
	}
	return sub
}

func (b *bench) event(kind model.EventKind, id ident.ID, n int, recipient string) model.Event {
	return model.Event{ID: b.ids.Next(), Kind: kind, At: now, Account: 1, Domain: 3, Message: id, N: n, Recipient: recipient}
}

func (b *bench) accept(subs ...store.Submission) {
	b.t.Helper()
	b.ok(b.Accept(b.ctx, subs, nil))
}

func (b *bench) claim(lease int64, lane model.Lane, limit int) store.Claimed {
	b.t.Helper()
	got, err := b.Claim(b.ctx, []store.Claim{{Lane: lane, Limit: limit}}, lease, now, now.Add(time.Hour))
	b.ok(err)
	if len(got) != 1 || got[0].Lane != lane {
		b.t.Fatalf("claimed %+v", got)
	}
	return got[0]
}

func (b *bench) state(key model.RecipientKey) model.Recipient {
	b.t.Helper()
	r, err := b.Recipient(b.ctx, key)
	b.ok(err)
	return r
}

func (b *bench) events(f store.EventFilter) []model.Event {
	b.t.Helper()
	if f.Limit == 0 {
		f.Limit = 1000
	}
	evs, err := b.ListEvents(b.ctx, f)
	b.ok(err)
	return evs
}

func testClosed(t *testing.T, b *bench) {
	b.ok(b.Ping(b.ctx))
	b.ok(b.Close())
	b.ok(b.Close())
	b.kind(b.Ping(b.ctx), store.Unavailable)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if err := b.Accept(ctx, []store.Submission{b.message(1, 0, "a.example")}, nil); err == nil || !store.Passing(err) {
		t.Errorf("Accept on a closed store: %v", err)
	}
	var e *store.Error
	if !errors.As(b.Ping(b.ctx), &e) || e.Op == "" {
		t.Error("the error does not say what was tried")
	}
}
