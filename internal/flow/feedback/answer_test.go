package feedback

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	human   = "From: Anna <user0@b.example>\r\nDKIM-Signature: v=1; d=b.example; b=abc\r\nMessage-ID: <r1@b.example>\r\nSubject: =?utf-8?q?Sv:_H=C3=A4lsning?=\r\n\r\nTack, vi ses på måndag!\r\n"
	absence = "From: Anna <user0@b.example>\r\nAuto-Submitted: auto-replied\r\nSubject: Semester\r\n\r\nJag är inte här.\r\n"
	riddle  = "From: guard@b.example\r\nSubject: Please confirm your message\r\n\r\nTo confirm that you are a human and not a robot, click here.\r\n"
	quoting = "From: Anna <user0@b.example>\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\nWhat does this mean?\r\n\r\n user0@b.example: 550 5.1.1 User unknown\r\n"
	machine = "From: Gateway <Postmaster@b.example>\r\nSubject: notification 17\r\n\r\nXYZZY\r\n"
)

// reply gives the desk a mail with an envelope sender.
func (d *desk) reply(to, sender, raw string) error {
	return d.Receive(context.Background(), client, "mx.b.example", sender, []string{to}, []byte(raw))
}

func TestAnswers(t *testing.T) {
	bulk := func(d *desk) { d.wrote.class = model.ClassBulk }
	both := func(d *desk) { d.wrote.class, d.BulkReplies = model.ClassBulk, true }
	for _, c := range []struct {
		name, raw, sender string
		change            func(d *desk)
		class, to, why    string
	}{
		{"a person", human, "user0@b.example", nil, "reply", "info@school.example", "handed on"},
		{"an absence", absence, "", nil, "autoreply", "info@school.example", "handed on"},
		{"a riddle", riddle, "guard@b.example", nil, "challenge", "", "not answered"},
		{"a machine nobody knows", machine, "gateway@b.example", nil, "not understood", "info@school.example", "handed on"},
		{"null sender", "From: x@b.example\r\nSubject: ?\r\n\r\nXYZZY\r\n", "", nil, "not understood", "info@school.example", "handed on"},
		{"a person, to bulk mail", human, "user0@b.example", bulk, "reply", "", "counted only"},
		{"a person, to bulk mail that wants it", human, "user0@b.example", both, "reply", "svar@school.example", "handed on"},
		{"its text is gone", human, "user0@b.example", func(d *desk) { both(d); d.wrote.purge = true }, "reply", "rektor@school.example", "handed on"},
		{"an absence, to bulk mail", absence, "", both, "autoreply", "", "counted only"},
		{"Reply-To of strangers", human, "user0@b.example", func(d *desk) { both(d); d.wrote.replyTo = "eve@b.example" }, "reply", "", "not of a domain of the account"},
		{"mail by HTTP", human, "user0@b.example", func(d *desk) { d.wrote.origin = model.OriginHTTP }, "reply", "", "not personal"},
		{"null sender of the message", human, "user0@b.example", func(d *desk) { d.wrote.sender = "" }, "reply", "", "not personal"},
		{"to several", human, "user0@b.example", func(d *desk) { d.wrote.count = 2 }, "reply", "", "not personal"},
		{"a domain that is another's by now", human, "user0@b.example", func(d *desk) { d.domain.Account = 2 }, "reply", "", "not of a domain of the account"},
		{"a domain never proved", human, "user0@b.example", func(d *desk) { d.domain.State = model.DomainWaiting }, "reply", "", "not of a domain of the account"},
		{"a sender of elsewhere", human, "user0@b.example", func(d *desk) { d.wrote.sender = "info@c.example" }, "reply", "", "not of a domain of the account"},
		{"the account wants none", human, "user0@b.example", func(d *desk) { d.ok(d.store.SetAccountQuiet(t.Context(), 1, model.Quiet{Replies: true})) }, "reply", "", "does not want answers"},
		{"a suspended account", human, "user0@b.example", func(d *desk) {
			d.ok(d.store.SetAccountState(t.Context(), 1, model.AccountSuspended, "", model.Event{ID: d.IDs.Next()}))
		}, "reply", "", "suspended"},
		{"a person who quotes a report", quoting, "user0@b.example", nil, "reply", "info@school.example", "handed on"},
		{"a person who quotes a report on nobody", strings.ReplaceAll(quoting, " user0@b.example: ", " "), "user0@b.example", nil, "reply", "info@school.example", "handed on"},
		{"too many hops", strings.Repeat("Received: from x by y\r\n", maxHops+1) + human, "user0@b.example", nil, "reply", "", "handed on before"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, 1, model.StateDelivered, 0)
			d.wrote = letter{count: 1, origin: model.OriginSMTP, sender: "info@school.example", replyTo: "Svar <svar@school.example>"}
			if c.change != nil {
				c.change(d)
			}
			d.write()
			d.ok(d.reply(d.path(0), c.sender, c.raw))
			evs := d.events()
			if len(evs) != 1 || evs[0].Kind != model.EventReplied || evs[0].Data.Class != c.class || !strings.Contains(evs[0].Data.Reason, c.why) || evs[0].Recipient != reader {
				t.Fatalf("events %+v", evs)
			}
			if d.recipient(0).State != model.StateDelivered || len(d.listed(reader)) > 0 {
				t.Error("an answer moved something")
			}
			if c.to == "" {
				if len(d.handed) > 0 {
					t.Errorf("handed on to %s", d.handed[0].recipient.Address)
				}
				return
			}
			if len(d.handed) != 1 {
				t.Fatalf("handed on %d times", len(d.handed))
			}
			h := d.handed[0]
			if h.recipient.Address != c.to || h.msg.Sender != "" || h.msg.Origin != model.OriginSystem || h.msg.Account != 1 || h.recipient.Notify != model.NotifyNever {
				t.Errorf("queued %+v for %+v", h.msg, h.recipient)
			}
			trace, rest, _ := strings.Cut(string(h.raw), "Delivered-To: "+d.path(0)+"\r\n")
			if rest != c.raw || !strings.HasPrefix(trace, "Received: from mx.b.example ([127.0.0.9])\r\n\tby mail.school.example") {
				t.Errorf("handed on as\n%s", h.raw)
			}
			kept, err := d.store.Body(t.Context(), h.msg.ID)
			if d.ok(err); !bytes.Equal(kept, h.raw) || h.msg.Size != int64(len(kept)) || h.msg.EightBit != strings.ContainsAny(c.raw, "åä") {
				t.Errorf("kept %d octets: %+v", len(kept), h.msg)
			}
		})
	}
}

// letter is the message that the desk is about, where it matters.
type letter struct {
	class           model.Class
	count           int
	origin          model.Origin
	sender, replyTo string
	purge           bool
}

// write puts the letter in the place of the desk's message.
func (d *desk) write() {
	d.t.Helper()
	now := time.Now()
	m := model.Message{
		ID: d.IDs.Next(), Account: 1, Domain: 3, DomainName: "school.example", Class: d.wrote.class, Origin: d.wrote.origin, Sender: d.wrote.sender, AcceptedAt: now.Add(-time.Hour),
		ExpiresAt: now.Add(time.Hour), Meta: model.Meta{From: "Rektor <rektor@school.example>"},
	}
	sub := store.Submission{Message: m, Raw: []byte("From: Rektor <rektor@school.example>\r\nReply-To: " + d.wrote.replyTo + "\r\n\r\nhej\r\n")}
	for n := range d.wrote.count {
		sub.Recipients = append(sub.Recipients, model.Recipient{
			RecipientKey: model.RecipientKey{Message: m.ID, N: n}, Lane: model.Lane{Domain: "b.example", Account: 1}, Address: fmt.Sprintf("user%d@b.example", n),
			State: model.StateLeased, Lease: 7, Attempts: 1, Due: now,
		})
	}
	d.ok(d.store.Accept(d.t.Context(), []store.Submission{sub}, nil))
	for n := range d.wrote.count {
		_, err := d.store.Settle(d.t.Context(), []store.Outcome{{Key: model.RecipientKey{Message: m.ID, N: n}, Lease: 7, State: model.StateDelivered, At: now.Add(-time.Minute), Attempted: true}})
		d.ok(err)
	}
	if d.wrote.purge {
		_, _, err := d.store.PurgeBodies(d.t.Context(), now.Add(time.Hour), 0, 100)
		d.ok(err)
	}
	d.message = m
}

// What was handed on and comes back, as from a mailbox that forwards all it gets, ends here.
func TestAnswersDoNotLoop(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	raw := human
	for range 3 {
		d.ok(d.reply(d.path(0), "user0@b.example", raw))
		raw = string(d.handed[0].raw)
	}
	if len(d.handed) != 1 || len(d.events()) != 3 {
		t.Errorf("handed on %d times, %d events", len(d.handed), len(d.events()))
	}
}

func TestAnswersAreBounded(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	for range maxLater + 5 {
		d.ok(d.reply(d.path(0), "user0@b.example", human))
	}
	if len(d.handed) != maxLater || len(d.events()) != maxLater {
		t.Errorf("handed on %d times, %d events", len(d.handed), len(d.events()))
	}
}

// On the path of a whole message the one who answers is known by name, or not at all.
func TestAnswersToTheWholeMessage(t *testing.T) {
	d := open(t, 3, model.StateDelivered, 0)
	for from, want := range map[string]string{"user2@b.example": "user2@b.example", "eve@b.example": "", "no address": ""} {
		d.ok(d.reply(d.whole(), "user2@b.example", strings.Replace(human, "user0@b.example", from, 1)))
		evs := d.events()
		if ev := evs[len(evs)-1]; ev.Recipient != want || ev.Data.Class != "reply" {
			t.Errorf("from %s: %+v", from, ev)
		}
	}
}

func TestAnswerWhileTheStoreIsAway(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	path := d.path(0)
	d.ok(d.store.Close())
	if err := d.reply(path, "user0@b.example", human); err == nil || len(d.handed) > 0 {
		t.Errorf("told %v, handed on %d", err, len(d.handed))
	}
}
