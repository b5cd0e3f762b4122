package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Routes keeps accounts' own servers; *relay.Service does.
type Routes interface {
	Route(ctx context.Context, account model.AccountID) (model.Route, error)
	Set(ctx context.Context, account model.Account, t relay.Settings) (model.Route, error)
	Test(ctx context.Context, account model.Account, t relay.Trial, tell func(relay.Step)) (relay.Verdict, error)
	Remove(ctx context.Context, account model.AccountID) error
}

// maxTrials is how many own servers are tried at the same time: each takes up to a minute and a half.
const maxTrials = 4

// routeRoutes answers the calls about accounts' own servers. A key may change that of its own account, an operator's any.
func (a *API) routeRoutes() {
	const path = "/api/v1/accounts/{account}/route"
	a.mux.Handle("GET "+path, a.ofAccount(a.getRoute))
	a.mux.Handle("PUT "+path, a.ofAccount(a.setRoute))
	a.mux.Handle("DELETE "+path, a.ofAccount(a.removeRoute))
	a.mux.Handle("POST "+path+"/test", a.ofAccount(a.testRoute))
}

// ofAccount answers calls about the account in the path, read anew. Others' accounts are answered as if there were none.
func (a *API) ofAccount(f func(w http.ResponseWriter, c *call, account model.Account) error) http.Handler {
	return a.handle(func(w http.ResponseWriter, c *call) error {
		account, err := a.Store.Account(c.Context(), c.PathValue("account"))
		if err == nil && account.ID != c.principal.Account.ID && !c.principal.Account.Operator || store.Is(err, store.NotFound) {
			return refuse(http.StatusNotFound, "Account not found: %.100s", c.PathValue("account"))
		}
		if err != nil {
			return unavailable(err, "The account cannot be looked up now, try again later")
		}
		return f(w, c, account)
	})
}

// routeView is a route with what is counted of it today. It has no place for a password.
type routeView struct {
	model.Route
	SentToday int64 `json:"sent_today"`
}

func (a *API) tellRoute(w http.ResponseWriter, r model.Route, err error) error {
	if err != nil {
		return routeFault(err)
	}
	return answerJSON(w, http.StatusOK, routeView{r, r.SentOn(model.DayOf(a.Clock.Now()))})
}

func (a *API) getRoute(w http.ResponseWriter, c *call, account model.Account) error {
	r, err := a.Routes.Route(c.Context(), account.ID)
	return a.tellRoute(w, r, err)
}

func (a *API) setRoute(w http.ResponseWriter, c *call, account model.Account) error {
	f, err := a.fields(c, "preset", "host", "port", "tls", "username", "password", "contact", "connections", "per_minute", "per_day", "fallback")
	if err != nil {
		return err
	}
	t := relay.Settings{
		Preset: f["preset"], Host: f["host"], TLS: f["tls"], Username: f["username"], Password: f["password"], Contact: f["contact"], Fallback: f["fallback"],
	}
	for name, to := range map[string]**int{"connections": &t.Connections, "per_minute": &t.PerMinute, "per_day": &t.PerDay} {
		if *to, err = wholeNumber(name, f[name]); err != nil {
			return err
		}
	}
	port, err := wholeNumber("port", f["port"])
	if err != nil {
		return err
	}
	if port != nil {
		t.Port = *port
	}
	r, err := a.Routes.Set(c.Context(), account, t)
	return a.tellRoute(w, r, err)
}

// wholeNumber reads a field that may be left out.
func wholeNumber(name, text string) (*int, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, badField("%s: %.40q is not a whole number", name, text)
	}
	return &n, nil
}

func (a *API) testRoute(w http.ResponseWriter, c *call, account model.Account) error {
	f, err := a.fields(c, "from", "to", "letter")
	if err != nil {
		return err
	}
	t := relay.Trial{From: f["from"], To: f["to"]}
	if letter := f["letter"]; letter != "" {
		if t.Letter, err = yesOrNo("letter", letter); err != nil {
			return err
		}
	}
	select {
	case a.trials <- struct{}{}:
		defer func() { <-a.trials }()
	default:
		return refuse(http.StatusTooManyRequests, "Too many servers are being tried now, try again in a minute")
	}
	v, err := a.Routes.Test(c.Context(), account, t, func(relay.Step) {})
	if err != nil {
		return routeFault(err)
	}
	return answerJSON(w, http.StatusOK, v)
}

func (a *API) removeRoute(w http.ResponseWriter, c *call, account model.Account) error {
	if err := a.Routes.Remove(c.Context(), account.ID); err != nil {
		return routeFault(err)
	}
	return answerJSON(w, http.StatusOK, map[string]string{"message": "Mail of the account goes as everybody's"})
}

func routeFault(err error) error {
	var told *wording.Error
	switch {
	case store.Is(err, store.NotFound):
		return refuse(http.StatusNotFound, "The account has no server of its own")
	case errors.As(err, &told):
		return &refusal{status: http.StatusBadRequest, message: err.Error(), cause: err}
	}
	return unavailable(err, "The account's own server cannot be read or changed now, try again later")
}
