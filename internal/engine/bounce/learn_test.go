package bounce

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// lists answers Learn.
type lists struct {
	listed []model.Suppression
	soft   model.SoftBounce
	fault  error
	keys   []string
}

func (l *lists) Suppressed(_ context.Context, _ model.AccountID, keys []string) ([]model.Suppression, error) {
	l.keys = keys
	return l.listed, l.fault
}

func (l *lists) SoftBounce(context.Context, model.AccountID, string) (model.SoftBounce, error) {
	return l.soft, l.fault
}

func TestLearn(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	full := model.SoftBounce{Account: 1, Key: "anna@b.example", Score: 3.9, Days: 4, At: now.Add(-24 * time.Hour)}
	allow := func(key string, domain model.DomainID) model.Suppression {
		return model.Suppression{Account: 1, Domain: domain, Kind: model.SuppressAllow, Key: key}
	}
	for _, c := range []struct {
		name         string
		v            Verdict
		lists        lists
		reason       string // of the entry; empty: there is none
		listed, soft bool
	}{
		{"dead", Verdict{Class: UserUnknown, Hard: true}, lists{}, "no such user", true, false},
		{"listed before", Verdict{Class: UserUnknown, Hard: true}, lists{listed: []model.Suppression{{Account: 1, Kind: model.SuppressBounce, Key: "anna@b.example"}}}, "no such user", false, false},
		{"never dead", Verdict{Class: UserUnknown, Hard: true}, lists{listed: []model.Suppression{allow("anna@b.example", 0)}}, "", false, false},
		{"never dead for another sender", Verdict{Class: UserUnknown, Hard: true}, lists{listed: []model.Suppression{allow("@b.example", 4)}}, "no such user", true, false},
		{"full once", Verdict{Class: MailboxFull}, lists{}, "", false, true},
		{"full at last", Verdict{Class: MailboxFull}, lists{soft: full}, "failed on 5 days, at last: no such user", true, true},
		{"full, never dead", Verdict{Class: MailboxFull}, lists{soft: full, listed: []model.Suppression{allow("@b.example", 3)}}, "", false, true},
		{"full a second time that day", Verdict{Class: MailboxFull}, lists{soft: model.SoftBounce{Score: 1, Days: 1, At: now}}, "", false, false},
		{"spam", Verdict{Class: SpamContent}, lists{fault: errors.New("not asked")}, "", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := c.v.Learn(t.Context(), &c.lists, Failure{
				Account: 1, Domain: 3, Address: "Anna@b.example", Reply: model.Reply{Code: 550, Text: "no such user"}, At: now, Source: "report",
			})
			if err != nil || (len(l.Suppress) > 0) != (c.reason != "") || l.Listed != c.listed || (l.Soft != nil) != c.soft {
				t.Fatalf("%+v, %v", l, err)
			}
			if c.reason == "" {
				return
			}
			want := model.Suppression{
				Account: 1, Domain: 3, Kind: model.SuppressBounce, Key: "anna@b.example", Address: "Anna@b.example", Code: "550", Reason: c.reason, Source: "report", Count: 1, CreatedAt: now,
			}
			if l.Suppress[0] != want || strings.Join(c.lists.keys, " ") != "anna@b.example @b.example" {
				t.Errorf("%+v, asked for %q", l.Suppress[0], c.lists.keys)
			}
		})
	}
	for _, v := range []Verdict{{Class: UserUnknown, Hard: true}, {Class: MailboxFull}} {
		if l, err := v.Learn(t.Context(), &lists{fault: errors.New("away")}, Failure{Address: "a@b.example", At: now}); err == nil || l.Suppress != nil {
			t.Errorf("learned %+v while the lists were away", l)
		}
	}
}

func TestTally(t *testing.T) {
	var y Tally
	for _, word := range []string{"a", "b", "a"} {
		y.Add(word)
	}
	got := map[string]int64{}
	y.Each(func(word string, n int64) { got[word] = n })
	if len(got) != 2 || got["a"] != 2 || got["b"] != 1 {
		t.Errorf("%v", got)
	}
}

func TestNamed(t *testing.T) {
	list := []model.Recipient{{Address: "anna@b.example"}, {Address: "bo@b.example", ORcpt: "rfc822;bosse@c.example"}}
	got := Named(list, []string{"ANNA@B.example", "anna@b.example", "bosse@c.example", "eve@b.example", ""})
	if len(got) != 2 || got[0].Address != "anna@b.example" || got[1].Address != "bo@b.example" {
		t.Errorf("%+v", got)
	}
}
