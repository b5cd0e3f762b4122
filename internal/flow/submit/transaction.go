package submit

import (
	"context"
	"time"

	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// Pending is a transaction of this Service.
type Pending struct {
	service   *Service
	principal Principal
	envelope  Envelope
	options   Options
	draft     *compose.Draft
	held      int64 // octets of the memory budget
	failed    error
}

// Begin starts a message.
func (s *Service) Begin(ctx context.Context, p Principal, e Envelope, o Options) (Transaction, error) {
	t, err := s.begin(ctx, p, e, o, e.Size)
	if err != nil {
		return nil, err // not t: a nil *Pending is no nil Transaction
	}
	return t, nil
}

func (s *Service) begin(ctx context.Context, p Principal, e Envelope, o Options, size int64) (*Pending, error) {
	if err := s.admit(p); err != nil {
		return nil, err
	}
	if len(e.Recipients) == 0 {
		return nil, smtp.Errorf(554, "5.5.1", "The message has no valid recipient")
	}
	if len(e.Recipients) > policy.MaxRecipients {
		return nil, smtp.Errorf(452, "4.5.3", "The message has %d recipients, more than %d; send it again for the rest", len(e.Recipients), policy.MaxRecipients)
	}
	limits, err := s.limits(ctx, &p)
	if err != nil {
		return nil, err
	}
	if err := limit.Message(&p.Account, limits, len(e.Recipients)); err != nil {
		return nil, err
	}
	if o.StartedAt.IsZero() {
		o.StartedAt = s.Clock.Now()
	}
	t := &Pending{service: s, principal: p, envelope: e, options: o}
	t.draft = compose.NewDraft(limit.MaxSize(limits, s.MaxSize), size, t.grow)
	return t, nil
}

// grow takes more of the memory budget.
func (t *Pending) grow(octets int64) error {
	if more := octets - t.held; more > 0 {
		if !t.service.memory.TryAcquire(more) {
			return noRoom()
		}
		t.held = octets
	}
	return nil
}

// Write implements Transaction.
func (t *Pending) Write(p []byte) (int, error) {
	if t.failed != nil {
		return 0, t.failed
	}
	n, err := t.draft.Write(p)
	t.failed = err
	return n, err
}

// Abort implements Transaction.
func (t *Pending) Abort() {
	if t.held > 0 {
		t.service.memory.Release(t.held)
		t.held = 0
	}
	t.draft = nil
}

// Commit implements Transaction.
func (t *Pending) Commit(ctx context.Context) (Receipt, error) {
	receipts, err := t.service.commit(ctx, []*Pending{t}, nil)
	if err != nil {
		return Receipt{}, err
	}
	return receipts[0], nil
}

// Answer makes what an idempotent call is answered, once the receipts are known.
type Answer struct {
	Key      string
	Response func([]Receipt) []byte
}

// CommitAll makes several messages durable in one commit: all or none. Those without a Message-ID share one, that of the
// first: to who sent them they are one. With answer, what the call is answered is
// kept under its key in the same commit; store.Exists comes back if another call was first.
func (s *Service) CommitAll(ctx context.Context, txs []Transaction, answer *Answer) ([]Receipt, error) {
	pending := make([]*Pending, len(txs))
	for i, t := range txs {
		pending[i] = t.(*Pending) // every Transaction of this package is one
	}
	return s.commit(ctx, pending, answer)
}

func (s *Service) commit(ctx context.Context, pending []*Pending, answer *Answer) ([]Receipt, error) {
	subs := make([]store.Submission, 0, len(pending))
	drafts := make([]*Pending, 0, len(pending)) // that each of subs was made of
	receipts := make([]Receipt, 0, len(pending))
	fail := func(err error) ([]Receipt, error) {
		for _, sub := range subs {
			s.Queue.Forget(sub.Recipients)
		}
		return nil, err
	}
	for _, t := range pending {
		if t.failed != nil {
			return fail(t.failed)
		}
		shared := "" // the first makes it
		if len(receipts) > 0 {
			shared = receipts[0].MessageID
		}
		made, err := t.finish(ctx, shared, len(pending))
		if err != nil {
			return fail(err)
		}
		for range made {
			drafts = append(drafts, t)
		}
		subs = append(subs, made...)
		receipts = append(receipts, Receipt{ID: made[0].Message.ID, MessageID: "<" + made[0].Message.Meta.MessageID + ">"})
	}
	var idem *store.Idempotency
	if answer != nil {
		idem = &store.Idempotency{
			Account: pending[0].principal.Account.ID, Key: answer.Key, Response: answer.Response(receipts),
			Expires: s.Clock.Now().Add(idempotencyLife),
		}
	}
	if err := s.budget(ctx, &pending[0].principal, subs); err != nil {
		return fail(err)
	}
	if err := s.Store.Accept(ctx, subs, idem); err != nil {
		if answer != nil && store.Is(err, store.Exists) {
			return fail(err)
		}
		return fail(s.refusal(&pending[0].principal, err))
	}
	for i := range subs {
		sub := &subs[i]
		s.tell(&sub.Message, len(sub.Recipients), drafts[i])
		s.Queue.Accepted(&sub.Message, sub.Raw, sub.Recipients)
		if len(sub.Notices) > 0 {
			s.Noticed()
		}
	}
	return receipts, nil
}

// idempotencyLife is how long a repeat gets the first answer.
const idempotencyLife = 24 * time.Hour
