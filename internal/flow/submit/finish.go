package submit

import (
	"context"
	"fmt"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// finish turns a complete draft into what is stored: policy, signature, rows, reserved places. It is one message, or one for
// each recipient. messageID, with angle brackets, is given to a draft that has none; empty: one is made for so many drafts
// that share it.
func (t *Pending) finish(ctx context.Context, messageID string, sharing int) ([]store.Submission, error) {
	in, err := t.draft.Inspect()
	if err != nil {
		return nil, err
	}
	domain, own, err := t.authorise(ctx, in)
	if err != nil {
		return nil, err
	}
	recipients, err := t.addressees()
	if err != nil {
		return nil, err
	}
	signer, err := t.service.Directory.Signer(ctx, domain)
	if err != nil {
		return nil, smtp.Wrap(err, 451, "4.7.5", "The keys of "+domain.Name+" cannot be used now, try again later")
	}
	j := &joint{
		Pending: t, in: in, domain: domain, owner: domain, signer: signer, now: t.service.Clock.Now(), class: t.class(in, len(recipients)), messageID: messageID,
	}
	if t.options.Domain != nil {
		j.owner = t.options.Domain
	}
	if j.class == model.ClassBulk && !t.options.TestMode && !own {
		if err := policy.Bulk(domain, t.service.Senders()); err != nil {
			return nil, err
		}
	}
	copies, err := t.copies(j.class, in, recipients)
	if err != nil {
		return nil, err
	}
	sample := j.message(0, 0)
	if j.stopped, err = t.service.listed(ctx, &sample, recipients); err != nil {
		return nil, err
	}
	j.sharing = sharing * len(copies)
	return j.submissions(copies)
}

// joint is what the messages made of one draft have in common.
type joint struct {
	*Pending
	in            *compose.Inspected
	domain, owner *model.Domain // the one that signs, the one that owns the events
	signer        *dkim.Signer
	now           time.Time
	class         model.Class
	messageID     string
	sharing       int
	stopped       map[int]*model.Suppression // by place among all recipients
}

// submissions makes a message for each group of recipients.
func (j *joint) submissions(copies [][]addressee) ([]store.Submission, error) {
	subs := make([]store.Submission, 0, len(copies))
	place := 0
	for i, rs := range copies {
		sub, err := j.submission(rs, place, i < len(copies)-1)
		if err != nil {
			for _, made := range subs {
				j.service.Queue.Forget(made.Recipients)
			}
			return nil, err
		}
		subs = append(subs, sub)
		place += len(rs)
	}
	return subs, nil
}

func (j *joint) submission(rs []addressee, place int, again bool) (store.Submission, error) {
	s := j.service
	id := s.IDs.Next()
	if j.messageID == "" {
		j.messageID = MessageID(id, j.sharing, j.owner.Name)
	}
	add, err := s.listFields(j.class, j.in, j.owner, j.options.Tags, id, rs)
	if err != nil {
		return store.Submission{}, err
	}
	raw, err := j.draft.Finish(j.in, compose.Stamp{
		Trace: j.trace(id, rs, j.now), MessageID: j.messageID, Add: add, Signer: j.signer, Again: again,
	})
	if err != nil {
		return store.Submission{}, err
	}
	return j.rows(j.message(id, int64(len(raw))), raw, rs, place), nil
}

// MessageID is the Message-ID, with angle brackets, of the message or, if several share it, of so many from this one on.
func MessageID(first ident.ID, sharing int, domain string) string {
	if sharing > 1 {
		return fmt.Sprintf("<%s.%d@%s>", first, sharing, domain)
	}
	return "<" + first.String() + "@" + domain + ">"
}

// authorise wants the envelope sender and every From address to be the account's. The domain of the first From
// address signs and owns the message. It reports whether mail goes out by the account's own server.
func (t *Pending) authorise(ctx context.Context, in *compose.Inspected) (first *model.Domain, own bool, err error) {
	if t.envelope.Sender != "" {
		a, err := address.Parse(t.envelope.Sender)
		if err != nil {
			return nil, false, smtp.Wrap(err, 553, "5.1.7", "The envelope sender "+err.Error())
		}
		if _, err := t.service.owned(ctx, t.principal, "envelope sender", a); err != nil {
			return nil, false, err
		}
	}
	for _, from := range in.From {
		a, err := address.Parse(from)
		if err != nil {
			return nil, false, smtp.Wrap(err, 550, "5.1.7", "The From address "+err.Error())
		}
		o, err := t.service.owned(ctx, t.principal, "From address", a)
		if err != nil {
			return nil, false, err
		}
		if first == nil {
			first, own = o.Domain, o.OwnServer
		}
	}
	return first, own, nil
}

type addressee struct {
	Recipient
	address.Address
}

// addressees parses the recipients and folds those that are the same mailbox into one.
func (t *Pending) addressees() ([]addressee, error) {
	list := make([]addressee, 0, len(t.envelope.Recipients))
	var seen map[string]bool
	if len(t.envelope.Recipients) > 1 {
		seen = make(map[string]bool, len(t.envelope.Recipients))
	}
	for _, r := range t.envelope.Recipients {
		a, err := address.Parse(r.Address)
		if err != nil {
			return nil, smtp.Wrap(err, 553, "5.1.3", "The recipient "+err.Error())
		}
		if seen != nil {
			if seen[a.String()] {
				continue
			}
			seen[a.String()] = true
		}
		list = append(list, addressee{r, a})
	}
	return list, nil
}

func (t *Pending) trace(id ident.ID, recipients []addressee, now time.Time) compose.Trace {
	p := t.principal
	tr := compose.Trace{
		Origin: p.Origin, Helo: p.Helo, Plain: p.Plain, Client: p.Client, Hostname: t.service.Hostname, UTF8: t.envelope.UTF8, TLS: p.TLS,
		Auth: p.Credential != "", ID: id, At: now,
	}
	if len(recipients) == 1 {
		tr.For = recipients[0].Address.String()
	}
	return tr
}
