package bounce

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// Lists is what Learn asks; store.Store has it.
type Lists interface {
	Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error)
	SoftBounce(ctx context.Context, account model.AccountID, key string) (model.SoftBounce, error)
}

// Failure is a message's failure at one recipient: nothing more is tried.
type Failure struct {
	Account model.AccountID
	Domain  model.DomainID // sender domain
	Address string
	Reply   model.Reply
	At      time.Time
	Source  string // of an entry that comes of it: "smtp" or "report"
}

// Lesson is what a failure says of its address. It is stored in the commit of the outcome.
type Lesson struct {
	Suppress []model.Suppression
	Soft     *model.SoftBounce
	Listed   bool // the address was on no bounce list of the account's yet
}

// Learn makes of a verdict what is to be remembered of the address: a dead one is listed, unless the account says that it is
// never dead; what says something, though nothing final, is counted, and listed when it is enough. The error is that of the
// lists; without their answer nothing is listed, and the next failure will say the same.
func (v Verdict) Learn(ctx context.Context, lists Lists, f Failure) (Lesson, error) {
	switch {
	case v.Hard:
		return list(ctx, lists, f, f.Reply.Text)
	case !v.Class.soft():
		return Lesson{}, nil
	}
	before, err := lists.SoftBounce(ctx, f.Account, model.SuppressionKey(f.Address))
	if err != nil {
		return Lesson{}, err
	}
	after := before.Add(f.At)
	if after == before {
		return Lesson{}, nil
	}
	var l Lesson
	if after.Enough() {
		l, err = list(ctx, lists, f, "failed on "+strconv.Itoa(after.Days)+" days, at last: "+f.Reply.Text)
	}
	l.Soft = &after
	return l, err
}

// soft reports whether the class says something of the address, though nothing final.
func (c Class) soft() bool {
	switch c {
	case UserUnknown, Inactive, MailboxFull, Network, System, Expired:
		return true
	}
	return false
}

func list(ctx context.Context, lists Lists, f Failure, reason string) (Lesson, error) {
	key := model.SuppressionKey(f.Address)
	found, err := lists.Suppressed(ctx, f.Account, []string{key, "@" + address.DomainOf(f.Address)})
	if err != nil {
		return Lesson{}, err
	}
	l := Lesson{Listed: true}
	for i := range found {
		switch e := &found[i]; {
		case e.Kind == model.SuppressAllow && (e.Domain == 0 || e.Domain == f.Domain):
			return Lesson{}, nil
		case e.Kind == model.SuppressBounce && e.Key == key:
			l.Listed = false
		}
	}
	code := ""
	if f.Reply.Code > 0 {
		code = strconv.Itoa(f.Reply.Code)
	}
	l.Suppress = []model.Suppression{{
		Account: f.Account, Domain: f.Domain, Kind: model.SuppressBounce, Key: key, Address: f.Address, Code: code, Reason: clipped(reason),
		Source: f.Source, Count: 1, CreatedAt: f.At,
	}}
	return l, nil
}

// maxReason is how many octets of a server's words an entry keeps.
const maxReason = 300

func clipped(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return strings.ToValidUTF8(s[:maxReason], "") + "…"
}
