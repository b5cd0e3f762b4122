package limit

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

var (
	noon     = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	defaults = Defaults{Ordinary: model.Limits{HalfHour: 500}, Bulk: model.Limits{Day: 100_000}}
)

func TestCharges(t *testing.T) {
	school, city := model.Account{ID: 1, Name: "school"}, model.Account{ID: 2, Name: "city", Bulk: true}
	m := model.Message{DomainName: "school.example", Class: model.ClassBulk, Meta: model.Meta{Credential: "school-web"}}
	rule := func(scope model.LimitScope, name string, l model.Limits) model.LimitRule {
		return model.LimitRule{Account: 1, Scope: scope, Name: name, Limits: l}
	}
	whole := model.Charge{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: 500}, Locks: true}
	for _, tt := range []struct {
		name    string
		account model.Account
		rules   []model.LimitRule
		message model.Message
		want    []model.Charge
	}{
		{"the configuration's", school, nil, m, []model.Charge{whole}},
		{"an account cleared for bulk is not locked", city, nil, m, []model.Charge{{Scope: model.ScopeAccount, Limits: model.Limits{Day: 100_000}}}},
		{"no limit at all", school, []model.LimitRule{rule(model.ScopeAccount, "", model.Limits{HalfHour: model.NoLimit})}, m, nil},
		{
			"a rule leaves the rest to the configuration", school,
			[]model.LimitRule{rule(model.ScopeAccount, "", model.Limits{Month: 7})},
			m,
			[]model.Charge{{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: 500, Month: 7}, Locks: true}},
		},
		{"each scope", school, []model.LimitRule{
			rule(model.ScopeCredential, model.EachName, model.Limits{HalfHour: 9}), rule(model.ScopeCredential, "school-web", model.Limits{HalfHour: 50}),
			rule(model.ScopeClass, "bulk", model.Limits{Day: 8}), rule(model.ScopeDomain, model.EachName, model.Limits{HalfHour: 6}),
		}, m, []model.Charge{
			whole,
			{Scope: model.ScopeCredential, Name: "school-web", Limits: model.Limits{HalfHour: 50}, Locks: true},
			{Scope: model.ScopeClass, Name: "bulk", Limits: model.Limits{Day: 8}},
			{Scope: model.ScopeDomain, Name: "school.example", Limits: model.Limits{HalfHour: 6}},
		}},
		{"other names", school, []model.LimitRule{
			rule(model.ScopeCredential, "other", model.Limits{HalfHour: 5}), rule(model.ScopeClass, "transactional", model.Limits{Day: 8}), rule(model.ScopeDomain, "x.example", model.Limits{Day: 5}),
		}, m, []model.Charge{whole}},
		{"of a trusted network", school, []model.LimitRule{rule(model.ScopeCredential, model.EachName, model.Limits{HalfHour: 9})}, model.Message{}, []model.Charge{whole}},
		{"written by the node", school, nil, model.Message{Origin: model.OriginSystem}, nil},
		{"never sent", school, nil, model.Message{TestMode: true}, nil},
	} {
		if d := cmp.Diff(tt.want, defaults.Charges(&tt.account, tt.rules, &tt.message)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestRefusal(t *testing.T) {
	school := model.Account{Name: "school", State: model.AccountActive}
	in := func(p model.Period, c model.Charge) *model.Over {
		return &model.Over{State: model.AccountActive, Charge: c, Period: p, Limit: 500, Count: 498, N: 3, At: noon, Until: noon.Add(90*time.Second + time.Millisecond)}
	}
	never := in(model.PerDay, model.Charge{Scope: model.ScopeDomain, Name: "school.example"})
	never.N, never.Until = 501, time.Time{}
	for _, tt := range []struct {
		over *model.Over
		code int
		enh  string
		want string
	}{
		{
			in(model.PerHalfHour, model.Charge{Scope: model.ScopeAccount}), 451, "4.7.1",
			`Account "school" has sent 498 of the 500 messages that it may in half an hour, each recipient counted. There is room for 3 more in 1m31s, at 2026-11-24 12:01:30 UTC`,
		},
		{in(model.PerMonth, model.Charge{Scope: model.ScopeClass, Name: "bulk"}), 451, "4.7.1", `The bulk mail of account "school" has sent 498 of the 500 messages that it may in a month`},
		{never, 550, "5.7.1", "The domain school.example may send 500 messages in a day, each recipient counted, and this alone is 501. Send it to fewer"},
	} {
		e := Refusal(school, tt.over)
		if e.Code != tt.code || e.Enhanced != tt.enh || !strings.Contains(e.Text, tt.want) {
			t.Errorf("%+v: %v; want %d %s with %q", tt.over, e, tt.code, tt.enh, tt.want)
		}
	}
}

func TestFound(t *testing.T) {
	school := model.Account{Name: "school", State: model.AccountActive}
	active := model.Over{State: model.AccountActive, Limit: 500, Charge: model.Charge{Scope: model.ScopeAccount}}
	locked, byUser := active, active
	locked.Locked, byUser.Locked, byUser.Charge = true, true, model.Charge{Scope: model.ScopeCredential, Name: "school-web"}
	for _, tt := range []struct {
		over   model.Over
		state  model.AccountState
		reason string
	}{
		{active, model.AccountActive, ""},
		{locked, model.AccountLocked, "more than 500 messages in half an hour, which looks like a stolen password"},
		{byUser, model.AccountLocked, "more than 500 messages in half an hour by school-web, which looks like a stolen password"},
		{model.Over{State: model.AccountLocked, Reason: "by another"}, model.AccountLocked, "by another"},
		{model.Over{State: model.AccountSuspended, Reason: "unpaid"}, model.AccountSuspended, "unpaid"},
	} {
		if a := Found(school, &tt.over); a.State != tt.state || a.Reason != tt.reason {
			t.Errorf("%+v: %+v", tt.over, a)
		}
	}
}

func TestLimitsOfOneMessage(t *testing.T) {
	a := model.Account{Name: "school"}
	if Message(&a, model.Limits{Recipients: 10}, 10) != nil || Message(&a, model.Limits{Recipients: model.NoLimit}, 5000) != nil || Message(&a, model.Limits{}, 5000) != nil {
		t.Error("within the limit, and refused")
	}
	if err := smtp.AsError(Message(&a, model.Limits{Recipients: 10}, 11)); err.Code != 452 || !strings.Contains(err.Text, `more than the 10 that account "school" may have`) {
		t.Error(err)
	}
	for limit, want := range map[int64]int64{0: 100, model.NoLimit: 100, 50: 50, 200: 100} {
		if got := MaxSize(model.Limits{Size: limit}, 100); got != want {
			t.Errorf("size %d: %d, want %d", limit, got, want)
		}
	}
}

func TestEvidence(t *testing.T) {
	var e Evidence
	if got := e.String(); got != "sent in the half hour before: 0 messages to 0 recipients; client addresses: none; credentials: none; sender domains: none; subjects: none" {
		t.Errorf("nothing: %s", got)
	}
	for i := range 20 {
		m := model.Message{DomainName: "school.example", Meta: model.Meta{Client: "192.0.2." + string(rune('1'+i%7)), Credential: "web", Subject: "You won\r\n" + strings.Repeat("å", 100)}}
		if i == 0 {
			m.Meta = model.Meta{Subject: "hej"}
		}
		e.Add(&m, i+1)
	}
	want := `sent in the half hour before: 20 messages to 210 recipients; client addresses: 192.0.2.6 (39), 192.0.2.5 (36), 192.0.2.4 (33), 192.0.2.3 (30), 192.0.2.2 (27), and 3 more; ` +
		`credentials: web (209), none (trusted network) (1); sender domains: school.example (210); subjects: "hej", "You won ` + strings.Repeat("å", 51) + `…"`
	if d := cmp.Diff(want, e.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
