package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Desk adds, shows, checks and removes sender domains; *onboard.Service is one.
type Desk interface {
	Domain(ctx context.Context, name string) (model.Domain, error)
	AddDomain(ctx context.Context, account, name, waiver string, choices ...onboard.Choice) (model.Domain, error)
	Sheet(ctx context.Context, d model.Domain) (onboard.Sheet, error)
	Verify(ctx context.Context, name string) (onboard.Checked, error)
	Rotate(ctx context.Context, name string) (model.Domain, error)
	SetUp(ctx context.Context, name string, setup model.Setup) (model.Domain, error)
	Open(ctx context.Context, name string, open bool) (model.Domain, error)
	RemoveDomain(ctx context.Context, name string) error
}

const (
	// lookUpTime is how long a call that looks up DNS may take: clients give up after a minute.
	lookUpTime = 45 * time.Second
	// domainPage is how many domains are read at a time, maxDomains how many a page shows.
	domainPage = 500
	maxDomains = 1000
)

// routeDomains answers the calls about sender domains. Clients of Mailgun use /v3 and /v4 for the same. They have a mux of
// their own: to one mux /v3/domains/{domain} and /v3/{domain}/events look alike, though no domain is called "domains".
func (a *API) routeDomains() {
	a.domains = http.NewServeMux()
	for _, v := range []string{"/v3", "/v4"} {
		a.domains.Handle("GET "+v+"/domains", a.handle(a.listDomains))
		a.domains.Handle("POST "+v+"/domains", a.handle(a.addDomain))
		a.domains.Handle("GET "+v+"/domains/{domain}", a.fresh(a.showDomain))
		a.domains.Handle("PUT "+v+"/domains/{domain}", a.fresh(a.changeDomain))
		a.domains.Handle("PUT "+v+"/domains/{domain}/verify", a.fresh(a.verifyDomain))
		a.domains.Handle("GET "+v+"/domains/{domain}/verify", a.fresh(a.verifyDomain)) // older clients
		a.domains.Handle("DELETE "+v+"/domains/{domain}", a.fresh(a.removeDomain))
	}
	a.domains.HandleFunc("/", a.noSuchCall)
	a.mux.Handle("GET /api/v1/domains/{domain}", a.fresh(a.domainSheet))
	a.mux.Handle("PUT /api/v1/domains/{domain}", a.fresh(a.setDomain))
	a.mux.Handle("POST /api/v1/domains/{domain}/verify", a.fresh(a.domainReport))
	a.mux.Handle("POST /api/v1/domains/{domain}/rotate", a.fresh(a.rotateDomain))
}

// fresh reads the domain anew: what the directory remembers of it may be older than the caller's last call.
func (a *API) fresh(f func(w http.ResponseWriter, c *call) error) http.Handler {
	return a.handle(func(w http.ResponseWriter, c *call) (err error) {
		if c.domain, err = a.Desk.Domain(c.Context(), c.domain.Name); err != nil {
			return deskFault(err, "domain")
		}
		return f(w, c)
	})
}

// listDomains reads through the account's domains, however many are skipped: they are few against anything else.
func (a *API) listDomains(w http.ResponseWriter, c *call) error {
	skip, limit, want, err := domainQuery(c.URL.Query())
	if err != nil {
		return err
	}
	list := domainList{Items: []domainJSON{}}
	for after := ""; ; {
		page, err := a.Store.ListDomains(c.Context(), c.principal.Account.ID, after, domainPage)
		if err != nil {
			return unavailable(err, "The domains cannot be read now, try again later")
		}
		for i := range page {
			after = page[i].Name
			if !want(&page[i]) {
				continue
			}
			if list.Total >= skip && len(list.Items) < limit {
				list.Items = append(list.Items, domainOf(&page[i]))
			}
			list.Total++
		}
		if len(page) < domainPage {
			return answerJSON(w, http.StatusOK, list)
		}
	}
}

func domainQuery(q url.Values) (skip, limit int, want func(*model.Domain) bool, err error) {
	limit = 100
	state, search := "", ""
	for name, values := range q {
		value := values[0]
		switch name {
		case "skip":
			skip, err = strconv.Atoi(value)
		case "limit":
			limit, err = strconv.Atoi(value)
		case "state":
			state = value
		case "search":
			search = strings.ToLower(value)
		case "sort", "authority", "include_subaccounts": // by name, and there are no others
		default:
			return 0, 0, nil, badField("%.80s: there is no such parameter here; use skip, limit, state or search", name)
		}
		if err != nil || skip < 0 || limit < 1 {
			return 0, 0, nil, badField("%s: %.80q is not a number that can be used", name, value)
		}
	}
	return skip, min(limit, maxDomains), func(d *model.Domain) bool {
		return (state == "" || stateOf(d.State) == state) && strings.Contains(d.Name, search)
	}, nil
}

// settled are fields of Mailgun's with the one value that is true here; anything else is refused by name.
var settled = map[string][]string{
	"spam_action": {"disabled"}, "wildcard": {"false", "no"}, "dkim_key_size": {"2048"}, "web_scheme": {"http", "https"}, "require_tls": {"false", "no"},
	"skip_verification": {"false", "no"}, "force_dkim_authority": {"false", "no"}, "use_automatic_sender_security": {"false", "no"}, "encrypt_incoming_message": {"false", "no"},
}

// fields reads a form and takes those named out of it; of the rest, only what is so anyway is taken.
func (a *API) fields(c *call, names ...string) (map[string]string, error) {
	taken := map[string]string{}
	if c.ContentLength == 0 {
		return taken, nil
	}
	f, err := a.readForm(c.Request)
	if err != nil {
		return nil, err
	}
	defer f.close()
	for name, values := range f.values {
		switch {
		case slices.Contains(names, name):
			taken[name] = values[0]
		case !slices.Contains(settled[name], strings.ToLower(values[0])):
			return nil, badField("%.80s: it cannot be set to %.80q here; leave it out", name, values[0])
		}
	}
	return taken, nil
}

// addDomain takes a domain for the account of the key; an operator's key may name another.
func (a *API) addDomain(w http.ResponseWriter, c *call) error {
	f, err := a.fields(c, "name", "account", "setup")
	if err != nil {
		return err
	}
	account := c.principal.Account.Name
	if name := f["account"]; name != "" && name != account {
		if !c.principal.Account.Operator {
			return refuse(http.StatusForbidden, "account: only an operator's key adds domains for others")
		}
		account = name
	}
	if f["name"] == "" {
		return badField("name: give the domain to send from, such as school.example")
	}
	var choices []onboard.Choice
	if setup := f["setup"]; setup != "" {
		choices = append(choices, onboard.WithSetup(model.Setup(setup)))
	}
	d, err := a.Desk.AddDomain(c.Context(), account, f["name"], "", choices...)
	if err != nil {
		return deskFault(err, "name")
	}
	return a.tellDomain(w, c, d, "Domain has been created")
}

func (a *API) showDomain(w http.ResponseWriter, c *call) error {
	return a.tellDomain(w, c, c.domain, "")
}

// changeDomain is for clients that set everything anew: there is nothing to change in this call.
func (a *API) changeDomain(w http.ResponseWriter, c *call) error {
	if _, err := a.fields(c); err != nil {
		return err
	}
	return a.tellDomain(w, c, c.domain, "Domain has been updated")
}

func (a *API) verifyDomain(w http.ResponseWriter, c *call) error {
	ctx, cancel := context.WithTimeout(c.Context(), lookUpTime)
	defer cancel()
	checked, err := a.Desk.Verify(ctx, c.domain.Name)
	if err != nil {
		return deskFault(err, "domain")
	}
	return a.tellDomain(w, c, checked.Domain, "Domain DNS records have been checked")
}

func (a *API) removeDomain(w http.ResponseWriter, c *call) error {
	if err := a.Desk.RemoveDomain(c.Context(), c.domain.Name); err != nil {
		return deskFault(err, "domain")
	}
	return answerJSON(w, http.StatusOK, map[string]string{"message": "Domain has been deleted"})
}

// tellDomain answers with a domain and the records it publishes.
func (a *API) tellDomain(w http.ResponseWriter, c *call, d model.Domain, message string) error {
	sheet, err := a.sheet(c, d)
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, domainAnswer{Domain: domainOf(&sheet.Domain), Receiving: []dnsRecord{}, Sending: recordsOf(&sheet), Message: message})
}

func (a *API) sheet(c *call, d model.Domain) (onboard.Sheet, error) {
	ctx, cancel := context.WithTimeout(c.Context(), lookUpTime)
	defer cancel()
	sheet, err := a.Desk.Sheet(ctx, d)
	if err != nil {
		return sheet, deskFault(err, "domain")
	}
	return sheet, nil
}

// deskFault words the errors of onboarding: those made for people are the caller's to mend.
func deskFault(err error, field string) error {
	var told *wording.Error
	switch {
	case store.Is(err, store.NotFound):
		return refuse(http.StatusNotFound, "%s: there is none by that name", field)
	case store.Is(err, store.Exists):
		return badField("%s: the domain is taken already", field)
	case store.Is(err, store.Conflict):
		return unavailable(err, "The domain is being changed this moment, try again")
	case errors.As(err, &told):
		return &refusal{status: http.StatusBadRequest, message: field + ": " + err.Error(), cause: err}
	}
	return unavailable(err, "The domain cannot be looked up or changed now, try again later")
}

// domainSheet answers with everything that is known of a domain, in this program's own words.
func (a *API) domainSheet(w http.ResponseWriter, c *call) error {
	sheet, err := a.sheet(c, c.domain)
	if err != nil {
		return err
	}
	return answerJSON(w, http.StatusOK, sheet)
}

// setDomain changes how a domain publishes keys, and whether others may add its subdomains.
func (a *API) setDomain(w http.ResponseWriter, c *call) error {
	f, err := a.fields(c, "setup", "open_subdomains")
	if err != nil {
		return err
	}
	if setup := f["setup"]; setup != "" {
		if c.domain, err = a.Desk.SetUp(c.Context(), c.domain.Name, model.Setup(setup)); err != nil {
			return deskFault(err, "setup")
		}
	}
	if open := f["open_subdomains"]; open != "" {
		yes, err := yesOrNo("open_subdomains", open)
		if err != nil {
			return err
		}
		if c.domain, err = a.Desk.Open(c.Context(), c.domain.Name, yes); err != nil {
			return deskFault(err, "open_subdomains")
		}
	}
	return a.domainSheet(w, c)
}

// domainReport checks a domain now and answers with all that was found.
func (a *API) domainReport(w http.ResponseWriter, c *call) error {
	ctx, cancel := context.WithTimeout(c.Context(), lookUpTime)
	defer cancel()
	checked, err := a.Desk.Verify(ctx, c.domain.Name)
	if err != nil {
		return deskFault(err, "domain")
	}
	return answerJSON(w, http.StatusOK, map[string]any{"domain": checked.Domain, "report": checked.Report, "ready": checked.Ready()})
}

// rotateDomain begins a change of keys.
func (a *API) rotateDomain(w http.ResponseWriter, c *call) (err error) {
	if c.domain, err = a.Desk.Rotate(c.Context(), c.domain.Name); err != nil {
		return deskFault(err, "domain")
	}
	return a.domainSheet(w, c)
}
