package policy

import (
	"testing"

	"github.com/budkavle/budkavle/internal/model"
)

func TestSuppressed(t *testing.T) {
	entry := func(account model.AccountID, domain model.DomainID, kind model.SuppressionKind, tag string) model.Suppression {
		return model.Suppression{Account: account, Domain: domain, Kind: kind, Tag: tag}
	}
	mail := model.Message{Account: 1, Domain: 3, Origin: model.OriginSMTP, Meta: model.Meta{Tags: []string{"news"}}}
	bulk, report, link := mail, mail, mail
	bulk.Class = model.ClassBulk
	report.Origin = model.OriginSystem
	link.Origin, link.Meta.Requested = model.OriginSystem, true
	for _, tt := range []struct {
		name    string
		message model.Message
		entries []model.Suppression
		want    model.SuppressionKind
	}{
		{"nothing is listed", mail, nil, ""},
		{"dead", mail, []model.Suppression{entry(1, 3, model.SuppressBounce, "")}, model.SuppressBounce},
		{"dead, found by another domain", mail, []model.Suppression{entry(1, 4, model.SuppressBounce, "")}, model.SuppressBounce},
		{"dead, found by the operator", mail, []model.Suppression{entry(0, 0, model.SuppressBounce, "")}, model.SuppressBounce},
		{"dead comes first", mail, []model.Suppression{entry(1, 3, model.SuppressComplaint, ""), entry(1, 3, model.SuppressBounce, "")}, model.SuppressBounce},
		{"complained", mail, []model.Suppression{entry(1, 3, model.SuppressComplaint, "")}, model.SuppressComplaint},
		{"complained of the account", mail, []model.Suppression{entry(1, 0, model.SuppressComplaint, "")}, model.SuppressComplaint},
		{"complained of another domain", mail, []model.Suppression{entry(1, 4, model.SuppressComplaint, "")}, ""},
		{"unsubscribed", mail, []model.Suppression{entry(1, 3, model.SuppressUnsubscribe, "")}, model.SuppressUnsubscribe},
		{"unsubscribed from another domain", mail, []model.Suppression{entry(1, 4, model.SuppressUnsubscribe, "")}, ""},
		{"unsubscribed from the tag", mail, []model.Suppression{entry(1, 3, model.SuppressUnsubscribe, "news")}, model.SuppressUnsubscribe},
		{"unsubscribed from another tag", mail, []model.Suppression{entry(1, 3, model.SuppressUnsubscribe, "offers")}, ""},
		{"unsubscribed from bulk, this is none", mail, []model.Suppression{entry(1, 3, model.SuppressUnsubscribe, StreamTag)}, ""},
		{"unsubscribed from bulk", bulk, []model.Suppression{entry(1, 3, model.SuppressUnsubscribe, StreamTag)}, model.SuppressUnsubscribe},
		{"on the list of what is never dead", mail, []model.Suppression{entry(1, 3, model.SuppressAllow, "")}, ""},
		{"a report to the dead", report, []model.Suppression{entry(1, 3, model.SuppressBounce, "")}, model.SuppressBounce},
		{"a report to who unsubscribed", report, []model.Suppression{entry(1, 3, model.SuppressUnsubscribe, ""), entry(1, 3, model.SuppressComplaint, "")}, ""},
		{"a link that was asked for", link, []model.Suppression{entry(1, 3, model.SuppressBounce, ""), entry(1, 3, model.SuppressComplaint, "")}, ""},
	} {
		got := Suppressed(&tt.message, tt.entries)
		if got == nil && tt.want != "" || got != nil && got.Kind != tt.want {
			t.Errorf("%s: %+v, want %q", tt.name, got, tt.want)
		}
	}
}
