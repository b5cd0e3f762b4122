// Package recipient lets people who get mail see why they get it or do not, stop it, and have it again.
//
// Who holds a link from a message may stop that sender's mail at once and without proof: whoever reads the message may say
// no to it. Starting again after a bounce or a complaint needs proof that the address is read: a mail with a link that is
// valid for a day and works once. Every change is durable with its event before the call returns; doing the same twice changes
// nothing twice. Errors are *Error, for people; faults of the store are of class Unavailable.
//
// It does not decide which mail a list stops (internal/engine/policy), nor does it write pages.
package recipient

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// Store is what the package needs of store.Store.
type Store interface {
	Message(ctx context.Context, id ident.ID) (model.Message, error)
	DomainByID(ctx context.Context, id model.DomainID) (model.Domain, error)
	Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error)
	AddSuppressions(ctx context.Context, list []model.Suppression, evs ...model.Event) error
	RemoveSuppressions(ctx context.Context, f store.SuppressionFilter, limit int, evs ...model.Event) (int, error)
	Redeem(ctx context.Context, r store.Redemption) error
	CountVerification(ctx context.Context, account model.AccountID, key string, now, since time.Time, most int) (bool, error)
}

// Config is what a Service is made of. All fields are needed.
type Config struct {
	Store   Store
	Links   *consent.Links
	Clock   clock.Clock
	IDs     *ident.Source
	Log     *slog.Logger
	BaseURL string // of the recipients' page, without a closing slash
	// Write queues a letter to a recipient; (*submit.Service).WriteLetter does.
	Write func(ctx context.Context, l model.Letter) error
}

// Service answers recipients. It is safe for concurrent use.
type Service struct{ Config }

// New returns a Service.
func New(c Config) *Service { return &Service{c} }

// Class says what sort of fault an Error is.
type Class string

// Classes.
const (
	BadLink     Class = "bad link"    // not made here, altered, or of a sender that is no more
	Expired     Class = "expired"     // a verification link after its day
	Used        Class = "used"        // a verification link a second time
	TooMany     Class = "too many"    // verification mails to one address
	Final       Class = "final"       // the operator's own list: only the operator takes it off
	Unavailable Class = "unavailable" // a fault of ours that passes
	NoAddress   Class = "no address"  // what was asked about is none
)

// Error is the only error type of this package.
type Error struct {
	Class Class
	Err   error // may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return string(e.Class)
	}
	return string(e.Class) + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is, or wraps, an Error of this class.
func Is(err error, c Class) bool {
	var e *Error
	return errors.As(err, &e) && e.Class == c
}

// Standing is how an address stands with a sender.
type Standing struct {
	Address string
	Domain  model.Domain
	Tag     string // what the mail that the link was in was about; empty: no link, or nothing in particular
	// Subject and SentAt tell of the mail that the link was in; empty when it is no longer kept.
	Subject string
	SentAt  time.Time
	// Sending says that nothing keeps mail of the sender from the address.
	Sending bool
	Entries []model.Suppression // what does, the newest first
	// Returns says how mail may be had again: at once, after proof of the address, or not at all.
	Returns Way
}

// Way is what it takes to have mail again.
type Way string

// Ways.
const (
	NoNeed   Way = "no need"
	AtOnce   Way = "at once"
	ByProof  Way = "by proof"
	Operator Way = "operator" // on the operator's list
)

// Open reads a link from a message and tells how its recipient stands.
func (s *Service) Open(ctx context.Context, token string) (Standing, error) {
	c, err := s.Links.Read(token, consent.Leave, s.Clock.Now())
	if err != nil {
		return Standing{}, &Error{BadLink, err}
	}
	return s.standing(ctx, c)
}

func (s *Service) standing(ctx context.Context, c consent.Claim) (Standing, error) {
	d, err := s.Store.DomainByID(ctx, c.Domain)
	if store.Is(err, store.NotFound) || err == nil && d.Account != c.Account {
		return Standing{}, &Error{BadLink, err}
	}
	if err != nil {
		return Standing{}, &Error{Unavailable, err}
	}
	st, err := s.About(ctx, d, c.Address)
	if st.Tag = c.Tag; err != nil || c.Message == 0 {
		return st, err
	}
	m, err := s.Store.Message(ctx, c.Message)
	switch {
	case err == nil && m.Account == c.Account:
		st.Subject, st.SentAt = m.Meta.Subject, m.AcceptedAt
	case err != nil && !store.Is(err, store.NotFound):
		return st, &Error{Unavailable, err}
	}
	return st, nil
}

// About tells how an address stands with a sender.
func (s *Service) About(ctx context.Context, d model.Domain, mailbox string) (Standing, error) {
	a, err := address.Parse(mailbox)
	if err != nil {
		return Standing{}, &Error{NoAddress, err}
	}
	st := Standing{Address: a.String(), Domain: d, Returns: NoNeed}
	found, err := s.Store.Suppressed(ctx, d.Account, []string{model.SuppressionKey(st.Address)})
	if err != nil {
		return st, &Error{Unavailable, err}
	}
	for _, e := range found {
		if e.Kind == model.SuppressAllow || e.Kind != model.SuppressBounce && e.Domain != 0 && e.Domain != d.ID {
			continue
		}
		st.Entries = append(st.Entries, e)
		st.Returns = harder(st.Returns, wayOf(&e))
	}
	slices.SortFunc(st.Entries, func(a, b model.Suppression) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(a.Tag, b.Tag))
	})
	st.Sending = len(st.Entries) == 0
	return st, nil
}

func wayOf(e *model.Suppression) Way {
	switch {
	case e.Account == 0:
		return Operator
	case e.Kind == model.SuppressUnsubscribe:
		return AtOnce
	}
	return ByProof
}

func harder(a, b Way) Way {
	order := []Way{NoNeed, AtOnce, ByProof, Operator}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// hash is what is remembered of a link that was used.
func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// covered says whether an unsubscription from one kind of mail is contained in the entries already.
func covered(entries []model.Suppression, tag string) bool {
	return slices.ContainsFunc(entries, func(e model.Suppression) bool {
		return e.Kind == model.SuppressUnsubscribe && e.Account != 0 && (e.Tag == "" || e.Tag == tag)
	})
}

// streamOf is the tag that one click unsubscribes from: what the link says, else all bulk mail.
func streamOf(tag string) string {
	if tag == "" {
		return policy.StreamTag
	}
	return tag
}
