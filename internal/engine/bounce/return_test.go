package bounce

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
)

func TestReturn(t *testing.T) {
	rules, now := builtin(t), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	list := []model.Recipient{{Address: "anna@b.example"}, {Address: "bo@b.example"}}
	status := "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.b.example\r\n\r\n" +
		"Final-Recipient: rfc822; anna@b.example\r\nAction: ACTION\r\nStatus: STATUS\r\nDiagnostic-Code: smtp; 550 STATUS Mailbox full\r\n--x--\r\n"
	text := "From: MAILER-DAEMON@mx.b.example\r\nSubject: failure notice\r\n\r\nYour message could not be delivered.\r\n\r\n<anna@b.example>:\r\n550 5.1.1 no such user\r\n"
	for _, c := range []struct {
		name, raw string
		reports   bool
		one       string // action, class, code, enhanced; empty: nothing is said
		whole     int    // recipients found
	}{
		{"status part", strings.NewReplacer("ACTION", "failed", "STATUS", "5.2.2").Replace(status), true, "failed mailbox-full 550 5.2.2", 1},
		{"success", strings.NewReplacer("ACTION", "delivered", "STATUS", "2.0.0").Replace(status), true, "delivered  550 2.0.0", 1},
		{"text", text, true, "failed user-unknown 550 5.1.1", 1},
		{"text without a name", strings.Replace(text, "<anna@b.example>:\r\n", "", 1), true, "failed user-unknown 550 5.1.1", 0},
		{"an absence", "From: anna@b.example\r\nAuto-Submitted: auto-replied\r\n\r\nI am away.\r\n", false, "", 0},
		{"a complaint", "Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nOriginal-Rcpt-To: anna@b.example\r\n--x--\r\n", false, "", 0},
		{"nothing", "", false, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := rules.Return([]byte(c.raw))
			f, ok := m.One(list[0], now)
			got := ""
			if ok {
				got = strings.Join([]string{string(f.Action), string(f.Verdict.Class), strconv.Itoa(f.Reply.Code), f.Reply.Enhanced}, " ")
			}
			if found := m.Whole(list, now); m.Reports() != c.reports || got != c.one || len(found) != c.whole || c.whole > 0 && found[0].Recipient.Address != "anna@b.example" {
				t.Errorf("reports %v, one %q, whole %+v", m.Reports(), got, found)
			}
			if ok && (f.Action == dsn.Failed) != (f.Verdict.Kind == KindBounce) {
				t.Errorf("%s is a %s", f.Action, f.Verdict.Kind)
			}
		})
	}
}
