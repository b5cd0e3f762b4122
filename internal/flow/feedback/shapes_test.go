package feedback

import (
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// mails that came back, of many makes, about {to}; none has the shape of RFC 3464 but where it says so.
const (
	qmail = "From: MAILER-DAEMON@mx.b.example\r\nTo: {path}\r\nSubject: failure notice\r\n\r\n" +
		"Hi. This is the qmail-send program at mx.b.example.\r\nI'm afraid I wasn't able to deliver your message to the following addresses.\r\n" +
		"This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n<{to}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n" +
		"--- Below this line is a copy of the message.\r\n\r\nReturn-Path: <{path}>\r\nSubject: s\r\n\r\nhej\r\n"
	exim = "From: Mail Delivery System <Mailer-Daemon@mx.b.example>\r\nTo: {path}\r\nX-Failed-Recipients: {to}\r\nAuto-Submitted: auto-replied\r\n" +
		"Subject: Mail delivery failed: returning message to sender\r\n\r\nThis message was created automatically by mail delivery software.\r\n\r\n" +
		"A message that you sent could not be delivered to one or more of its\r\nrecipients. This is a permanent error. The following address(es) failed:\r\n\r\n" +
		"  {to}\r\n    mailbox is full: quota exceeded\r\n\r\n------ This is a copy of the message, including all the headers. ------\r\n\r\nSubject: s\r\n\r\nhej\r\n"
	swedishText = "From: \"=?iso-8859-1?Q?E-postsystemet?=\" <postmaster@b.example>\r\nTo: {path}\r\nSubject: =?iso-8859-1?Q?Kan_inte_levereras?=: Hej\r\n" +
		"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
		"Meddelandet kunde inte levereras till f=F6ljande mottagare:\r\n\r\n  {to}\r\n\r\n550 5.1.1 Anv=E4ndaren finns inte\r\n"
	spam = "From: postmaster@b.example\r\nTo: {path}\r\nSubject: Undeliverable: s\r\n\r\nDelivery has failed to these recipients:\r\n\r\n{to}\r\n" +
		"554 5.7.1 Message rejected as spam by content filtering\r\n"
	// A gateway of the receiver sent the report on, in a message of its own.
	wrapped = "From: gateway@b.example\r\nTo: {path}\r\nSubject: FW: Undelivered Mail Returned to Sender\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nsee below\r\n" +
		"--o\r\nContent-Type: message/rfc822\r\n\r\n{report}\r\n--o--\r\n"
	still = "From: MAILER-DAEMON@mx.b.example\r\nTo: {path}\r\nSubject: Warning: message delayed 4 hours\r\n\r\nYour message to {to} has been delayed.\r\n" +
		"451 4.4.1 Connection timed out\r\nThe server keeps on trying; you need do nothing.\r\n"
)

// fill puts what a mail is about into its text.
func (d *desk) fill(raw, path, to string) string {
	report := said(about(to, "failed", "5.1.1"))
	return strings.NewReplacer("{report}", report, "{path}", path, "{to}", to).Replace(raw)
}

func TestReturnedMailOfEveryShape(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		becomes   model.RecipientState
		kind      model.EventKind
		class     string
		listed    bool
		soft      bool
	}{
		{"a status part", "{report}", model.StateBounced, "bounced", "user-unknown", true, false},
		{"qmail", qmail, model.StateBounced, "bounced", "user-unknown", true, false},
		{"Exim", exim, model.StateBounced, "bounced", "mailbox-full", false, true},
		{"text in Swedish", swedishText, model.StateBounced, "bounced", "user-unknown", true, false},
		{"spam is no dead address", spam, model.StateBounced, "bounced", "spam-content", false, false},
		{"within a forward", wrapped, model.StateBounced, "bounced", "user-unknown", true, false},
		{"a delay", still, model.StateDelivered, "deferred", "network", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, 2, model.StateDelivered, 0)
			for _, path := range []string{d.path(1), d.whole(), d.path(1)} {
				d.ok(d.receive(path, d.fill(c.raw, path, "user1@b.example")))
			}
			evs := d.events()
			if r := d.recipient(1); r.State != c.becomes || len(evs) != 1 {
				t.Fatalf("it is %v, events %+v", r.State, evs)
			}
			if ev := evs[0]; ev.Kind != c.kind || ev.N != 1 || ev.Data.Class != c.class || ev.Data.Rule == "" || ev.Data.Listed != c.listed {
				t.Errorf("event %+v", ev)
			}
			if d.recipient(0).State != model.StateDelivered {
				t.Error("the other recipient came back too")
			}
			list := d.listed("user1@b.example")
			if (len(list) > 0) != c.listed || c.listed && (list[0].Kind != model.SuppressBounce || list[0].Source != "report" || list[0].Domain != 3 || list[0].Count != 1) {
				t.Errorf("listed %+v", list)
			}
			if soft, err := d.store.SoftBounce(t.Context(), 1, "user1@b.example"); err != nil || (soft.Days > 0) != c.soft {
				t.Errorf("counted %+v, %v", soft, err)
			}
		})
	}
}

// listed is every entry of the account for an address.
func (d *desk) listed(address string) []model.Suppression {
	d.t.Helper()
	list, err := d.store.Suppressed(d.t.Context(), 1, []string{address})
	d.ok(err)
	return list
}

func TestTheAccountSaysWhoIsNeverDead(t *testing.T) {
	for key, listed := range map[string]bool{"user0@b.example": false, "@b.example": false, "@c.example": true} {
		d := open(t, 1, model.StateDelivered, 0)
		d.ok(d.store.AddSuppressions(t.Context(), []model.Suppression{{Account: 1, Kind: model.SuppressAllow, Key: key, Address: key, CreatedAt: time.Now()}}))
		d.ok(d.receive(d.path(0), said(about("user0@b.example", "failed", "5.1.1"))))
		found := 0
		for _, e := range d.listed("user0@b.example") {
			if e.Kind == model.SuppressBounce {
				found++
			}
		}
		if d.recipient(0).State != model.StateBounced || (found > 0) != listed || d.events()[0].Data.Listed != listed {
			t.Errorf("%s: listed %d times", key, found)
		}
	}
}

func TestWhatCameBackIsCounted(t *testing.T) {
	d := open(t, 2, model.StateDelivered, model.NotifySuccess)
	for _, raw := range []string{qmail, still, said(about("{to}", "delivered", "2.0.0")), "From: user0@b.example\r\nSubject: Re: s\r\n\r\nTack!\r\n"} {
		d.ok(d.Receive(t.Context(), client, "mx.b.example", "user0@b.example", []string{d.path(0)}, []byte(d.fill(raw, d.path(0), "user0@b.example"))))
	}
	d.ok(d.receive(d.path(0), "Subject: ?\r\n\r\nXYZZY\r\n"))
	got := map[string]int64{}
	d.Metrics.Returned.Each(func(kind string, n int64) { got[kind] = n })
	d.Metrics.Classes.Each(func(class string, n int64) { got[class] = n })
	for kind, n := range map[string]int64{"bounce": 1, "delay": 1, "delivered": 1, "reply": 1, "not understood": 1, "user-unknown": 1} {
		if got[kind] != n {
			t.Errorf("%s counted %d times, want %d", kind, got[kind], n)
		}
	}
}
