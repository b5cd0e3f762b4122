package api

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/netip"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// call is a request whose caller is known and may use the domain in its path.
type call struct {
	*http.Request
	principal submit.Principal
	domain    model.Domain
}

// handle answers a call by a function that either writes the answer or returns why not.
func (a *API) handle(f func(w http.ResponseWriter, c *call) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.identify(w, r)
		if err == nil {
			err = f(w, c)
		}
		if err != nil {
			a.answerError(w, r, err)
		}
	})
}

// identify finds whose key this is and whether the domain of the path is theirs.
func (a *API) identify(w http.ResponseWriter, r *http.Request) (*call, error) {
	c := &call{Request: r}
	account, prefix, err := a.authenticate(w, r)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("X-Mailgun-On-Behalf-Of") != "" {
		return nil, badField("X-Mailgun-On-Behalf-Of: there are no subaccounts here; use a key of the account itself")
	}
	if name := r.PathValue("domain"); name != "" { // empty: the call is for the account
		if c.domain, err = a.ownDomain(r.Context(), &account, name); err != nil {
			return nil, err
		}
	}
	c.principal = submit.Principal{Account: account, Credential: prefix, Client: clientOf(r), Origin: model.OriginHTTP}
	if r.TLS != nil {
		c.principal.TLS = tls.VersionName(r.TLS.Version) + " " + tls.CipherSuiteName(r.TLS.CipherSuite)
	}
	return c, nil
}

// authenticate is HTTP Basic (RFC 7617) with the user api and a key. Keys are found by their SHA-256, so how long that takes
// says nothing of a key. A right key is always let in: only failures are counted, since a key has 256 random bits and
// nobody behind the same proxy is to be shut out by another's mistakes.
func (a *API) authenticate(w http.ResponseWriter, r *http.Request) (model.Account, string, error) {
	user, secret, ok := r.BasicAuth()
	if ok && user == "api" {
		key, err := a.Directory.Key(r.Context(), secret)
		if err == nil {
			account, err := a.Directory.Account(r.Context(), key.Account)
			if err != nil {
				return account, "", unavailable(err, "Your account cannot be looked up now, try again later")
			}
			return account, key.Prefix, nil
		}
		if !store.Is(err, store.NotFound) {
			return model.Account{}, "", unavailable(err, "Your key cannot be looked up now, try again later")
		}
	}
	client := clientOf(r)
	if ok && !a.failures.allow(client) {
		return model.Account{}, "", &refusal{status: http.StatusTooManyRequests, message: "Too many calls with a wrong key from your address, try again later", retry: retryAfter}
	}
	if ok {
		a.Log.Info("authentication failed", "server", "api", "client", client)
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="Budkavle"`)
	return model.Account{}, "", refuse(http.StatusUnauthorized, "Invalid private key: use HTTP Basic authentication with the user name api and an API key")
}

// ownDomain finds the domain. Others' domains are answered as if there were none. An operator's key acts for whoever has it.
func (a *API) ownDomain(ctx context.Context, account *model.Account, name string) (model.Domain, error) {
	notFound := refuse(http.StatusNotFound, "Domain not found: %.255s", name)
	ascii, err := address.ParseDomain(name)
	if err != nil {
		return model.Domain{}, notFound
	}
	d, err := a.Directory.Domain(ctx, ascii)
	switch {
	case store.Is(err, store.NotFound):
		return d, notFound
	case err != nil:
		return d, unavailable(err, "The domain cannot be looked up now, try again later")
	case d.Account == account.ID:
		return d, nil
	case !account.Operator:
		return model.Domain{}, notFound
	}
	if *account, err = a.Directory.Account(ctx, d.Account); err != nil {
		return d, unavailable(err, "The domain's account cannot be looked up now, try again later")
	}
	return d, nil
}

// clientOf is the address of the connection. What proxies say in header fields anyone can say.
func clientOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
