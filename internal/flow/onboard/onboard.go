// Package onboard adds what an operator's customers need before they can send: accounts, sender domains with
// their signing keys, SMTP users and API keys.
//
// Each call is one commit of the store and, where a running node must notice, a signal. Secrets are
// returned once and never kept: of passwords the SCRAM verifier stays, of API keys the hash, of private keys
// what the key file has sealed. Errors are *store.Error, or say which value cannot be used and why. A domain
// is made live only by the operator's waiver; proving it by DNS is not done here.
package onboard

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Service adds and removes. It is safe for concurrent use.
type Service struct {
	store  store.Store
	ring   *keyring.Ring
	clock  clock.Clock
	random io.Reader
	ids    *ident.Source
}

// New returns a Service; random is the source of passwords and keys.
func New(st store.Store, ring *keyring.Ring, c clock.Clock, random io.Reader, ids *ident.Source) *Service {
	return &Service{store: st, ring: ring, clock: c, random: random, ids: ids}
}

var accountName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// AddAccount stores an active account. Weight 0 is taken for 1.
func (s *Service) AddAccount(ctx context.Context, a model.Account) (model.Account, error) {
	if !accountName.MatchString(a.Name) {
		return a, wording.Errorf("account name %q: use 1 to 63 lower-case letters, digits, dots and hyphens, beginning and ending with a letter or digit", a.Name)
	}
	if a.Weight == 0 {
		a.Weight = 1
	}
	if a.Weight < 1 || a.Weight > 100 {
		return a, wording.Errorf("weight %d of account %q: use 1 to 100", a.Weight, a.Name)
	}
	a.State, a.CreatedAt = model.AccountActive, s.clock.Now()
	a, err := s.store.AddAccount(ctx, a)
	if err != nil {
		return a, err
	}
	return a, s.store.Signal(ctx, store.SignalDirectory)
}

// SetAccountState changes the state of an account. With from, only an account in one of these states changes.
func (s *Service) SetAccountState(ctx context.Context, name string, to model.AccountState, reason string, from ...model.AccountState) (model.Account, error) {
	a, err := s.store.Account(ctx, name)
	if err != nil {
		return a, err
	}
	allowed := len(from) == 0
	for _, f := range from {
		allowed = allowed || a.State == f
	}
	if !allowed {
		return a, wording.Errorf("account %q is %s, not %s", name, a.State, from[0])
	}
	ev := model.Event{
		ID: s.ids.Next(), Kind: model.EventAccount, At: s.clock.Now(), Account: a.ID,
		Data: model.EventData{Reason: strings.TrimSuffix(string(to)+": "+reason, ": ")},
	}
	if err := s.store.SetAccountState(ctx, a.ID, to, reason, ev); err != nil {
		return a, err
	}
	a.State, a.Reason = to, reason
	return a, errors.Join(s.store.Signal(ctx, store.SignalDirectory), s.store.Signal(ctx, store.SignalQueue))
}
