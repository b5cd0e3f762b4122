package policy

import (
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

func TestAccount(t *testing.T) {
	if err := Account(model.Account{State: model.AccountActive}); err != nil {
		t.Error(err)
	}
	for state, want := range map[model.AccountState]string{
		model.AccountSuspended: `Account "shop" is suspended: unpaid. Ask the operator`,
		model.AccountLocked:    `Account "shop" is locked: unpaid. Change its passwords`,
	} {
		err := Account(model.Account{Name: "shop", State: state, Reason: "unpaid."})
		if err == nil || !strings.Contains(err.Error(), want) || smtp.AsError(err).Class != smtp.Permanent {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestSender(t *testing.T) {
	a := model.Account{ID: 1, Name: "school"}
	domain := func(id model.DomainID, owner model.AccountID, s model.DomainState) *model.Domain {
		return &model.Domain{ID: id, Account: owner, Name: "school.example", State: s, Reason: "no DKIM record"}
	}
	for _, tt := range []struct {
		name   string
		only   model.DomainID
		domain *model.Domain
		want   string // "" is allowed
	}{
		{"live", 0, domain(7, 1, model.DomainLive), ""},
		{"degraded", 0, domain(7, 1, model.DomainDegraded), ""},
		{"the credential's own", 7, domain(7, 1, model.DomainLive), ""},
		{"nobody's", 0, nil, `anna@school.example is not of a domain of account "school"`},
		{"another's", 0, domain(7, 2, model.DomainLive), `is not of a domain of account "school"`},
		{"not the credential's", 8, domain(7, 1, model.DomainLive), "this credential"},
		{"not live", 0, domain(7, 1, model.DomainWaiting), "it is waiting: no DKIM record"},
		{"stopped", 0, domain(7, 1, model.DomainStopped), "it is stopped"},
	} {
		err := Sender(a, tt.only, "From address", Owned{"anna@school.example", tt.domain})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || smtp.AsError(err).Enhanced != "5.7.1") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestClass(t *testing.T) {
	for _, tt := range []struct {
		cleared, looks bool
		recipients     int
		want           model.Class
	}{
		{false, true, 5000, model.ClassTransactional},
		{true, false, 50, model.ClassTransactional},
		{true, false, 51, model.ClassBulk},
		{true, true, 1, model.ClassBulk},
	} {
		if got := Class(model.Account{Bulk: tt.cleared}, tt.looks, tt.recipients); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}
