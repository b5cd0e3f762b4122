package feedback

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

const reader = "user0@b.example"

// link is the List-Unsubscribe field that mail to the reader carries.
func (d *desk) link(address string) string {
	d.t.Helper()
	token, err := d.Links.Make(consent.Claim{Purpose: consent.Leave, Account: 1, Domain: d.domain.ID, Address: address, Tag: "news", Message: d.message.ID})
	d.ok(err)
	return "List-Unsubscribe: <https://mail.school.example/u/" + token + ">,\r\n <mailto:unsubscribe@" + bounceDomain + "?subject=" + token + ">\r\n"
}

// trace is what else of ours is in mail that arrived.
func (d *desk) trace() string {
	return "Received: from web (192.0.2.7)\r\n\tby mail.school.example\r\n\twith ESMTP id " + d.message.ID.String() + "\r\n\tfor <" + reader + ">; Tue, 24 Nov 2026 09:00:00 +0000\r\n"
}

const messageID = "Message-ID: <1@school.example>\r\n"

// feedback is a report as RFC 5965 has it: fields of the report, and the header of the message.
func feedback(fields, header string) string {
	return "From: fbl@b.example\r\nTo: abuse@" + bounceDomain + "\r\nSubject: FW: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n" +
		"--x\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\n" +
		fields + "User-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n" + header + "Subject: s\r\n\r\nhej\r\n--x--\r\n"
}

const abuse = "Feedback-Type: abuse\r\n"

func TestComplaints(t *testing.T) {
	named, redacted := "Original-Rcpt-To: <"+reader+">\r\n", "Original-Rcpt-To: redacted@b.example\r\n"
	for _, c := range []struct {
		name   string
		raw    func(d *desk) string
		to     func(d *desk) string // nil: abuse@
		list   model.SuppressionKind
		event  model.EventKind
		nobody bool // the message is known, its reader is not
		by     trace
	}{
		{"a link, reader redacted", func(d *desk) string { return feedback(abuse+redacted, d.link(reader)) }, nil, "complaint", "complained", false, byLink},
		{"a link, folded by the reporter", func(d *desk) string {
			return feedback(abuse, strings.Replace(d.link(reader), "/u/", "/u/\r\n ", 1))
		}, nil, "complaint", "complained", false, byLink},
		{"the return path of the reader", func(d *desk) string { return feedback(abuse+redacted, "Return-Path: <"+d.path(0)+">\r\n") }, nil, "complaint", "complained", false, byReturned},
		{"Original-Mail-From", func(d *desk) string { return feedback(abuse+"Original-Mail-From: <"+d.path(0)+">\r\n", "") }, nil, "complaint", "complained", false, byReturned},
		{"a common return path, reader named", func(d *desk) string { return feedback(abuse+named, "Return-Path: <"+d.whole()+">\r\n") }, nil, "complaint", "complained", false, byReturned},
		{"a common return path, reader redacted", func(d *desk) string { return feedback(abuse+redacted, "Return-Path: <"+d.whole()+">\r\n") }, nil, "", "complained", true, byReturned},
		{"Message-ID, Received and reader agree", func(d *desk) string { return feedback(abuse+named, d.trace()+messageID) }, nil, "complaint", "complained", false, byMessageID},
		{"on the return path", func(*desk) string { return feedback(abuse, "") }, func(d *desk) string { return d.path(0) }, "complaint", "complained", false, byPath},
		{"JMRP", func(d *desk) string {
			return "From: staff@hotmail.com\r\nSubject: complaint about message from 192.0.2.7\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\n" +
				"X-HmXmrOriginalRecipient: " + reader + "\r\nReturn-Path: " + d.path(0) + "\r\nSubject: s\r\n\r\nhej\r\n--x--\r\n"
		}, func(*desk) string { return "FBL@" + bounceDomain }, "complaint", "complained", false, byReturned},
		{"Yahoo names the reader to be removed", func(d *desk) string {
			return feedback("Feedback-Type: abuse\r\nUser-Agent: Yahoo!-Mail-Feedback/2.0\r\nRemoval-Recipient: "+reader+"\r\nOriginal-Mail-From: <"+d.whole()+">\r\n", "")
		}, nil, "complaint", "complained", false, byReturned},
		{"opt-out", func(d *desk) string { return feedback("Feedback-Type: opt-out\r\n", d.link(reader)) }, nil, "unsubscribe", "unsubscribed", false, byLink},
		{"not spam after all", func(d *desk) string { return feedback("Feedback-Type: not-spam\r\n", d.link(reader)) }, nil, "", "replied", false, byLink},
		{"what a receiver checked", func(d *desk) string { return feedback("Feedback-Type: auth-failure\r\n", d.link(reader)) }, nil, "", "replied", false, byLink},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, 1, model.StateDelivered, 0)
			to := "abuse@" + bounceDomain
			if c.to != nil {
				to = c.to(d)
			}
			for range 2 { // a report that comes twice counts once
				d.ok(d.receive(to, c.raw(d)))
			}
			evs := d.events()
			if len(evs) != 1 {
				t.Fatalf("events %+v\n%s", evs, d.log.String())
			}
			who := reader
			if c.nobody {
				who = ""
			}
			if ev := evs[0]; ev.Kind != c.event || ev.Recipient != who || ev.Account != 1 || ev.Domain != 3 || ev.Data.Listed != (c.list != "") || !strings.HasSuffix(ev.Data.Reason, "known by "+string(c.by)) {
				t.Errorf("event %+v", ev)
			}
			list := d.listed(reader)
			if c.list == "" && len(list) > 0 || c.list != "" && (len(list) != 1 || list[0].Kind != c.list || list[0].Domain != 3 || list[0].Count != 1 || list[0].Source != "report") {
				t.Errorf("listed %+v", list)
			}
			if c.list == "unsubscribe" && (list[0].Tag != "news" || evs[0].Data.Tag != "news") {
				t.Errorf("it is not the mail that the reader had: %+v", list)
			}
			if r := d.recipient(0); r.State != model.StateDelivered {
				t.Errorf("the recipient is %v", r.State)
			}
		})
	}
}

// TestForgedComplaints: what strangers can know or make suppresses nobody, and is seen.
func TestForgedComplaints(t *testing.T) {
	other := open(t, 1, model.StateDelivered, 0) // has keys of its own
	named := "Original-Rcpt-To: <" + reader + ">\r\n"
	for name, raw := range map[string]func(d *desk) string{
		"no trace":            func(*desk) string { return feedback(abuse+named, "") },
		"a link of elsewhere": func(*desk) string { return feedback(abuse+named, other.link(reader)) },
		"an altered link": func(d *desk) string {
			uri, _, _ := strings.Cut(d.link(reader), ",")
			return feedback(abuse+named, flipped(uri)+"\r\n")
		},
		"a path of elsewhere": func(*desk) string {
			return feedback(abuse+named, "Return-Path: <"+strings.Replace(other.path(0), "b", "c", 1)+">\r\n")
		},
		"a made-up path":       func(d *desk) string { return feedback(abuse+named, "Return-Path: <"+flipped(d.path(0))+">\r\n") },
		"a Message-ID alone":   func(*desk) string { return feedback(abuse+named, messageID) },
		"another's Message-ID": func(d *desk) string { return feedback(abuse+named, d.trace()+"Message-ID: <2@school.example>\r\n") },
		"a recipient that was not one": func(d *desk) string {
			return feedback(abuse+"Original-Rcpt-To: eve@b.example\r\n", d.trace()+messageID)
		},
		"a Feedback-ID": func(*desk) string {
			return feedback(abuse+named, "Feedback-ID: bulk:school.example:a1:bkabcdefgh\r\n")
		},
		"Received of another host": func(d *desk) string {
			return feedback(abuse+named, strings.Replace(d.trace(), "mail.school", "mail.evil", 1)+messageID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, 1, model.StateDelivered, 0)
			d.ok(d.receive("abuse@"+bounceDomain, raw(d)))
			if evs, list := d.events(), d.listed(reader); len(evs)+len(list) > 0 || d.Metrics.Untied.Load() != 1 || !strings.Contains(d.log.String(), "complaint ignored") {
				t.Errorf("events %+v, listed %+v\n%s", evs, list, d.log.String())
			}
		})
	}
}

// flipped changes a character in the middle.
func flipped(s string) string {
	at := len(s) / 2
	c := byte('0')
	if s[at] == c {
		c = '1'
	}
	return s[:at] + string(c) + s[at+1:]
}

// Others who got the message know its Message-ID and who else got it.
func TestMessageIDOfSeveralProvesNothing(t *testing.T) {
	d := open(t, 2, model.StateDelivered, 0)
	d.ok(d.receive("abuse@"+bounceDomain, feedback(abuse+"Original-Rcpt-To: <"+reader+">\r\n", d.trace()+messageID)))
	if evs, list := d.events(), d.listed(reader); len(evs)+len(list) > 0 {
		t.Errorf("events %+v, listed %+v", evs, list)
	}
}

func TestComplaintMailboxTakesNothingElse(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	for _, raw := range []string{"From: eve@b.example\r\nSubject: Hello\r\n\r\nWhy do you write to me?\r\n", qmail, ""} {
		var e *smtp.Error
		if err := d.receive("abuse@"+bounceDomain, d.fill(raw, d.path(0), reader)); !errors.As(err, &e) || e.Code != 550 || !strings.Contains(e.Text, "feedback reports only") {
			t.Errorf("told %v", err)
		}
	}
	if len(d.events())+len(d.listed(reader)) > 0 || d.recipient(0).State != model.StateDelivered {
		t.Error("it counted")
	}
}

// A complaint about a second message counts again; a sender that is gone has nobody to complain of.
func TestComplaintsAddUp(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	for range 2 {
		d.ok(d.receive("abuse@"+bounceDomain, feedback(abuse, d.link(reader))))
		d.message.ID++ // the link is all that is left of that one
	}
	if list := d.listed(reader); len(list) != 1 || list[0].Count != 2 {
		t.Errorf("listed %+v", list)
	}
	d.domain.ID = 99
	d.ok(d.receive("abuse@"+bounceDomain, feedback(abuse, d.link("user1@b.example"))))
	if list := d.listed("user1@b.example"); len(list) > 0 {
		t.Errorf("listed %+v", list)
	}
}

func TestComplaintWhileTheStoreIsAway(t *testing.T) {
	for name, raw := range map[string]func(d *desk) string{
		"link": func(d *desk) string { return feedback(abuse, d.link(reader)) },
		"path": func(d *desk) string { return feedback(abuse, "Return-Path: <"+d.path(0)+">\r\n") },
		"id":   func(d *desk) string { return feedback(abuse+"Original-Rcpt-To: "+reader+"\r\n", d.trace()+messageID) },
	} {
		d := open(t, 1, model.StateDelivered, 0)
		text := raw(d)
		d.ok(d.store.Close())
		var e *smtp.Error
		if err := d.receive("abuse@"+bounceDomain, text); !errors.As(err, &e) || e.Code != 451 {
			t.Errorf("%s: told %v", name, err)
		}
	}
}

// One reader cannot fill the record.
func TestComplaintsAreBounded(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	for i := range 30 {
		d.ok(d.receive(d.path(0), feedback(fmt.Sprintf("Feedback-Type: made-up-%d\r\n", i), "")))
	}
	if n := len(d.events()); n > maxLater {
		t.Errorf("%d events", n)
	}
}
