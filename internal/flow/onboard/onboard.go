// Package onboard adds what an operator's customers need before they can send: accounts, sender domains with
// their signing keys, SMTP users and API keys. It takes a domain from "we want to send" to live, and watches it ever after.
//
// Each call is one commit of the store and, where a running node must notice, a signal. Secrets are
// returned once and never kept: of passwords the SCRAM verifier stays, of API keys the hash, of private keys
// what the key file has sealed. Errors are *store.Error, or say which value cannot be used and why.
//
// What a check found is judged by one function without side effects (judge), and stored only if the domain has not changed
// since it was read. DNS that does not answer changes nothing: what was true before holds. The Watch re-checks domains that
// are due; when DNS answers nobody it tries one domain at a time until it does. The package looks up nothing itself but
// the SPF record that is to be changed: engine/proof says what DNS has, and what is wrong with it.
package onboard

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// Settings are what a node asks of sender domains. The zero value asks for keys as TXT records and nothing else.
type Settings struct {
	KeyZone      string       // the operator's zone that CNAME records of keys lead to; empty: only TXT is possible
	ReturnLabel  string       // of a customer's bounce domain; empty: none is asked for
	ReturnTarget string       // the operator's bounce domain, to which it leads
	Host         string       // takes mail for ReturnTarget
	Include      string       // the name that lists our addresses; empty: they are listed themselves
	Sources      []netip.Addr // the configuration's addresses; see Addresses
	ReportTo     string       // mailbox for DMARC reports
	Claim        time.Duration
	Recheck      time.Duration // between checks of a live domain; 0: 6 hours
	RotateAfter  time.Duration // age at which keys are changed; 0: on command only
	// Hold is how long a key stays published after it signed last: the longest a message is tried, and a day for what
	// lies in mailboxes unread.
	Hold     time.Duration
	Checker  Checker
	Resolver dns.Resolver // for the SPF record a domain has now; nil: it is taken to have none
	Notifier Notifier     // nil: warnings are events only
}

// Checker looks up what a domain has in DNS, as engine/proof does.
type Checker interface {
	Domain(ctx context.Context, e proof.Expected) proof.Report
}

// Service adds, changes and removes. It is safe for concurrent use; Settings are set before the first use.
type Service struct {
	Settings
	store  store.Store
	ring   *keyring.Ring
	clock  clock.Clock
	random io.Reader
	ids    *ident.Source
}

// New returns a Service without Settings; random is the source of passwords and keys.
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
	if err := validContact(a.Contact); err != nil {
		return a, err
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

// SetContact sets the mail address to which warnings for an account go; empty: nobody is written to.
func (s *Service) SetContact(ctx context.Context, name, contact string) (model.Account, error) {
	a, err := s.store.Account(ctx, name)
	if err != nil {
		return a, err
	}
	if err := validContact(contact); err != nil {
		return a, err
	}
	if err := s.store.SetAccountContact(ctx, a.ID, contact); err != nil {
		return a, err
	}
	a.Contact = contact
	return a, s.store.Signal(ctx, store.SignalDirectory)
}

func validContact(contact string) error {
	if contact == "" {
		return nil
	}
	if _, err := address.Parse(contact); err != nil {
		return wording.Errorf("contact %q is not a mail address: %w", contact, err)
	}
	return nil
}
