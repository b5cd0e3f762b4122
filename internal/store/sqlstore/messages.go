package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const messageColumns = `id, account, domain, domain_name, class, origin, sender, size, flags, accepted_at, not_before, expires_at, meta`

// Flags of a message, stored as a sum.
const (
	flagUTF8 = 1 << iota
	flagEightBit
	flagTestMode
)

func flagsOf(m *model.Message) int {
	return flagUTF8*integer(m.UTF8) + flagEightBit*integer(m.EightBit) + flagTestMode*integer(m.TestMode)
}

func scanMessage(m *model.Message) func(Scanner) error {
	return func(r Scanner) error {
		var flags int
		var accepted, notBefore, expires int64
		var meta []byte
		err := r.Scan(&m.ID, &m.Account, &m.Domain, &m.DomainName, &m.Class, &m.Origin, &m.Sender, &m.Size, &flags, &accepted, &notBefore, &expires, &meta)
		if err != nil {
			return err
		}
		m.UTF8, m.EightBit, m.TestMode = flags&flagUTF8 != 0, flags&flagEightBit != 0, flags&flagTestMode != 0
		m.AcceptedAt, m.NotBefore, m.ExpiresAt = instant(accepted), instant(notBefore), instant(expires)
		return json.Unmarshal(meta, &m.Meta)
	}
}

// encoded is a submission with its JSON made before the writer takes it, so that the writer's time goes to the database.
type encoded struct {
	sub    *store.Submission
	meta   string
	events []string
}

// Accept implements store.Messages.
func (s *Store) Accept(ctx context.Context, subs []store.Submission, idem *store.Idempotency) error {
	list := make([]encoded, len(subs))
	for i := range subs {
		meta, err := json.Marshal(&subs[i].Message.Meta)
		if err != nil {
			return &store.Error{Kind: store.Internal, Op: "accept", Err: err}
		}
		list[i] = encoded{&subs[i], string(meta), make([]string, len(subs[i].Events))}
		for j := range subs[i].Events {
			if list[i].events[j], err = eventData(&subs[i].Events[j]); err != nil {
				return err
			}
		}
	}
	var first ident.ID
	if len(subs) > 0 {
		first = subs[0].Message.ID
	}
	var over *model.Over
	err := s.await(&change{ctx: ctx, op: "accept", happened: isThere("message", first), counts: list, run: func(ctx context.Context, tx *countingTx) error {
		var err error
		if over, err = s.spend(ctx, tx, list); over != nil || err != nil {
			return err
		}
		for i := range list {
			if err := insertSubmission(ctx, tx, &list[i]); err != nil {
				return err
			}
		}
		if idem == nil {
			return nil
		}
		// One that has expired gives way; one that has not stays, and then no row is affected.
		return tx.cas(ctx, store.Exists, "idempotency key", `INSERT INTO idempotency (account, name, response, expires_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (account, name) DO UPDATE SET response = excluded.response, expires_at = excluded.expires_at WHERE idempotency.expires_at < ?`,
			int64(idem.Account), idem.Key, idem.Response, micros(idem.Expires), micros(s.clock.Now()))
	}})
	if err == nil && over != nil {
		return &store.Error{Kind: store.Over, Op: "accept", Err: over}
	}
	return err
}

func insertSubmission(ctx context.Context, tx *countingTx, e *encoded) error {
	m := &e.sub.Message
	if err := tx.exec(ctx, `INSERT INTO message (`+messageColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(m.ID), int64(m.Account), int64(m.Domain), m.DomainName, int(m.Class), string(m.Origin), m.Sender, m.Size, flagsOf(m),
		micros(m.AcceptedAt), micros(m.NotBefore), micros(m.ExpiresAt), e.meta); err != nil {
		return err
	}
	if err := tx.exec(ctx, `INSERT INTO body (message, raw) VALUES (?, ?)`, int64(m.ID), e.sub.Raw); err != nil {
		return err
	}
	for i := range e.sub.Recipients {
		r := &e.sub.Recipients[i]
		if err := tx.exec(ctx, `INSERT INTO recipient (message, n, account, class, domain, address, state, due, lease, attempts, notify, orcpt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			int64(r.Message), r.N, int64(r.Account), int(r.Class), r.Domain, r.Address, int(r.State), micros(r.Due), r.Lease, r.Attempts, int(r.Notify), r.ORcpt); err != nil {
			return err
		}
		if !r.State.Final() {
			continue
		}
		if err := settleAtBirth(ctx, tx, r); err != nil {
			return err
		}
	}
	for _, n := range e.sub.Notices {
		if err := insertNotice(ctx, tx, n.Key, n.Kind, n.At); err != nil {
			return err
		}
	}
	for i := range e.sub.Events {
		if err := insertEncodedEvent(ctx, tx, &e.sub.Events[i], e.events[i]); err != nil {
			return err
		}
	}
	return answerNotices(ctx, tx, e.sub.Answers)
}

// settleAtBirth records why a recipient is not sent to at all.
func settleAtBirth(ctx context.Context, tx *countingTx, r *model.Recipient) error {
	last, err := json.Marshal(&r.Last)
	if err != nil {
		return err
	}
	return tx.exec(ctx, `UPDATE recipient SET last = ?, settled_at = ? WHERE message = ? AND n = ?`, string(last), micros(r.Last.At), int64(r.Message), r.N)
}

// IdempotentResponse implements store.Messages.
func (s *Store) IdempotentResponse(ctx context.Context, account model.AccountID, key string, now time.Time) ([]byte, error) {
	var response []byte
	return response, s.one(ctx, "idempotency key", func(r Scanner) error { return r.Scan(&response) },
		`SELECT response FROM idempotency WHERE account = ? AND name = ? AND expires_at >= ?`, int64(account), key, micros(now))
}

// Message implements store.Messages.
func (s *Store) Message(ctx context.Context, id ident.ID) (model.Message, error) {
	var m model.Message
	return m, s.one(ctx, "message "+id.String(), scanMessage(&m), `SELECT `+messageColumns+` FROM message WHERE id = ?`, int64(id))
}

// Body implements store.Messages.
func (s *Store) Body(ctx context.Context, id ident.ID) ([]byte, error) {
	var raw []byte
	return raw, s.one(ctx, "body of message "+id.String(), func(r Scanner) error { return r.Scan(&raw) }, `SELECT raw FROM body WHERE message = ?`, int64(id))
}

const recipientColumns = `message, n, account, class, domain, address, state, due, lease, attempts, notify, orcpt, last, settled_at`

func scanRecipient(p *model.Recipient) func(Scanner) error {
	return func(r Scanner) error {
		var due, settled int64
		var last []byte
		err := r.Scan(&p.Message, &p.N, &p.Account, &p.Class, &p.Domain, &p.Address, &p.State, &due, &p.Lease, &p.Attempts, &p.Notify, &p.ORcpt, &last, &settled)
		p.Due, p.SettledAt = instant(due), instant(settled)
		if err != nil || len(last) == 0 {
			return err
		}
		return json.Unmarshal(last, &p.Last)
	}
}

// Recipients implements store.Messages.
func (s *Store) Recipients(ctx context.Context, id ident.ID, from, limit int) ([]model.Recipient, error) {
	var list []model.Recipient
	err := s.engine.Query(ctx, func(r Scanner) error {
		var p model.Recipient
		err := scanRecipient(&p)(r)
		list = append(list, p)
		return err
	}, `SELECT `+recipientColumns+` FROM recipient WHERE message = ? AND n >= ? ORDER BY n LIMIT ?`, int64(id), from, limit)
	return list, s.fault("recipients of message "+id.String(), err)
}

// Recipient implements store.Messages.
func (s *Store) Recipient(ctx context.Context, key model.RecipientKey) (model.Recipient, error) {
	var p model.Recipient
	return p, s.one(ctx, "recipient of message "+key.Message.String(), scanRecipient(&p),
		`SELECT `+recipientColumns+` FROM recipient WHERE message = ? AND n = ?`, int64(key.Message), key.N)
}
