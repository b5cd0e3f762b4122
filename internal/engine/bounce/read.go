package bounce

import (
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Finding is what a report says of one recipient.
type Finding struct {
	Recipient model.Recipient
	Action    dsn.Action // failed, delayed, delivered, relayed or expanded
	Reply     model.Reply
	Entry     int     // place of the report's entry that says so
	Verdict   Verdict // of Return
}

// ReadOne reads a report that came back on the return path of one recipient. Of several entries, as an alias makes them,
// those that name the recipient count, or all if none does, and of these the gravest. It reports false if the report says
// nothing.
func ReadOne(r *dsn.Report, own model.Recipient, now time.Time) (Finding, bool) {
	x := newIndex([]model.Recipient{own})
	named := slices.ContainsFunc(r.Recipients, func(p dsn.Recipient) bool { return x.find(&p) >= 0 })
	var found Finding
	for i := range r.Recipients {
		p := &r.Recipients[i]
		if named && x.find(p) < 0 {
			continue
		}
		if a := actionOf(p); gravity(a) > gravity(found.Action) {
			found = Finding{Recipient: own, Action: a, Reply: replyOf(r, p, now), Entry: i}
		}
	}
	return found, found.Action != ""
}

// ReadWhole reads a report that came back on the return path of a whole message, whose recipients are given. Entries that
// name none of them, or cannot be told apart, are left out; each recipient is found once, by its gravest entry.
func ReadWhole(r *dsn.Report, recipients []model.Recipient, now time.Time) []Finding {
	x := newIndex(recipients)
	var list []Finding
	at := map[int]int{} // from recipient to place in list; no longer than the message has recipients
	for i := range r.Recipients {
		p := &r.Recipients[i]
		n, a := x.find(p), actionOf(p)
		if n < 0 || a == "" {
			continue
		}
		place, seen := at[n]
		if !seen {
			place = len(list)
			at[n] = place
			list = append(list, Finding{})
		}
		if gravity(a) > gravity(list[place].Action) {
			list[place] = Finding{Recipient: recipients[n], Action: a, Reply: replyOf(r, p, now), Entry: i}
		}
	}
	return list
}

func gravity(a dsn.Action) int {
	switch a {
	case dsn.Failed:
		return 3
	case dsn.Delayed:
		return 2
	case "":
		return 0
	}
	return 1
}

// actionOf is the entry's action; where it has none of RFC 3464 2.3.3, the class of its codes stands for it.
func actionOf(p *dsn.Recipient) dsn.Action {
	switch p.Action {
	case dsn.Failed, dsn.Delayed, dsn.Delivered, dsn.Relayed, dsn.Expanded:
		return p.Action
	}
	class := byte(0)
	if p.Status != "" {
		class = p.Status[0]
	} else if code, _ := cutCode(p.Diagnostic.Value); code > 0 {
		class = '0' + byte(code/100)
	}
	switch class {
	case '5':
		return dsn.Failed
	case '4':
		return dsn.Delayed
	case '2':
		return dsn.Delivered
	}
	return ""
}

// replyOf puts an entry in the form of the replies of our own attempts.
func replyOf(r *dsn.Report, p *dsn.Recipient, now time.Time) model.Reply {
	reply := model.Reply{Enhanced: p.Status, Text: p.Diagnostic.Value, Host: p.RemoteMTA.Value, At: now}
	if reply.Host == "" {
		reply.Host = r.ReportingMTA.Value
	}
	if code, rest := cutCode(p.Diagnostic.Value); code > 0 {
		reply.Code, reply.Text = code, rest
		if enhanced, text, _ := strings.Cut(rest, " "); smtp.ValidEnhanced(enhanced) && int(enhanced[0]-'0') == code/100 {
			reply.Text = text
			if p.Status == "" || strings.HasSuffix(p.Status, ".0.0") { // the receiver's own word says more than "other"
				reply.Enhanced = enhanced
			}
		}
	}
	if reply.Text == "" {
		reply.Text = "reported as " + string(actionOf(p)) + ", without a reason"
	}
	return reply
}

// cutCode parts a diagnostic from the SMTP reply code it begins with; 0: it begins with none.
func cutCode(s string) (code int, rest string) {
	if len(s) < 3 || s[0] != '2' && s[0] != '4' && s[0] != '5' || len(s) > 3 && s[3] != ' ' && s[3] != '-' {
		return 0, s
	}
	for i := range 3 {
		if s[i] < '0' || s[i] > '9' {
			return 0, s
		}
		code = 10*code + int(s[i]-'0')
	}
	return code, strings.TrimLeft(s[3:], " -")
}
