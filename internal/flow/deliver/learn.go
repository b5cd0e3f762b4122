package deliver

import (
	"context"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
)

// learn gives failures their class, and makes of what they say of an address what is stored in the same commit.
func (s *Service) learn(ctx context.Context, m *model.Message, out []settling) {
	for i := range out {
		o := &out[i]
		if o.Event == nil || o.Event.Kind != model.EventBounced && o.Event.Kind != model.EventExpired && o.Event.Kind != model.EventDeferred {
			continue
		}
		v := s.Bounces.Reply(bounce.Said{Code: o.Reply.Code, Enhanced: o.Reply.Enhanced, Text: o.Reply.Text, Host: o.Reply.Host, Stage: string(o.stage)})
		o.Event.Data.Class, o.Event.Data.Rule = string(v.Class), v.Rule
		if o.Event.Kind == model.EventDeferred {
			continue
		}
		l, err := v.Learn(ctx, s.Store, bounce.Failure{
			Account: m.Account, Domain: m.Domain, Address: o.Event.Recipient, Reply: o.Reply, At: o.At, Source: "smtp",
		})
		if err != nil && ctx.Err() == nil {
			s.Metrics.StoreFaults.Add(1)
			logFault(s.Log, "what a failure says of an address is not kept: the lists cannot be read", err, "message", o.Key.Message, "n", o.Key.N)
		}
		o.Suppress, o.Soft, o.Event.Data.Listed = l.Suppress, l.Soft, l.Listed
	}
}
