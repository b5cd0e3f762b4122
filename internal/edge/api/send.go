package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/mail"

	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// maxBatchRecipients bounds a call with variables over all its messages.
	maxBatchRecipients = 5000
	// batchSizes bounds the octets of all messages of one call, in largest messages: they become durable in one commit,
	// which others wait for.
	batchSizes = 2
	// draftBuffer is what submission keeps of each message without counting it.
	draftBuffer = 8 << 10
	maxKey      = 255 // octets of an Idempotency-Key
)

// queued is what Mailgun answers a send.
type queued struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// send answers messages and messages.mime: once the mail is durable, or with the first answer if the caller's key has
// been here within a day.
func (a *API) send(parse func(*form, submit.Options) (func(*outbox) error, error)) http.Handler {
	return a.handle(func(w http.ResponseWriter, c *call) error {
		key := c.Header.Get("Idempotency-Key")
		if len(key) > maxKey {
			return badField("Idempotency-Key: it has %d octets, more than %d", len(key), maxKey)
		}
		if done, err := a.repeat(w, c, key); done || err != nil {
			return err
		}
		receipts, err := a.take(c, key, parse)
		if store.Is(err, store.Exists) { // another call with the key was first, a moment ago
			done, err := a.repeat(w, c, key)
			if !done && err == nil {
				err = unavailable(nil, "Another call with this Idempotency-Key is under way, try again later")
			}
			return err
		}
		if err != nil {
			return err
		}
		answer(w, http.StatusOK, response(receipts))
		return nil
	})
}

func response(receipts []submit.Receipt) []byte {
	body, _ := json.Marshal(queued{receipts[0].MessageID, "Queued. Thank you."}) // strings always marshal
	return body
}

// repeat answers what the first call with the key was answered, if there was one.
func (a *API) repeat(w http.ResponseWriter, c *call, key string) (bool, error) {
	if key == "" {
		return false, nil
	}
	body, err := a.Store.IdempotentResponse(c.Context(), c.principal.Account.ID, key, a.Clock.Now())
	if store.Is(err, store.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, unavailable(err, "Idempotency-Key: it cannot be looked up now, try again later")
	}
	w.Header().Set("Idempotent-Replayed", "true")
	answer(w, http.StatusOK, body)
	return true, nil
}

// take reads the request and makes its mail durable.
func (a *API) take(c *call, key string, parse func(*form, submit.Options) (func(*outbox) error, error)) ([]submit.Receipt, error) {
	now := a.Clock.Now()
	if !c.domain.State.MaySend() {
		reason := ""
		if c.domain.Reason != "" {
			reason = ": " + c.domain.Reason
		}
		return nil, refuse(http.StatusForbidden, "Domain %s is not allowed to send: it is %s%s", c.domain.Name, c.domain.State, reason)
	}
	if err := a.Submit.CheckSender(c.Context(), c.principal, ""); err != nil {
		return nil, err
	}
	f, err := a.readForm(c.Request)
	if err != nil {
		return nil, err
	}
	defer f.close()
	options, err := f.options(now)
	if err != nil {
		return nil, err
	}
	options.Domain = &c.domain
	write, err := parse(f, options)
	if err != nil {
		return nil, err
	}
	out := &outbox{api: a, call: c, left: batchSizes * a.MaxSize}
	defer out.close()
	if err := write(out); err != nil {
		return nil, err
	}
	var idem *submit.Answer
	if key != "" {
		idem = &submit.Answer{Key: key, Response: response}
	}
	return a.Submit.CommitAll(c.Context(), out.messages, idem)
}

// messages reads the form of /messages.
func messages(f *form, o submit.Options) (func(*outbox) error, error) {
	s, err := f.sending(o)
	if err != nil {
		return nil, err
	}
	if s.batch != nil {
		return s.writeEach, nil
	}
	return s.writeOne, nil
}

// writeOne makes one message for all recipients.
func (s *sending) writeOne(out *outbox) error {
	var err error
	if s.content.From, err = sender(s.from); err != nil {
		return err
	}
	s.content.To, s.content.Cc = s.to, s.cc
	return out.build(&s.content, recipientsOf(s.to, s.cc, s.bcc), s.options)
}

// writeEach makes a message for each recipient in to, with that one in its To field; cc and bcc get each of them.
func (s *sending) writeEach(out *outbox) error {
	if err := out.hold(len(s.to) * draftBuffer); err != nil {
		return err
	}
	seen := make(map[string]bool, len(s.to))
	for _, to := range s.to {
		if seen[to.Address] {
			continue
		}
		seen[to.Address] = true
		values := s.batch[to.Address]
		fill := func(text string) string { return replace(text, to.Address, values) }
		c, o := s.content, s.options
		var err error
		if c.From, err = sender(fill(s.from)); err != nil {
			return err
		}
		c.To, c.Cc = []*mail.Address{to}, s.cc
		c.Subject, c.Text, c.HTML, c.AMP = fill(c.Subject), fill(c.Text), fill(c.HTML), fill(c.AMP)
		c.Header = make([]compose.HeaderField, len(s.content.Header))
		for i, h := range s.content.Header {
			c.Header[i] = compose.HeaderField{Name: h.Name, Value: fill(h.Value)}
		}
		if len(o.Variables) > 0 {
			o.Variables = make(map[string]string, len(s.options.Variables))
			for k, v := range s.options.Variables {
				o.Variables[k] = fill(v)
			}
		}
		if err := out.build(&c, recipientsOf([]*mail.Address{to}, s.cc, s.bcc), o); err != nil {
			return err
		}
	}
	return nil
}

func recipientsOf(lists ...[]*mail.Address) []submit.Recipient {
	var rs []submit.Recipient
	for _, list := range lists {
		for _, a := range list {
			rs = append(rs, submit.Recipient{Address: a.Address})
		}
	}
	return rs
}

// outbox holds the messages of one call until they are committed together.
type outbox struct {
	api      *API
	call     *call
	messages []submit.Transaction
	left     int64 // octets that the rest may have
	releases []func()
}

func (o *outbox) context() context.Context { return o.call.Context() }

func (o *outbox) hold(octets int) error {
	release, err := o.api.Submit.Hold(int64(octets))
	if err != nil {
		return err
	}
	o.releases = append(o.releases, release)
	return nil
}

// begin adds a message to be written.
func (o *outbox) begin(from string, to []submit.Recipient, options submit.Options) (submit.Transaction, error) {
	t, err := o.api.Submit.Begin(o.context(), o.call.principal, submit.Envelope{Sender: from, Recipients: to}, options)
	if err == nil {
		o.messages = append(o.messages, t)
	}
	return t, err
}

// build adds a message made of its parts.
func (o *outbox) build(c *compose.Content, to []submit.Recipient, options submit.Options) error {
	t, err := o.begin(c.From.Address, to, options)
	if err != nil {
		return err
	}
	return compose.Build(&limited{o, t}, c)
}

func (o *outbox) close() {
	for _, t := range o.messages {
		t.Abort()
	}
	for _, release := range o.releases {
		release()
	}
}

// limited writes a message as long as the call's messages are not too large in all.
type limited struct {
	*outbox
	to submit.Transaction
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, refuse(http.StatusRequestEntityTooLarge,
			"The %d messages so far have more than %d octets in all; send to fewer recipients a call, or without attachments", len(l.messages), batchSizes*l.api.MaxSize)
	}
	return l.to.Write(p)
}
