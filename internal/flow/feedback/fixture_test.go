package feedback

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

const bounceDomain = "bounce.school.example"

var client = netip.MustParseAddr("127.0.0.9")

// desk is a Service over a store with one message.
type desk struct {
	*Service
	t       testing.TB
	store   store.Store
	domain  model.Domain
	message model.Message
	handed  []handed
	log     bytes.Buffer
	wrote   letter
	pokes   int
	tags    []string // of the messages that are accepted
}

// handed is what was queued for a sender.
type handed struct {
	msg       model.Message
	raw       []byte
	recipient model.Recipient
}

// Accepted implements Queue.
func (d *desk) Accepted(msg *model.Message, raw []byte, recipients []model.Recipient) {
	d.handed = append(d.handed, handed{*msg, raw, recipients[0]})
}

// builtin are the rules of the program, which prove themselves as they are loaded: once is enough.
var builtin = sync.OnceValues(func() (*bounce.Rules, error) { return bounce.Load("") })

// open puts a message with recipients user0, user1 … at b.example into a store, each after an attempt that ended in state.
func open(t testing.TB, recipients int, state model.RecipientState, notify model.Notify) *desk {
	t.Helper()
	d := &desk{t: t}
	st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
	d.ok(err)
	t.Cleanup(func() { d.ok(st.Close()) })
	d.store = st
	rules, err := builtin()
	d.ok(err)
	ring, err := keyring.Open(filepath.Join(t.TempDir(), "secret.key"), rand.Reader)
	d.ok(err)
	_, err = st.AddAccount(t.Context(), model.Account{Name: "school", State: model.AccountActive, Weight: 1})
	d.ok(err)
	d.domain, err = st.AddDomain(t.Context(), model.Domain{ID: 3, Name: "school.example", Account: 1, State: model.DomainLive}, nil, model.Event{ID: 1})
	d.ok(err)
	d.Service = New(Config{
		Store: st, Queue: d, Rules: rules, Links: consent.NewLinks(ring), Hostname: "mail.school.example", Expire: time.Hour, Complaints: []string{"abuse", "FBL"},
		Covering: func(_ context.Context, name string) (*model.Domain, error) {
			if name == d.domain.Name {
				return &d.domain, nil
			}
			return nil, nil
		}, Paths: bounce.NewReturnPaths([]byte(strings.Repeat("k", 32)), bounceDomain), Clock: clock.System{},
		IDs: ident.NewSource(clock.System{}, 1), Log: slog.New(slog.NewTextHandler(&d.log, nil)), Noticed: func() { d.pokes++ },
	})
	d.message = d.accept(recipients, state, notify, model.OriginSMTP)
	return d
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) accept(recipients int, state model.RecipientState, notify model.Notify, origin model.Origin) model.Message {
	d.t.Helper()
	now := time.Now()
	lane := model.Lane{Domain: "b.example", Account: 1}
	m := model.Message{
		ID: d.IDs.Next(), Account: 1, Domain: 3, DomainName: "school.example", Origin: origin, Sender: "info@school.example", AcceptedAt: now, ExpiresAt: now.Add(time.Hour),
		Meta: model.Meta{MessageID: "1@school.example", From: "Skolan <info@school.example>", Tags: d.tags},
	}
	sub := store.Submission{Message: m, Raw: []byte("Subject: s\r\n\r\nhej\r\n")}
	var out []store.Outcome
	for n := range recipients {
		key := model.RecipientKey{Message: m.ID, N: n}
		sub.Recipients = append(sub.Recipients, model.Recipient{
			RecipientKey: key, Lane: lane, Address: fmt.Sprintf("user%d@b.example", n), State: model.StateLeased, Lease: 7, Attempts: 1, Due: now, Notify: notify,
		})
		out = append(out, store.Outcome{Key: key, Lease: 7, State: state, Due: now, At: now, Reply: model.Reply{Code: 250, Text: "ok"}, Attempted: true})
	}
	d.ok(d.store.Accept(d.t.Context(), []store.Submission{sub}, nil))
	if state != model.StateLeased {
		_, err := d.store.Settle(d.t.Context(), out)
		d.ok(err)
	}
	return m
}

func (d *desk) path(n int) string {
	return d.Paths.Make(model.RecipientKey{Message: d.message.ID, N: n}, false, "")
}

func (d *desk) whole() string {
	return d.Paths.Make(model.RecipientKey{Message: d.message.ID}, true, "")
}

func (d *desk) receive(to, raw string) error {
	return d.Receive(context.Background(), client, "mx.b.example", "", []string{to}, []byte(raw))
}

// said makes a report with these groups of fields.
func said(groups ...string) string {
	return "From: mailer@b.example\r\nContent-Type: multipart/report; boundary=x\r\n\r\n--x\r\n\r\nSorry.\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n" +
		"Reporting-MTA: dns; mx.b.example\r\n\r\n" + strings.Join(groups, "\r\n") + "--x--\r\n"
}

func about(address, action, status string) string {
	return "Final-Recipient: rfc822; " + address + "\r\nAction: " + action + "\r\nStatus: " + status + "\r\nDiagnostic-Code: smtp; 550 " + status + " as it is\r\n"
}

func (d *desk) recipient(n int) model.Recipient {
	d.t.Helper()
	r, err := d.store.Recipient(d.t.Context(), model.RecipientKey{Message: d.message.ID, N: n})
	d.ok(err)
	return r
}

// events are the kinds of what was recorded of the message, oldest first.
func (d *desk) events() (list []model.Event) {
	d.t.Helper()
	list, err := d.store.ListEvents(d.t.Context(), store.EventFilter{Message: d.message.ID, Ascending: true, Limit: 100})
	d.ok(err)
	return list
}

func (d *desk) notices() (kinds []model.NoticeKind) {
	d.t.Helper()
	ns, err := d.store.ListNotices(d.t.Context(), 100)
	d.ok(err)
	for _, n := range ns {
		kinds = append(kinds, n.Kind)
	}
	return kinds
}
