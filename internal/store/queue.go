package store

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// LaneHead is a lane that has waiting mail, and when the first of it is due.
type LaneHead struct {
	Lane model.Lane
	Due  time.Time
}

// Claim asks for due mail of one lane.
type Claim struct {
	Lane  model.Lane
	Limit int // recipients at most
}

// Claimed is what a Claim got.
type Claimed struct {
	Lane       model.Lane
	Recipients []model.Recipient // leased, Attempts already counted up, Due set to NextDue
	// Head is when the lane's next waiting recipient is due; zero if there is none.
	Head time.Time
}

// Outcome ends one attempt for one recipient.
type Outcome struct {
	Key   model.RecipientKey
	Lease int64                // must still be the recipient's lease
	State model.RecipientState // waiting (deferred), delivered, bounced or expired
	Due   time.Time            // deferred: the next attempt
	Reply model.Reply
	At    time.Time
	// Attempted is false when nothing was dialled, so that the attempt counted at the claim is taken back. Reply is
	// then kept only if it has a time: it says why nothing was dialled, where the row says nothing better.
	Attempted bool
	Event     *model.Event        // stored in the same commit; nil for a plain return to the queue
	Suppress  []model.Suppression // stored in the same commit: the address is not to be sent to again
	Soft      *model.SoftBounce   // stored in the same commit
	Notice    model.NoticeKind    // stored in the same commit; empty: the sender is not to be told
}

// Filter selects recipients in the queue. Zero fields select all.
type Filter struct {
	Account      model.AccountID
	SenderDomain model.DomainID
	Domain       string   // recipient domain
	Message      ident.ID // one message
	States       []model.RecipientState
}

// QueueRow is one recipient in a listing, with what a person wants to see of its message.
type QueueRow struct {
	model.Recipient
	Sender     string
	DomainName string
	Subject    string
	AcceptedAt time.Time
	Size       int64
}

// Depth counts the unsettled recipients of one recipient domain and class in one state.
type Depth struct {
	Domain string
	Class  model.Class
	State  model.RecipientState
	Count  int64
	Oldest time.Time // when the oldest was accepted
}

// Queue is the recipients that are not yet settled. The queue is on disk: no method reads more than
// its limit, and none costs more with ten million waiting than with ten.
type Queue interface {
	// Lanes returns up to limit lanes that have waiting mail, in order of domain, class, account,
	// beginning after the given lane (the zero Lane is before all). It seeks from lane to lane and
	// never reads a lane's rows.
	Lanes(ctx context.Context, after model.Lane, limit int) ([]LaneHead, error)
	// Claim leases due recipients, first due first, counts up their attempts and stores nextDue as the
	// time at which they come back should this node be lost. All claims share one commit.
	Claim(ctx context.Context, claims []Claim, lease int64, now, nextDue time.Time) ([]Claimed, error)
	// Settle stores outcomes and their events in one commit, shared with concurrent callers. An outcome whose
	// recipient is no longer leased by its Lease changes nothing and stores no event; its key is returned.
	Settle(ctx context.Context, outcomes []Outcome) (stale []model.RecipientKey, err error)
	// Bounce moves a delivered, waiting or held recipient to bounced because a report came back, with all that the outcome
	// has; of it Lease, State, Due and Attempted are not looked at, and the event is there. It reports false, and stores
	// nothing, if the recipient is not in such a state.
	Bounce(ctx context.Context, o Outcome) (bool, error)
	// NoteEvents appends events that change no recipient, and the notices that come of them.
	NoteEvents(ctx context.Context, evs []model.Event, notices ...model.Notice) error
	// RecoverLeases returns up to limit recipients held by the lease to the queue, due at due; it reports how many.
	RecoverLeases(ctx context.Context, lease int64, due time.Time, limit int) (int, error)

	// HoldWaiting, ReleaseHeld, RetryWaiting and CancelQueued act on up to limit recipients that match and
	// report how many; each writes an event a recipient, made by mk. Call until the number is 0.
	HoldWaiting(ctx context.Context, f Filter, limit int, mk EventFor) (int, error)
	ReleaseHeld(ctx context.Context, f Filter, limit int, due time.Time, mk EventFor) (int, error)
	// RetryWaiting makes matching waiting recipients that are due later due at due; it writes no events.
	RetryWaiting(ctx context.Context, f Filter, limit int, due time.Time) (int, error)
	CancelQueued(ctx context.Context, f Filter, limit int, at time.Time, mk EventFor) (int, error)
	// ListQueue returns up to limit recipients that match, after the given key, by message and N.
	ListQueue(ctx context.Context, f Filter, after model.RecipientKey, limit int) ([]QueueRow, error)
	// Census counts what is waiting, leased or held. It reads the queue's indexes once, so it costs in
	// proportion to the queue: for metrics, seldom.
	Census(ctx context.Context) ([]Depth, error)
}

// EventFor makes the event that goes with a change of a recipient. The store sets its sender domain.
type EventFor func(r model.Recipient) model.Event

// EventFilter selects events. Zero fields select all.
type EventFilter struct {
	Account   model.AccountID
	Domain    model.DomainID // sender domain
	Message   ident.ID
	Begin     time.Time
	End       time.Time
	Ascending bool
	Kinds     []model.EventKind
	Recipient string // address, compared exactly after lower-casing the domain
	// After continues behind this event in the chosen direction; 0 begins at the end.
	After ident.ID
	Limit int
}

// Events reads the append-only record.
type Events interface {
	ListEvents(ctx context.Context, f EventFilter) ([]model.Event, error)
	// CountEvents counts the events that match by kind; After and Limit are not looked at. With a Domain, or a Message, it
	// reads no row of another.
	CountEvents(ctx context.Context, f EventFilter) (map[model.EventKind]int64, error)
}

// Notices is the outbox of what senders must be told: written in the commit of the outcome, gone in the
// commit that queues the DSN (Submission.Answers), so that no crash loses or doubles one.
type Notices interface {
	// ListNotices returns up to limit notices, the messages with the oldest first, those of a message together.
	ListNotices(ctx context.Context, limit int) ([]model.Notice, error)
	// DropNotices removes notices nobody wants to hear.
	DropNotices(ctx context.Context, ns []model.Notice) error
}

// Signals that one process gives the others that share the store.
const (
	SignalDirectory = "directory" // accounts, domains, credentials or keys changed
	SignalQueue     = "queue"     // waiting mail appeared or changed other than by a node's own work
)

// Nodes is how processes on one store know of one another.
type Nodes interface {
	// Signal counts up the named counter.
	Signal(ctx context.Context, name string) error
	// Signals reads all counters. Cheap: called several times a second.
	Signals(ctx context.Context) (map[string]int64, error)
	// OpenLease gives this process a lease, never used before, that is valid until expires.
	OpenLease(ctx context.Context, node string, now, expires time.Time) (int64, error)
	// RenewLease moves the expiry; NotFound if the lease was taken for dead and closed.
	RenewLease(ctx context.Context, lease int64, expires time.Time) error
	// DeadLeases returns leases that expired before now, and those of the named node other than own:
	// an earlier process of the same node. Their recipients are to be recovered, then the lease closed.
	DeadLeases(ctx context.Context, node string, own int64, now time.Time) ([]int64, error)
	CloseLease(ctx context.Context, lease int64) error
	// LiveNodes counts the nodes that have a lease which has not expired by now: those that send.
	LiveNodes(ctx context.Context, now time.Time) (int, error)
}

// Retention deletes what need not be kept, in small steps.
type Retention interface {
	// PurgeBodies deletes bodies of messages whose recipients are all settled since before. It examines at
	// most limit messages from cursor on, fewer where they are large, and returns how many it deleted and where to go
	// on (0: at the end).
	PurgeBodies(ctx context.Context, before time.Time, cursor ident.ID, limit int) (deleted int, next ident.ID, err error)
	// PurgeEvents deletes at most limit events older than before, and what remains of messages none of whose
	// recipients is unsettled and whose events are gone: as many as have limit recipients together, at least one. It
	// returns how many events and messages it deleted.
	PurgeEvents(ctx context.Context, before time.Time, limit int) (deleted int, err error)
	// PurgeSoftBounces deletes at most limit counts that have not moved since before.
	PurgeSoftBounces(ctx context.Context, before time.Time, limit int) (int, error)
	// PurgeLinks deletes at most limit memories of links: of their use if they expired before now, of their sending if that
	// was before since.
	PurgeLinks(ctx context.Context, now, since time.Time, limit int) (int, error)
	// PurgeReports deletes at most limit reports, and sums of days, that are of before the day.
	PurgeReports(ctx context.Context, before model.Day, limit int) (int, error)
	// PurgeMeters deletes at most limit counters that were counted up before the month last.
	PurgeMeters(ctx context.Context, before model.Month, limit int) (int, error)
	// PurgeIdempotency deletes at most limit answers that expired before now.
	PurgeIdempotency(ctx context.Context, now time.Time, limit int) (int, error)
}
