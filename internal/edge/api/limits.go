package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/guard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Guard keeps the limits of accounts; *guard.Service is one.
type Guard interface {
	Allowance(ctx context.Context, a *model.Account) (guard.Allowance, error)
	Rule(ctx context.Context, account model.AccountID, scope model.LimitScope, name string) (model.LimitRule, error)
	SetLimit(ctx context.Context, r model.LimitRule) error
	Unlock(ctx context.Context, name string, owner bool) (model.Account, error)
}

// routeLimits answers the calls about what accounts may send. An account may read its own and unlock itself as its owner; an
// operator may do all of it for every account.
func (a *API) routeLimits() {
	a.mux.Handle("GET /api/v1/accounts/{account}/limits", a.ofAccount(a.showLimits))
	a.mux.Handle("PUT /api/v1/accounts/{account}/limits", a.ofAccount(a.setLimit))
	a.mux.Handle("POST /api/v1/accounts/{account}/unlock", a.ofAccount(a.unlock))
}

func (a *API) showLimits(w http.ResponseWriter, c *call, account model.Account) error {
	allowance, err := a.Guard.Allowance(c.Context(), &account)
	if err != nil {
		return limitFault(err)
	}
	return answerJSON(w, http.StatusOK, allowance)
}

// setLimit changes what is named of one rule, and answers as showLimits.
func (a *API) setLimit(w http.ResponseWriter, c *call, account model.Account) error {
	if !c.principal.Account.Operator {
		return refuse(http.StatusForbidden, "Only an operator's key sets limits")
	}
	f, err := a.fields(c, "scope", "name", "half_hour", "day", "month", "recipients", "size")
	if err != nil {
		return err
	}
	scope, name := model.ScopeAccount, f["name"]
	if f["scope"] != "" {
		scope = model.LimitScope(f["scope"])
	}
	if scope == model.ScopeDomain {
		name = strings.ToLower(name)
	}
	r, err := a.Guard.Rule(c.Context(), account.ID, scope, name)
	if err != nil {
		return limitFault(err)
	}
	for field, to := range map[string]*int64{"half_hour": &r.HalfHour, "day": &r.Day, "month": &r.Month, "recipients": &r.Recipients, "size": &r.Size} {
		text, given := f[field]
		if !given {
			continue
		}
		if *to, err = guard.ParseLimit(text); err != nil {
			return badField("%s: %.200v", field, err)
		}
	}
	if err := a.Guard.SetLimit(c.Context(), r); err != nil {
		return limitFault(err)
	}
	return a.showLimits(w, c, account)
}

// unlock is the owner's with the account's own key, which must itself be newer than the lock.
func (a *API) unlock(w http.ResponseWriter, c *call, account model.Account) error {
	unlocked, err := a.Guard.Unlock(c.Context(), account.Name, !c.principal.Account.Operator)
	if err != nil {
		return limitFault(err)
	}
	return answerJSON(w, http.StatusOK, unlocked)
}

func limitFault(err error) error {
	var told *wording.Error
	switch {
	case errors.As(err, &told):
		return &refusal{status: http.StatusBadRequest, message: err.Error(), cause: err}
	case store.Is(err, store.Full):
		return badField("The account has %d rules, as many as it may have", model.MaxLimitRules)
	}
	return unavailable(err, "The limits cannot be read or changed now, try again later")
}
