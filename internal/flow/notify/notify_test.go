package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// office is a Service over a store, and what it queued.
type office struct {
	*Service
	t     testing.TB
	store *faulty
	log   bytes.Buffer

	mu      sync.Mutex
	reports []accepted
}

type accepted struct {
	msg       model.Message
	raw       []byte
	recipient model.Recipient
}

// Accepted implements Queue.
func (o *office) Accepted(msg *model.Message, raw []byte, recipients []model.Recipient) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reports = append(o.reports, accepted{*msg, raw, recipients[0]})
}

// faulty is a store that fails while it is told to.
type faulty struct {
	store.Store
	full  atomic.Bool
	asked atomic.Int32
}

func (f *faulty) Accept(ctx context.Context, subs []store.Submission, idem *store.Idempotency) error {
	f.asked.Add(1)
	if f.full.Load() {
		return &store.Error{Kind: store.Full, Op: "accept", Err: errors.New("no space")}
	}
	return f.Store.Accept(ctx, subs, idem)
}

// run gives the test an office that works, in virtual time.
func run(t *testing.T, f func(o *office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))) // identifiers begin in 2024
		st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		o := &office{t: t, store: &faulty{Store: st}}
		o.Service = New(Config{
			Store: o.store, Queue: o, Clock: clock.System{}, IDs: ident.NewSource(clock.System{}, 1), Log: slog.New(slog.NewTextHandler(&o.log, nil)),
			Hostname: "mail.school.example", From: "MAILER-DAEMON@bounce.school.example", Expire: time.Hour,
		})
		f(o)
		o.ok(o.Stop(context.Background()))
		o.ok(st.Close())
	})
}

func (o *office) ok(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// outcome is what became of a recipient and what its sender is to be told.
type outcome struct {
	state  model.RecipientState
	reply  model.Reply
	notice model.NoticeKind
	notify model.Notify
	orcpt  string
}

var unknown = outcome{model.StateBounced, model.Reply{Code: 550, Enhanced: "5.1.1", Text: "no such user", Host: "mx.b.example", At: time.Unix(1764000000, 0)}, "failed", 0, ""}

// settle stores a message and what became of its recipients.
func (o *office) settle(change func(*store.Submission), outcomes ...outcome) model.Message {
	o.t.Helper()
	now := time.Now()
	m := model.Message{
		ID: o.IDs.Next(), Account: 1, Domain: 3, DomainName: "school.example", Origin: model.OriginSMTP, Sender: "info@school.example", AcceptedAt: now, ExpiresAt: now.Add(48 * time.Hour),
		Meta: model.Meta{MessageID: "1@school.example", Subject: "Närvaro", EnvelopeID: "QQ314159"},
	}
	sub := store.Submission{Message: m, Raw: []byte("Subject: s\r\nFrom: info@school.example\r\n\r\nhemligt\r\n")}
	var settled []store.Outcome
	for n, c := range outcomes {
		key := model.RecipientKey{Message: m.ID, N: n}
		sub.Recipients = append(sub.Recipients, model.Recipient{
			RecipientKey: key, Lane: model.Lane{Domain: "b.example", Account: 1}, Address: fmt.Sprintf("user%d@b.example", n), State: model.StateLeased, Lease: 7,
			Attempts: 1, Due: now, Notify: c.notify, ORcpt: c.orcpt,
		})
		settled = append(settled, store.Outcome{Key: key, Lease: 7, State: c.state, Due: now.Add(time.Hour), Reply: c.reply, At: now, Attempted: true, Notice: c.notice})
	}
	if change != nil {
		change(&sub)
	}
	o.ok(o.store.Store.Accept(o.t.Context(), []store.Submission{sub}, nil))
	_, err := o.store.Settle(o.t.Context(), settled)
	o.ok(err)
	return sub.Message
}

// start tells of what is in the outbox.
func (o *office) start() {
	o.t.Helper()
	o.ok(o.Start(o.t.Context()))
	time.Sleep(time.Second)
	synctest.Wait()
}

func (o *office) outbox() int {
	o.t.Helper()
	ns, err := o.store.ListNotices(o.t.Context(), 10_000)
	o.ok(err)
	return len(ns)
}

func (o *office) parsed(i int) *dsn.Report {
	o.t.Helper()
	r, err := dsn.Parse(o.reports[i].raw)
	o.ok(err)
	return r
}

func TestReport(t *testing.T) {
	run(t, func(o *office) {
		delayed := outcome{model.StateWaiting, model.Reply{Code: 451, Text: "later"}, "delayed", 0, "rfc822;u+2B1@a.example"}
		relayed := outcome{model.StateDelivered, model.Reply{Code: 250, Text: "ok"}, "relayed", model.NotifySuccess, ""}
		expired := outcome{model.StateExpired, model.Reply{Text: "no answer"}, "failed", 0, ""}
		quiet := outcome{model.StateDelivered, model.Reply{Code: 250, Text: "ok"}, "", 0, ""}
		m := o.settle(nil, unknown, delayed, relayed, expired, quiet)
		o.start()
		if len(o.reports) != 1 || o.outbox() != 0 {
			t.Fatalf("%d reports, %d notices left\n%s", len(o.reports), o.outbox(), o.log.String())
		}
		got, report := o.reports[0], o.parsed(0)
		if got.msg.Sender != "" || got.msg.Origin != model.OriginSystem || got.msg.Account != 1 || got.msg.Domain != 0 || got.msg.UTF8 || got.msg.EightBit {
			t.Errorf("queued as %+v", got.msg)
		}
		if r := got.recipient; r.Address != "info@school.example" || r.Domain != "school.example" || r.State != model.StateWaiting || r.Notify != model.NotifyNever {
			t.Errorf("recipient %+v", r)
		}
		if report.EnvelopeID != "QQ314159" || report.ReportingMTA.Value != "mail.school.example" || !report.Arrival.Equal(m.AcceptedAt.Truncate(time.Second)) {
			t.Errorf("report %+v", report)
		}
		var lines []string
		for _, p := range report.Recipients {
			lines = append(lines, fmt.Sprintf("%s %s %s %s; %s", p.Final.Value, p.Action, p.Status, p.Diagnostic.Type, p.Diagnostic.Value))
		}
		want := []string{
			"user0@b.example failed 5.1.1 smtp; 550 5.1.1 no such user", "user1@b.example delayed 4.0.0 smtp; 451 later",
			"user2@b.example relayed 2.0.0 smtp; 250 ok", "user3@b.example failed 5.4.7 x-budkavle; no answer",
		}
		if !slices.Equal(lines, want) {
			t.Errorf("said\n%s", strings.Join(lines, "\n"))
		}
		if p := report.Recipients[1]; p.Original.Value != "u+1@a.example" || !p.WillRetryUntil.Equal(m.ExpiresAt.Truncate(time.Second)) || report.Recipients[0].Original.Value != "" {
			t.Errorf("original recipient and last try: %+v", p)
		}
		if !bytes.Contains(got.raw, []byte("From: info@school.example\r\n")) || bytes.Contains(got.raw, []byte("hemligt")) {
			t.Error("not just the header was returned")
		}
	})
}

func TestNobodyToTell(t *testing.T) {
	for name, change := range map[string]func(*store.Submission){
		"a report":          func(s *store.Submission) { s.Message.Sender = "" },
		"mail by HTTP":      func(s *store.Submission) { s.Message.Origin = model.OriginHTTP },
		"a report of ours":  func(s *store.Submission) { s.Message.Origin = model.OriginSystem },
		"NOTIFY=NEVER":      func(s *store.Submission) { s.Recipients[0].Notify = model.NotifyNever },
		"NOTIFY=SUCCESS":    func(s *store.Submission) { s.Recipients[0].Notify = model.NotifySuccess },
		"no sender address": func(s *store.Submission) { s.Message.Sender = "nobody" },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(o *office) {
				o.settle(change, unknown)
				o.start()
				if len(o.reports) != 0 || o.outbox() != 0 {
					t.Errorf("%d reports, %d notices left", len(o.reports), o.outbox())
				}
			})
		})
	}
}

// An account may do without reports on bulk mail; of other mail its senders are told.
func TestQuietAccount(t *testing.T) {
	for _, c := range []struct {
		class model.Class
		quiet bool
		told  int
	}{{model.ClassBulk, true, 0}, {model.ClassBulk, false, 1}, {model.ClassTransactional, true, 1}} {
		run(t, func(o *office) {
			_, err := o.store.AddAccount(o.t.Context(), model.Account{Name: "school", State: model.AccountActive, Quiet: model.Quiet{BulkDSN: c.quiet}})
			o.ok(err)
			o.settle(func(s *store.Submission) { s.Message.Class = c.class }, unknown)
			o.start()
			if len(o.reports) != c.told || o.outbox() != 0 {
				t.Errorf("%v, quiet %v: %d reports, %d notices left", c.class, c.quiet, len(o.reports), o.outbox())
			}
		})
	}
}

func TestReturnsWhatRETAsks(t *testing.T) {
	for _, c := range []struct {
		name   string
		ret    model.DSNReturn
		of     outcome
		purged bool
		want   string
	}{
		{"RET=FULL", model.ReturnFull, unknown, false, "message/rfc822"},
		{"RET=HDRS", model.ReturnHeaders, unknown, false, "text/rfc822-headers"},
		{"RET=FULL without failure", model.ReturnFull, outcome{model.StateWaiting, model.Reply{Code: 451}, "delayed", 0, ""}, false, "text/rfc822-headers"},
		{"content is gone", model.ReturnFull, unknown, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(o *office) {
				o.settle(func(s *store.Submission) { s.Message.Meta.Return = c.ret }, c.of)
				if c.purged {
					_, _, err := o.store.PurgeBodies(o.t.Context(), time.Now().Add(time.Hour), 0, 100)
					o.ok(err)
				}
				o.start()
				raw := string(o.reports[0].raw)
				if c.want == "" && strings.Count(raw, "\r\nContent-Type: ") != 3 || c.want != "" && !strings.Contains(raw, "Content-Type: "+c.want+"\r\n") {
					t.Errorf("returned\n%s", raw)
				}
			})
		})
	}
}

// A sender with an address in UTF-8 is told at that address, in RFC 6533's forms.
func TestUTF8(t *testing.T) {
	run(t, func(o *office) {
		o.settle(func(s *store.Submission) {
			s.Message.UTF8, s.Message.Sender, s.Recipients[0].Address = true, "åsa@school.example", "örjan@b.example"
			s.Raw = []byte("Subject: Närvaro\r\n\r\nhej\r\n")
		}, unknown)
		o.start()
		r := o.parsed(0)
		if !o.reports[0].msg.UTF8 || !r.UTF8 || r.Recipients[0].Final != (dsn.Typed{Type: "utf-8", Value: "örjan@b.example"}) || o.reports[0].recipient.Address != "åsa@school.example" {
			t.Errorf("%+v\n%s", r, o.reports[0].raw)
		}
	})
}

// What another server reported after its 250 is told in its words; a delay that has ended is not told of.
func TestReportsOfOthers(t *testing.T) {
	run(t, func(o *office) {
		ok := model.Reply{Code: 250, Text: "queued"}
		m := o.settle(nil, outcome{model.StateDelivered, ok, "", 0, ""}, outcome{model.StateDelivered, ok, "", model.NotifySuccess, ""}, outcome{model.StateDelivered, ok, "", 0, ""})
		note := func(n int, kind model.EventKind, notice model.NoticeKind, reply *model.Reply) {
			var evs []model.Event
			if reply != nil {
				evs = append(evs, model.Event{ID: o.IDs.Next(), Kind: kind, At: time.Now(), Message: m.ID, N: n, Recipient: fmt.Sprintf("user%d@b.example", n), Data: model.EventData{Reply: reply, Delayed: true}})
			}
			o.ok(o.store.NoteEvents(o.t.Context(), evs, model.Notice{Key: model.RecipientKey{Message: m.ID, N: n}, Kind: notice, At: time.Now()}))
		}
		note(0, model.EventDeferred, model.NoticeDelayed, &model.Reply{Enhanced: "4.4.1", Text: "inner host is down", Host: "mx2.b.example"})
		note(1, model.EventDelivered, model.NoticeDelivered, &model.Reply{Enhanced: "2.1.5", Text: "in the mailbox"})
		note(2, "", model.NoticeDelayed, nil)
		o.start()
		r := o.parsed(0).Recipients
		if len(r) != 2 || o.outbox() != 0 {
			t.Fatalf("said %+v, %d notices left", r, o.outbox())
		}
		if r[0].Status != "4.4.1" || r[0].Diagnostic.Value != "inner host is down" || !r[0].WillRetryUntil.IsZero() || r[1].Action != dsn.Delivered || r[1].Diagnostic.Value != "in the mailbox" {
			t.Errorf("said %+v", r)
		}
	})
}

// Recipients that fail together are told of together, and a message with very many in several reports.
func TestGathers(t *testing.T) {
	run(t, func(o *office) {
		o.start()
		at := time.Now()
		o.settle(nil, unknown, unknown)
		o.Poke()
		time.Sleep(gather - time.Millisecond)
		synctest.Wait()
		if len(o.reports) != 0 {
			t.Fatalf("told after %v", time.Since(at))
		}
		many := make([]outcome, page+page/2)
		for i := range many {
			many[i] = unknown
		}
		o.settle(nil, many...)
		o.settle(nil, unknown)
		o.Poke()
		time.Sleep(time.Millisecond)
		synctest.Wait()
		var counts []int
		for i := range o.reports {
			counts = append(counts, len(o.parsed(i).Recipients))
		}
		if !slices.Equal(counts, []int{2, page, page / 2, 1}) || o.outbox() != 0 {
			t.Errorf("reports on %v recipients, %d notices left", counts, o.outbox())
		}
	})
}

func TestTriesOn(t *testing.T) {
	run(t, func(o *office) {
		o.store.full.Store(true)
		o.settle(nil, unknown)
		o.ok(o.Start(o.t.Context()))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := o.store.asked.Load(); n < 10 || n > 20 || len(o.reports) != 0 || o.outbox() != 1 || strings.Count(o.log.String(), "trying on") != 1 {
			t.Errorf("asked %d times in ten minutes, %d reports, %d notices\n%s", n, len(o.reports), o.outbox(), o.log.String())
		}
		o.store.full.Store(false)
		time.Sleep(retryMax)
		synctest.Wait()
		if len(o.reports) != 1 || o.outbox() != 0 {
			t.Errorf("%d reports, %d notices left", len(o.reports), o.outbox())
		}
	})
}

// Two nodes on one store tell a sender once.
func TestTwoNodes(t *testing.T) {
	run(t, func(o *office) {
		o.settle(nil, unknown)
		other := New(o.Config)
		other.IDs = ident.NewSource(clock.System{}, 2)
		o.ok(other.Start(o.t.Context()))
		o.start()
		o.ok(other.Stop(context.Background()))
		if len(o.reports) != 1 || o.outbox() != 0 {
			t.Errorf("%d reports, %d notices left", len(o.reports), o.outbox())
		}
	})
}
