// Package limit says what a message counts in, what a sender is told whose limit is reached, and when that means that an account
// was hijacked.
//
// It is pure: it is handed what is known of an account and answers charges, an *smtp.Error or the words of a lock. The counting
// itself is the store's, in the commit that takes the mail. Rules of the operator stand before the configuration; for a scope other than
// the account's own the configuration says nothing. The package reads no clock and keeps nothing.
package limit

import (
	"fmt"
	"math"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Defaults are the limits of accounts for which no rule says otherwise.
type Defaults struct {
	Ordinary model.Limits
	Bulk     model.Limits // of accounts cleared for bulk
}

// Of is what holds for a whole account: its own rule, and where that says nothing, the configuration.
func (d Defaults) Of(a *model.Account, rules []model.LimitRule) model.Limits {
	l := d.Ordinary
	if a.Bulk {
		l = d.Bulk
	}
	return named(rules, model.ScopeAccount, "").Over(l)
}

// named is the rule of a name, or else that of each name of the scope.
func named(rules []model.LimitRule, scope model.LimitScope, name string) (l model.Limits) {
	for i := range rules {
		r := &rules[i]
		if r.Scope != scope {
			continue
		}
		if r.Name == name {
			return r.Limits
		}
		if r.Name == model.EachName {
			l = r.Limits
		}
	}
	return l
}

// Charges says what a message counts in: one charge for each counter that has a limit. Mail that the node writes itself, and mail
// in test mode, which never leaves, counts in none. Going over the half hour of the account or of a credential locks, as
// either looks like a stolen password; a domain or a class is only held to its limit.
func (d Defaults) Charges(a *model.Account, rules []model.LimitRule, m *model.Message) []model.Charge {
	if m.Origin == model.OriginSystem || m.TestMode {
		return nil
	}
	var list []model.Charge
	add := func(scope model.LimitScope, name string, l model.Limits, locks bool) {
		if l.Counted() {
			list = append(list, model.Charge{Scope: scope, Name: name, Limits: l, Locks: locks && !a.Bulk})
		}
	}
	add(model.ScopeAccount, "", d.Of(a, rules), true)
	if len(rules) == 0 {
		return list
	}
	if user := m.Meta.Credential; user != "" {
		add(model.ScopeCredential, user, named(rules, model.ScopeCredential, user), true)
	}
	add(model.ScopeClass, m.Class.String(), named(rules, model.ScopeClass, m.Class.String()), false)
	add(model.ScopeDomain, m.DomainName, named(rules, model.ScopeDomain, m.DomainName), false)
	return list
}

// Message says whether one message is within the limits for one, given how many recipients it has.
func Message(a *model.Account, l model.Limits, recipients int) error {
	if l.Recipients > 0 && int64(recipients) > l.Recipients {
		return smtp.Errorf(452, "4.5.3", "The message has %d recipients, more than the %d that account %q may have; send it again for the rest", recipients, l.Recipients, a.Name)
	}
	return nil
}

// MaxSize is how many octets a message of the account may have where most have at most so many.
func MaxSize(l model.Limits, most int64) int64 {
	if l.Size > 0 {
		return min(l.Size, most)
	}
	return most
}

// Found is the account as the store found or left it: another node, or a session a moment ago, may have locked it.
func Found(a model.Account, o *model.Over) model.Account {
	switch {
	case o.Locked:
		a.State, a.Reason = model.AccountLocked, Reason(o)
	case o.State != model.AccountActive:
		a.State, a.Reason = o.State, o.Reason
	}
	return a
}

// Refusal is what the sender of an active account is told.
func Refusal(a model.Account, o *model.Over) *smtp.Error {
	whose := who(o.Charge, a.Name)
	if o.Until.IsZero() {
		return smtp.Errorf(550, "5.7.1", "%s may send %d messages %s, each recipient counted, and this alone is %d. Send it to fewer", whose, o.Limit, in(o.Period), o.N)
	}
	return smtp.Wrap(o, 451, "4.7.1", fmt.Sprintf("%s has sent %d of the %d messages that it may %s, each recipient counted. There is room for %d more in %s, at %s",
		whose, o.Count, o.Limit, in(o.Period), o.N, Wait(o), o.Until.UTC().Format("2006-01-02 15:04:05 MST")))
}

// Wait is how long there is no room yet, in whole seconds.
func Wait(o *model.Over) time.Duration {
	return max(time.Duration(math.Ceil(o.Until.Sub(o.At).Seconds())), 1) * time.Second
}

// Reason is why an account is locked, in words for its people.
func Reason(o *model.Over) string {
	if o.Charge.Scope == model.ScopeAccount {
		return fmt.Sprintf("more than %d messages in half an hour, which looks like a stolen password", o.Limit)
	}
	return fmt.Sprintf("more than %d messages in half an hour by %s, which looks like a stolen password", o.Limit, o.Charge.Name)
}

func who(c model.Charge, account string) string {
	switch c.Scope {
	case model.ScopeAccount:
		return fmt.Sprintf("Account %q", account)
	case model.ScopeClass:
		return fmt.Sprintf("The %s mail of account %q", c.Name, account)
	default:
		return fmt.Sprintf("The %s %s", c.Scope, c.Name)
	}
}

func in(p model.Period) string {
	switch p {
	case model.PerHalfHour:
		return "in half an hour"
	case model.PerDay:
		return "in a day"
	default:
		return "in a month"
	}
}
