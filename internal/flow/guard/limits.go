package guard

import (
	"context"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Allowance is how much an account may send and has sent.
type Allowance struct {
	Account model.Limits      `json:"account"` // its own, or the configuration's
	Rules   []model.LimitRule `json:"rules"`
	Sent    []Sent            `json:"sent"`
}

// Sent is one counter, as of now. Only what has a limit is counted.
type Sent struct {
	Scope    model.LimitScope `json:"scope"`
	Name     string           `json:"name,omitempty"`
	HalfHour int64            `json:"half_hour"`
	Day      int64            `json:"day"`
	Month    int64            `json:"month"`
}

// maxReadings bounds the counters shown: those of each name of a scope may be many.
const maxReadings = 500

// Allowance tells what holds for an account, and where it stands.
func (s *Service) Allowance(ctx context.Context, a *model.Account) (Allowance, error) {
	rules, err := s.Store.ListLimits(ctx, a.ID)
	if err != nil {
		return Allowance{}, err
	}
	w := Allowance{Account: s.Limits.Of(a, rules), Rules: append([]model.LimitRule{}, rules...), Sent: []Sent{}}
	readings, err := s.Store.Readings(ctx, a.ID, maxReadings)
	for i := range readings {
		r := &readings[i]
		r.Meter.Turn(s.Clock.Now())
		w.Sent = append(w.Sent, Sent{r.Scope, r.Name, r.Meter.Recent.Sum(), r.Meter.Today, r.Meter.InIt})
	}
	return w, err
}

// Rule is the rule of an account for a name, to be changed; one without limits if there is none.
func (s *Service) Rule(ctx context.Context, account model.AccountID, scope model.LimitScope, name string) (model.LimitRule, error) {
	rules, err := s.Store.ListLimits(ctx, account)
	for _, r := range rules {
		if r.Scope == scope && r.Name == name {
			return r, err
		}
	}
	return model.LimitRule{Account: account, Scope: scope, Name: name}, err
}

// ParseLimit reads a limit as a person writes it: a number from 1, none, or default.
func ParseLimit(text string) (int64, error) {
	switch text {
	case "none":
		return model.NoLimit, nil
	case "default":
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, wording.Errorf("%q: use a number from 1, none, or default", text)
	}
	return n, nil
}

// SetLimit keeps a rule; nodes follow within a quarter of a second. A rule that sets nothing is removed. What was sent before a
// counter had a limit is not known to it.
func (s *Service) SetLimit(ctx context.Context, r model.LimitRule) error {
	switch r.Scope {
	case model.ScopeAccount, model.ScopeCredential, model.ScopeClass, model.ScopeDomain:
	default:
		return wording.Errorf("scope %q: use account, credential, class or domain", r.Scope)
	}
	if (r.Scope == model.ScopeAccount) != (r.Name == "") {
		return wording.Errorf("a name goes with the scopes credential, class and domain, and only with them")
	}
	for _, n := range []int64{r.HalfHour, r.Day, r.Month, r.Recipients, r.Size} {
		if n < model.NoLimit {
			return wording.Errorf("a limit of %d: use a number from 1, or none", n)
		}
	}
	if r.Scope != model.ScopeAccount && (r.Recipients != 0 || r.Size != 0) {
		return wording.Errorf("recipients and size are limited for a whole account only")
	}
	if r.Scope == model.ScopeClass && r.Name != model.ClassTransactional.String() && r.Name != model.ClassBulk.String() && r.Name != model.EachName {
		return wording.Errorf("class %q: use transactional or bulk", r.Name)
	}
	if err := s.known(ctx, &r); err != nil {
		return err
	}
	if err := s.Store.SetLimit(ctx, r); err != nil {
		return err
	}
	return s.Store.Signal(ctx, store.SignalDirectory)
}

// known refuses a rule for a name that the account does not have, which would never hold. One is removed whatever it names.
func (s *Service) known(ctx context.Context, r *model.LimitRule) error {
	if r.Name == model.EachName || r.Limits == (model.Limits{}) {
		return nil
	}
	var owner model.AccountID
	var err error
	switch r.Scope {
	case model.ScopeDomain:
		var d model.Domain
		d, err = s.Store.Domain(ctx, r.Name)
		owner = d.Account
	case model.ScopeCredential:
		var c model.Credential
		c, err = s.Store.Credential(ctx, r.Name)
		if owner = c.Account; store.Is(err, store.NotFound) {
			owner, err = s.keyOwner(ctx, r)
		}
	default:
		return nil
	}
	if err != nil && !store.Is(err, store.NotFound) {
		return err
	}
	if owner != r.Account {
		return wording.Errorf("%q is no %s of the account; budkavle account show lists them, and * is for each", r.Name, wording.Say(string(r.Scope)))
	}
	return nil
}

// keyOwner is the account itself if one of its API keys begins so.
func (s *Service) keyOwner(ctx context.Context, r *model.LimitRule) (model.AccountID, error) {
	keys, err := s.Store.ListKeys(ctx, r.Account, maxKeys)
	for i := range keys {
		if keys[i].Prefix == r.Name {
			return r.Account, nil
		}
	}
	return 0, err
}
