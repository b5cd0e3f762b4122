package bounce

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func entry(final string, action dsn.Action, status, diagnostic string) dsn.Recipient {
	return dsn.Recipient{Final: dsn.Typed{Type: "rfc822", Value: final}, Action: action, Status: status, Diagnostic: dsn.Typed{Type: "smtp", Value: diagnostic}}
}

func recipients(addresses ...string) []model.Recipient {
	var list []model.Recipient
	for n, a := range addresses {
		list = append(list, model.Recipient{RecipientKey: model.RecipientKey{Message: 7, N: n}, Address: a})
	}
	return list
}

func TestReadOne(t *testing.T) {
	reply := func(code int, enhanced, text string) model.Reply {
		return model.Reply{Code: code, Enhanced: enhanced, Text: text, Host: "mx.example", At: now}
	}
	for _, c := range []struct {
		name    string
		entries []dsn.Recipient
		action  dsn.Action
		reply   model.Reply
	}{
		{"failed", []dsn.Recipient{entry("a@b.example", "failed", "5.1.1", "550 5.1.1 no such user")}, dsn.Failed, reply(550, "5.1.1", "no such user")},
		{"forwarded elsewhere", []dsn.Recipient{entry("x@y.example", "failed", "5.2.2", "552 full")}, dsn.Failed, reply(552, "5.2.2", "full")},
		{"the receiver's word says more", []dsn.Recipient{entry("a@b.example", "failed", "5.0.0", "550-5.7.1 spam")}, dsn.Failed, reply(550, "5.7.1", "spam")},
		{"given up after four days", []dsn.Recipient{entry("a@b.example", "failed", "4.4.1", "no answer")}, dsn.Failed, reply(0, "4.4.1", "no answer")},
		{"delayed", []dsn.Recipient{entry("a@b.example", "delayed", "4.4.1", "")}, dsn.Delayed, reply(0, "4.4.1", "reported as delayed, without a reason")},
		{"no action: status", []dsn.Recipient{entry("a@b.example", "deliverable", "2.1.5", "ok")}, dsn.Delivered, reply(0, "2.1.5", "ok")},
		{"no action, no status: reply code", []dsn.Recipient{entry("a@b.example", "", "", "551 5.1.6 moved")}, dsn.Failed, reply(551, "5.1.6", "moved")},
		{"an alias, no entry is ours: the gravest", []dsn.Recipient{entry("x@y", "delayed", "4.0.0", "1"), entry("z@y", "failed", "5.0.0", "2"), entry("v@y", "relayed", "2.0.0", "3")}, dsn.Failed, reply(0, "5.0.0", "2")},
		{"one entry is ours", []dsn.Recipient{entry("x@y", "failed", "5.0.0", "1"), entry("A@B.example", "relayed", "2.0.0", "2")}, dsn.Relayed, reply(0, "2.0.0", "2")},
		{"nothing said", []dsn.Recipient{entry("a@b.example", "", "", "")}, "", model.Reply{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			own := recipients("a@b.example")[0]
			got, ok := ReadOne(&dsn.Report{ReportingMTA: dsn.Typed{Type: "dns", Value: "mx.example"}, Recipients: c.entries}, own, now)
			if ok != (c.action != "") || got.Action != c.action {
				t.Fatalf("%+v, %v", got, ok)
			}
			if d := cmp.Diff(c.reply, got.Reply); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestReadWhole(t *testing.T) {
	list := recipients("Anna@b.example", "bo+x@b.example", "cia@b.example", "CIA@b.example", "dan@xn--rksmrgs-5wao1o.example")
	list[1].ORcpt = "rfc822;bosse+2Bold@a.example"
	original := func(p dsn.Recipient, o string) dsn.Recipient {
		p.Original = dsn.Typed{Type: "rfc822", Value: o}
		return p
	}
	for _, c := range []struct {
		name  string
		entry dsn.Recipient
		n     int
	}{
		{"exactly", entry("Anna@b.example", "failed", "", ""), 0},
		{"folded", entry("anna@B.EXAMPLE", "failed", "", ""), 0},
		{"exactly, where folded is two", entry("cia@b.example", "failed", "", ""), 2},
		{"folded is two", entry("Cia@b.example", "failed", "", ""), -1},
		{"by ORCPT", original(entry("other@a.example", "failed", "", ""), "bosse+old@a.example"), 1},
		{"by ORCPT, not decoded", original(entry("other@a.example", "failed", "", ""), "bosse+2Bold@a.example"), 1},
		{"final not decoded", entry("bo+2Bx@b.example", "failed", "", ""), 1},
		{"U-label", entry("dan@räksmörgås.example", "failed", "", ""), 4},
		{"a stranger", entry("eve@b.example", "failed", "", ""), -1},
		{"no address", entry("", "failed", "", ""), -1},
		{"no action", entry("Anna@b.example", "", "", ""), -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ReadWhole(&dsn.Report{Recipients: []dsn.Recipient{c.entry}}, list, now)
			if c.n < 0 && len(got) > 0 || c.n >= 0 && (len(got) != 1 || got[0].Recipient.N != c.n || got[0].Action != dsn.Failed) {
				t.Errorf("found %+v", got)
			}
		})
	}
	got := ReadWhole(&dsn.Report{Recipients: []dsn.Recipient{
		entry("bo+x@b.example", "delayed", "", ""), entry("Anna@b.example", "relayed", "", ""), entry("bo+x@b.example", "failed", "", ""), entry("bo+x@b.example", "relayed", "", ""),
	}}, list, now)
	if len(got) != 2 || got[0].Action != dsn.Failed || got[0].Recipient.N != 1 || got[1].Action != dsn.Relayed {
		t.Errorf("twice named: %+v", got)
	}
}
