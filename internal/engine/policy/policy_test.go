package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

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
	lacking := domain(7, 1, model.DomainWaiting)
	lacking.Lacks = []string{"spf", "dkim"}
	mine := domain(7, 1, model.DomainWaiting)
	mine.Lacks, mine.OwnedAt = []string{"spf", "dkim"}, time.Unix(1, 0)
	lost := *mine
	lost.Lacks = []string{"ownership"}
	for _, tt := range []struct {
		name   string
		only   model.DomainID
		domain *model.Domain
		want   string // "" is allowed
		own    bool
	}{
		{"own server, the domain is the account's", 0, mine, "", true},
		{"own server, but the credential's is another", 8, mine, "this credential", true},
		{"no own server, the domain is the account's", 0, mine, "In DNS it lacks: spf, dkim", false},
		{"own server, a mere claim", 0, lacking, "In DNS it lacks: spf, dkim", true},
		{"own server, ownership is gone", 0, &lost, "In DNS it lacks: ownership", true},
		{"own server, another's domain", 0, domain(7, 2, model.DomainLive), `is not of a domain of account "school"`, true},
		{"live", 0, domain(7, 1, model.DomainLive), "", false},
		{"degraded", 0, domain(7, 1, model.DomainDegraded), "", false},
		{"the credential's own", 7, domain(7, 1, model.DomainLive), "", false},
		{"nobody's", 0, nil, `anna@school.example is not of a domain of account "school"`, false},
		{"another's", 0, domain(7, 2, model.DomainLive), `is not of a domain of account "school"`, false},
		{"not the credential's", 8, domain(7, 1, model.DomainLive), "this credential", false},
		{"not live", 0, domain(7, 1, model.DomainWaiting), "it is waiting: no DKIM record", false},
		{"stopped", 0, domain(7, 1, model.DomainStopped), "it is stopped", false},
		{"not live, and looked up", 0, lacking, "it is waiting: no DKIM record. In DNS it lacks: spf, dkim", false},
	} {
		err := Sender(a, tt.only, "From address", Owned{Address: "anna@school.example", Domain: tt.domain, OwnServer: tt.own})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || smtp.AsError(err).Enhanced != "5.7.1") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestBulkWantsEveryAddressProved(t *testing.T) {
	source := func(text string, s model.PTRState, fault string) model.SourceAddress {
		return model.SourceAddress{Address: netip.MustParseAddr(text), PTR: s, PTRFault: fault}
	}
	proved := source("192.0.2.1", model.PTRProved, "")
	for name, tt := range map[string]struct {
		waiver  string
		senders []model.SourceAddress
		want    string // "" is allowed
	}{
		"the system chooses": {"", nil, ""},
		"all proved":         {"", []model.SourceAddress{proved, proved}, ""},
		"one missing":        {"", []model.SourceAddress{proved, source("192.0.2.2", model.PTRMissing, "the address has no PTR record")}, "192.0.2.2, and its PTR record is missing: the address has no PTR record. Have the owner"},
		"one wrong":          {"", []model.SourceAddress{source("2001:db8::1", model.PTRWrong, "leads to 192.0.2.9")}, "2001:db8::1, and its PTR record is wrong: leads to 192.0.2.9. Have"},
		"not looked up":      {"", []model.SourceAddress{source("192.0.2.3", model.PTRUnclear, "")}, "192.0.2.3, and its PTR record has not been looked up yet. Have"},
		"waived":             {"known", []model.SourceAddress{source("192.0.2.2", model.PTRMissing, "")}, ""},
	} {
		err := Bulk(&model.Domain{Name: "school.example", Waiver: tt.waiver}, tt.senders)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if e := smtp.AsError(err); err == nil || !strings.Contains(err.Error(), tt.want) || e.Code != 451 || e.Enhanced != "4.7.25" {
			t.Errorf("%s: %v", name, err)
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
