package deliver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/telemetry"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// quick is a store that settles at once and a network that takes everything at once: what is measured is us.
type quick struct {
	*memory
	*internet
	settled chan int
}

func (q *quick) Settle(_ context.Context, outcomes []store.Outcome) ([]model.RecipientKey, error) {
	q.settled <- len(outcomes)
	return nil, nil
}

func (q *quick) Connect(_ context.Context, t outbound.Target) (Session, error) {
	return &quickSession{session{net: q.internet, target: t}}, nil
}

type quickSession struct{ session }

func (s *quickSession) Send(_ context.Context, m *outbound.Mail) outbound.Results {
	r := outbound.Results{Recipients: make([]outbound.Result, len(m.Recipients))}
	for i := range r.Recipients {
		r.Recipients[i].Reply = outbound.Reply{Code: 250, Enhanced: "2.0.0", Text: "queued"}
	}
	return r
}

// BenchmarkDeliver is what a message costs from acceptance to its outcome, store and network not counted.
func BenchmarkDeliver(b *testing.B) {
	q := &quick{memory: newMemory(), internet: newInternet(), settled: make(chan int, 1000)}
	q.plan = func(domain string) (*route.Plan, error) {
		p := q.site(domain, "relay.example")
		p.Fixed, p.Connections = true, 50
		return p, nil
	}
	log := telemetry.NewLog(io.Discard, "info", "text")
	defer log.Close()
	s := New(Deps{
		Store: q, Router: q.internet, Connector: q, Bounces: rules(b), IDs: ident.NewSource(clock.System{}, 1), Log: slog.New(log.Handler()),
		ReturnPath: func(k model.RecipientKey, _ bool, _ string) string { return fmt.Sprintf("b%d@bounce.example", k.N) },
	}, Config{Node: "n", Helo: "h"})
	if err := s.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	lane := model.Lane{Domain: "one.example", Account: 1}
	s.act(func(now time.Time) {
		s.sched.SetAccount(1, 1, "")
		s.remember(lane, s.lookUp(b.Context(), lane), now)
	})
	raw := make([]byte, 4096)
	ids := ident.NewSource(clock.System{}, 2)
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for range b.N {
			msg := &model.Message{ID: ids.Next(), Account: 1, AcceptedAt: time.Now(), Sender: "s@x.example", Origin: model.OriginSMTP}
			for {
				lease, due, ok := s.Reserve(lane)
				if ok {
					s.Accepted(msg, raw, []model.Recipient{{
						RecipientKey: model.RecipientKey{Message: msg.ID}, Lane: lane, Address: "a@one.example", State: model.StateLeased,
						Lease: lease, Due: due, Attempts: 1,
					}})
					break
				}
			}
		}
	}()
	for n := 0; n < b.N; {
		n += <-q.settled
	}
	b.StopTimer()
	if err := s.Stop(context.Background()); err != nil {
		b.Fatal(err)
	}
}
