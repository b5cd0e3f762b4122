// Package notify tells senders what became of their mail: it turns the notices of a message (docs/decisions/0005) into
// one delivery status notification and queues it.
package notify

import (
	"context"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/lifecycle"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Queue hears of reports that are durable; *deliver.Service is one.
type Queue interface {
	// Accepted makes the lanes of waiting recipients known. raw is not changed afterwards.
	Accepted(msg *model.Message, raw []byte, recipients []model.Recipient)
}

// Config is what a Service is made of.
type Config struct {
	Store    store.Store
	Queue    Queue
	Clock    clock.Clock
	IDs      *ident.Source
	Log      *slog.Logger
	Hostname string        // reports as this host
	From     string        // address reports come from
	Expire   time.Duration // a report is given up this long after it was queued
}

// Service writes reports from Start to Stop.
type Service struct {
	Config
	group *lifecycle.Group
	poke  chan struct{}
}

// New returns a Service.
func New(c Config) *Service { return &Service{Config: c, poke: make(chan struct{}, 1)} }

// Poke tells that notices were stored. It never waits.
func (s *Service) Poke() {
	select {
	case s.poke <- struct{}{}:
	default:
	}
}

// Start begins to write reports.
func (s *Service) Start(ctx context.Context) error {
	s.group = lifecycle.New(context.WithoutCancel(ctx))
	return nil
}

// Stop finishes the report under way and waits for it until ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	if s.group == nil {
		return nil
	}
	return s.group.Stop(ctx)
}
