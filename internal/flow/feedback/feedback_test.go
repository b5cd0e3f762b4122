package feedback

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The door takes what this node's key made, and nothing else.
func TestCheckRecipient(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	forger := bounce.NewReturnPaths([]byte(strings.Repeat("f", 32)), bounceDomain)
	for address, want := range map[string]string{
		d.path(0): "", strings.ToUpper(d.path(0)): "", d.whole(): "",
		forger.Make(model.RecipientKey{Message: d.message.ID}, false, ""): "550 5.1.1",
		"info@" + bounceDomain: "550 5.1.1", "postmaster@" + bounceDomain: "550 5.1.1", "postmaster": "550 5.1.1", "complaints@" + bounceDomain: "550 5.1.1",
		"someone@elsewhere.example": "550 5.7.1", strings.Replace(d.path(0), bounceDomain, "bounce.town.example", 1): "",
		forger.Make(model.RecipientKey{Message: d.message.ID}, false, "bounce.town.example"): "550 5.7.1",
		"x%elsewhere.example@" + bounceDomain:                                                "550 5.1.1", "": "553 5.1.3", "no domain": "553 5.1.3",
	} {
		err := d.CheckRecipient(t.Context(), address)
		got := ""
		var e *smtp.Error
		if errors.As(err, &e) {
			got = fmt.Sprintf("%d %s", e.Code, e.Enhanced)
		} else if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("RCPT TO:<%s> is answered %q, want %q", address, got, want)
		}
		// Whoever gets past RCPT in another way stands before the same door.
		if rerr := d.receive(address, said(about("user0@b.example", "failed", "5.1.1"))); (rerr != nil) != (want != "") {
			t.Errorf("mail to <%s>: %v", address, rerr)
		}
	}
}

func TestWhatAReportChanges(t *testing.T) {
	for _, c := range []struct {
		name    string
		state   model.RecipientState
		notify  model.Notify
		raw     string
		becomes model.RecipientState
		events  []model.EventKind
		notices []model.NoticeKind
	}{
		{"failed after 250", model.StateDelivered, 0, said(about("user0@b.example", "failed", "5.1.1")), model.StateBounced, []model.EventKind{"bounced"}, []model.NoticeKind{"failed"}},
		{"failed while still tried", model.StateWaiting, 0, said(about("user0@b.example", "failed", "5.1.1")), model.StateBounced, []model.EventKind{"bounced"}, []model.NoticeKind{"failed"}},
		{"failed, NOTIFY=NEVER", model.StateDelivered, model.NotifyNever, said(about("user0@b.example", "failed", "5.1.1")), model.StateBounced, []model.EventKind{"bounced"}, nil},
		{"failed, NOTIFY=SUCCESS", model.StateDelivered, model.NotifySuccess, said(about("user0@b.example", "failed", "5.1.1")), model.StateBounced, []model.EventKind{"bounced"}, nil},
		{"expired before", model.StateExpired, 0, said(about("user0@b.example", "failed", "5.1.1")), model.StateExpired, nil, nil},
		{"delayed", model.StateDelivered, 0, said(about("user0@b.example", "delayed", "4.4.1")), model.StateDelivered, []model.EventKind{"deferred"}, []model.NoticeKind{"delayed"}},
		{"delayed, NOTIFY=FAILURE", model.StateDelivered, model.NotifyFailure, said(about("user0@b.example", "delayed", "4.4.1")), model.StateDelivered, []model.EventKind{"deferred"}, nil},
		{"delayed after it ended", model.StateBounced, 0, said(about("user0@b.example", "delayed", "4.4.1")), model.StateBounced, nil, nil},
		{"delivered, nobody asked", model.StateDelivered, 0, said(about("user0@b.example", "delivered", "2.0.0")), model.StateDelivered, nil, nil},
		{"delivered, NOTIFY=SUCCESS", model.StateDelivered, model.NotifySuccess, said(about("user0@b.example", "delivered", "2.0.0")), model.StateDelivered, []model.EventKind{"delivered"}, []model.NoticeKind{"delivered"}},
		{"relayed, NOTIFY=SUCCESS", model.StateDelivered, model.NotifySuccess, said(about("user0@b.example", "relayed", "2.0.0")), model.StateDelivered, []model.EventKind{"delivered"}, []model.NoticeKind{"relayed"}},
		{"free text", model.StateDelivered, 0, "Subject: Delivery failed\r\n\r\nuser0@b.example: 550 5.1.1 unknown\r\n", model.StateBounced, []model.EventKind{"bounced"}, []model.NoticeKind{"failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, 1, c.state, c.notify)
			for _, time := range []string{"once", "twice"} {
				d.ok(d.receive(d.path(0), c.raw))
				var kinds []model.EventKind
				for _, e := range d.events() {
					kinds = append(kinds, e.Kind)
					if !e.Data.Delayed || e.Data.Reply == nil || e.Account != 1 || e.Domain != 3 || e.Recipient != "user0@b.example" {
						t.Errorf("event %+v", e)
					}
				}
				if r := d.recipient(0); r.State != c.becomes || !slices.Equal(kinds, c.events) || !slices.Equal(d.notices(), c.notices) {
					t.Errorf("%s: %v, events %v, notices %v", time, r.State, kinds, d.notices())
				}
			}
			if told := len(c.notices) > 0; (d.pokes == 1) != told {
				t.Errorf("poked %d times", d.pokes)
			}
			if len(c.events) > 0 && !strings.Contains(d.log.String(), "msg="+string(c.events[0])) {
				t.Errorf("log: %s", d.log.String())
			}
		})
	}
}

func TestFailureIsKept(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	d.ok(d.receive(d.path(0), said(about("forwarded@c.example", "failed", "5.2.2"))))
	if r := d.recipient(0).Last; r.Code != 550 || r.Enhanced != "5.2.2" || r.Text != "as it is" || r.Host != "mx.b.example" {
		t.Errorf("last reply %+v", r)
	}
}

func TestWholeMessage(t *testing.T) {
	d := open(t, 3, model.StateDelivered, 0)
	d.ok(d.receive(d.whole(), said(about("user2@B.example", "failed", "5.1.1"), about("eve@b.example", "failed", "5.1.1"), about("user0@b.example", "delayed", "4.4.1"))))
	for n, want := range []model.RecipientState{model.StateDelivered, model.StateDelivered, model.StateBounced} {
		if r := d.recipient(n); r.State != want {
			t.Errorf("recipient %d is %v, want %v", n, r.State, want)
		}
	}
	if !slices.Equal(d.notices(), []model.NoticeKind{"delayed", "failed"}) || d.pokes != 1 {
		t.Errorf("notices %v, poked %d times", d.notices(), d.pokes)
	}
	d.ok(d.receive(d.whole(), said(about("eve@b.example", "failed", "5.1.1"))))
	if !strings.Contains(d.log.String(), "says nothing of a recipient") {
		t.Errorf("log: %s", d.log.String())
	}
}

// A recipient that was never tried cannot have bounced, whoever holds the path of the whole message.
func TestNotTriedYet(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	sub := store.Submission{Message: model.Message{ID: d.IDs.Next(), Account: 1, Origin: model.OriginSMTP, Sender: "a@school.example", AcceptedAt: time.Now()}, Raw: []byte("\r\n")}
	sub.Recipients = []model.Recipient{{RecipientKey: model.RecipientKey{Message: sub.Message.ID}, Lane: model.Lane{Domain: "b.example", Account: 1}, Address: "user0@b.example"}}
	d.ok(d.store.Accept(t.Context(), []store.Submission{sub}, nil))
	d.message = sub.Message
	d.ok(d.receive(d.whole(), said(about("user0@b.example", "failed", "5.1.1"))))
	if r := d.recipient(0); r.State != model.StateWaiting {
		t.Errorf("it is %v", r.State)
	}
}

// Mail by HTTP is told of by events alone.
func TestOnlySMTPIsAnswered(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	d.message = d.accept(1, model.StateDelivered, 0, model.OriginHTTP)
	d.ok(d.receive(d.path(0), said(about("user0@b.example", "failed", "5.1.1"))))
	if len(d.notices()) != 0 || len(d.events()) != 1 || d.pokes != 0 {
		t.Errorf("notices %v, %d events", d.notices(), len(d.events()))
	}
}

// A server that repeats itself in other words fills neither the record nor the sender's mailbox.
func TestLaterReportsAreBounded(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	for i := range maxLater + 5 {
		d.ok(d.receive(d.path(0), strings.Replace(said(about("user0@b.example", "delayed", "4.4.1")), "as it is", fmt.Sprintf("try %d", i), 1)))
	}
	if n := len(d.events()); n != maxLater || d.pokes != 1 {
		t.Errorf("%d events, poked %d times", n, d.pokes)
	}
}

// Some servers report before the 250 they gave is stored.
func TestReportOvertakesTheOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, 1, model.StateLeased, 0)
		raw := said(about("user0@b.example", "failed", "5.1.1"))
		var e *smtp.Error
		if err := d.receive(d.path(0), raw); !errors.As(err, &e) || e.Code != 451 {
			t.Fatalf("while the attempt is under way: %v", err)
		}
		done := make(chan error)
		go func() { done <- d.receive(d.path(0), raw) }()
		time.Sleep(150 * time.Millisecond)
		key := model.RecipientKey{Message: d.message.ID}
		_, err := d.store.Settle(t.Context(), []store.Outcome{{Key: key, Lease: 7, State: model.StateDelivered, At: time.Now(), Attempted: true}})
		d.ok(err)
		d.ok(<-done)
		if r := d.recipient(0); r.State != model.StateBounced {
			t.Errorf("it is %v", r.State)
		}
		d.ok(d.store.Close())
	})
}

// late stores the outcome of the attempt right after a report found it under way.
type late struct {
	Store
	settle func()
}

func (l *late) Bounce(ctx context.Context, o store.Outcome) (bool, error) {
	moved, err := l.Store.Bounce(ctx, o)
	if l.settle != nil {
		l.settle()
		l.settle = nil
	}
	return moved, err
}

func TestOutcomeIsStoredWhileTheReportLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := open(t, 1, model.StateLeased, 0)
		d.Store = &late{d.store, func() {
			_, err := d.store.Settle(t.Context(), []store.Outcome{{Key: model.RecipientKey{Message: d.message.ID}, Lease: 7, State: model.StateDelivered, At: time.Now(), Attempted: true}})
			d.ok(err)
		}}
		d.ok(d.receive(d.path(0), said(about("user0@b.example", "failed", "5.1.1"))))
		if r := d.recipient(0); r.State != model.StateBounced {
			t.Errorf("it is %v", r.State)
		}
		d.ok(d.store.Close())
	})
}

func TestStoreOutOfOrder(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	to, raw := d.path(0), said(about("user0@b.example", "failed", "5.1.1"))
	d.ok(d.store.Close())
	var e *smtp.Error
	if err := d.receive(to, raw); !errors.As(err, &e) || e.Code != 451 || strings.Contains(e.Text, "sql") {
		t.Errorf("answered %v", err)
	}
}

// What retention took, nobody can be told of.
func TestMessageIsGone(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	for _, all := range []bool{false, true} {
		d.ok(d.receive(d.Paths.Make(model.RecipientKey{Message: 42}, all, ""), said(about("user0@b.example", "failed", "5.1.1"))))
	}
	d.ok(d.receive(d.path(9), said(about("user0@b.example", "failed", "5.1.1"))))
	if n := strings.Count(d.log.String(), "no longer kept"); n != 3 {
		t.Errorf("log: %s", d.log.String())
	}
}
