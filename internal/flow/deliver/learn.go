package deliver

import (
	"context"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
)

// maxReason is how many octets of a server's words an entry keeps.
const maxReason = 300

// learn gives failures their class, and makes of what they say of an address what is stored in the same commit.
func (s *Service) learn(ctx context.Context, m *model.Message, out []settling) {
	for i := range out {
		o := &out[i]
		if o.Event == nil || o.Event.Kind != model.EventBounced && o.Event.Kind != model.EventExpired && o.Event.Kind != model.EventDeferred {
			continue
		}
		v := s.Bounces.Reply(bounce.Said{Code: o.Reply.Code, Enhanced: o.Reply.Enhanced, Text: o.Reply.Text, Host: o.Reply.Host})
		o.Event.Data.Class, o.Event.Data.Rule = string(v.Class), v.Rule
		switch {
		case o.Event.Kind == model.EventDeferred:
		case v.Hard:
			s.suppress(ctx, m, o, o.Reply.Text)
		case soft(v.Class):
			s.countSoft(ctx, m, o)
		}
	}
}

// soft are the classes that say something of the address, though nothing final.
func soft(c bounce.Class) bool {
	switch c {
	case bounce.UserUnknown, bounce.Inactive, bounce.MailboxFull, bounce.Network, bounce.System, bounce.Expired:
		return true
	}
	return false
}

// suppress has the address listed unless the account says that it is never dead. Without an answer from the lists it is not
// listed: the next failure will say the same.
func (s *Service) suppress(ctx context.Context, m *model.Message, o *settling, reason string) {
	key := model.SuppressionKey(o.Event.Recipient)
	listed, err := s.Store.Suppressed(ctx, m.Account, []string{key, "@" + o.lane.Domain})
	if err != nil {
		s.notLearned(ctx, err, o)
		return
	}
	for i := range listed {
		if e := &listed[i]; e.Kind == model.SuppressAllow && (e.Domain == 0 || e.Domain == m.Domain) {
			return
		}
	}
	code := ""
	if o.Reply.Code > 0 {
		code = strconv.Itoa(o.Reply.Code)
	}
	o.Suppress = []model.Suppression{{
		Account: m.Account, Domain: m.Domain, Kind: model.SuppressBounce, Key: key, Address: o.Event.Recipient, Code: code, Reason: clipped(reason),
		Source: "smtp", Count: 1, CreatedAt: o.At,
	}}
}

func (s *Service) countSoft(ctx context.Context, m *model.Message, o *settling) {
	before, err := s.Store.SoftBounce(ctx, m.Account, model.SuppressionKey(o.Event.Recipient))
	if err != nil {
		s.notLearned(ctx, err, o)
		return
	}
	after := before.Add(o.At)
	if after == before {
		return
	}
	o.Soft = &after
	if after.Enough() {
		s.suppress(ctx, m, o, "failed on "+strconv.Itoa(after.Days)+" days, at last: "+o.Reply.Text)
	}
}

func (s *Service) notLearned(ctx context.Context, err error, o *settling) {
	if ctx.Err() == nil {
		s.Metrics.StoreFaults.Add(1)
		logFault(s.Log, "what a failure says of an address is not kept: the lists cannot be read", err, "message", o.Key.Message, "n", o.Key.N)
	}
}

func clipped(s string) string {
	if len(s) <= maxReason {
		return s
	}
	return strings.ToValidUTF8(s[:maxReason], "") + "…"
}
