// Package policy gives one verdict on a submission: may this account send this, as this, now.
//
// It is pure: it is handed what is known and answers nil or an *smtp.Error whose text names what is wrong, where, and
// what to do. Refusals for the sender's own faults are permanent. It looks up nothing and counts nothing.
package policy

import (
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// MaxRecipients is how many recipients a message may have. RFC 5321 4.5.3.1.8 asks for at least 100.
const MaxRecipients = 5000

// Owned is an address in use and the sender domain that covers it: its own domain or one above, if any account has it.
type Owned struct {
	Address string
	Domain  *model.Domain // nil: nobody has it
	// OwnServer says that the account's mail goes out by a server of its own, which was tested: what receivers see in DNS is between
	// them and that server, and only whose the domain is must be proved.
	OwnServer bool
}

// Account says whether an account may send at all.
func Account(a model.Account) error {
	switch a.State {
	case model.AccountActive:
		return nil
	case model.AccountLocked:
		return smtp.Errorf(550, "5.7.1", "Account %q is locked%s. Change its passwords and ask the operator to unlock it", a.Name, because(a.Reason))
	default:
		return smtp.Errorf(550, "5.7.1", "Account %q is suspended%s. Ask the operator", a.Name, because(a.Reason))
	}
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + strings.TrimRight(reason, ".")
}

// lacking names the records that the last look missed.
func lacking(subjects []string) string {
	if len(subjects) == 0 {
		return ""
	}
	return ". In DNS it lacks: " + strings.Join(subjects, ", ")
}

// Sender says whether the account, with a credential limited to the domain only (0: not limited), may use an address
// as the named part of a message: "envelope sender" or "From address".
func Sender(a model.Account, only model.DomainID, part string, o Owned) error {
	switch {
	case o.Domain == nil || o.Domain.Account != a.ID:
		return smtp.Errorf(550, "5.7.1", "The %s %s is not of a domain of account %q. Add its domain to the account first, or send as one of the account's domains", part, o.Address, a.Name)
	case only != 0 && o.Domain.ID != only:
		return smtp.Errorf(550, "5.7.1", "The %s %s is not of the domain that this credential may send for", part, o.Address)
	case !o.Domain.State.MaySend() && !(o.OwnServer && o.Domain.Owned()):
		return smtp.Errorf(550, "5.7.1", "The %s %s is of the domain %s, which may not send yet: it is %s%s%s", part, o.Address, o.Domain.Name, o.Domain.State, because(o.Domain.Reason), lacking(o.Domain.Lacks))
	}
	return nil
}

// Bulk says whether bulk mail of a domain may be taken now: large receivers refuse it from an address without a PTR record that
// leads back to it, so each that it may go out from must have been proved, unless the operator waived that for the domain. The
// refusal is temporary: what is wrong is ours (RFC 7372 3.3 has the code). Without addresses the system chooses, and there is
// nothing to ask.
func Bulk(d *model.Domain, senders []model.SourceAddress) error {
	if d.Waiver != "" {
		return nil
	}
	for i := range senders {
		a := &senders[i]
		if a.PTR == model.PTRProved {
			continue
		}
		fault := "its PTR record has not been looked up yet"
		if a.PTR != model.PTRUnclear {
			fault = "its PTR record is " + string(a.PTR) + because(a.PTRFault)
		}
		return smtp.Errorf(451, "4.7.25", "Bulk mail of %s is put off: it may go out from %s, and %s. Have the owner of the network set the PTR record to the name given with EHLO (budkavle ip check %s), or have the operator waive it for the domain", d.Name, a.Address, fault, a.Address)
	}
	return nil
}

// Class says which class a message gets when its sender did not say. Mail of an account that is not cleared for bulk
// is transactional whatever it looks like: its limits keep it small.
func Class(a model.Account, looksBulk bool, recipients int) model.Class {
	if a.Bulk && (looksBulk || recipients > bulkRecipients) {
		return model.ClassBulk
	}
	return model.ClassTransactional
}

// bulkRecipients is the number of recipients above which one message is a send to many.
const bulkRecipients = 50
