package api

import (
	"context"
	"io"
	"net/http"

	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/model"
)

// Suppressions keeps the lists of addresses that are not sent to; *suppression.Service is one.
type Suppressions interface {
	Entry(l suppression.List, r suppression.Record) (model.Suppression, error)
	Add(ctx context.Context, list []model.Suppression) (int, error)
	Page(ctx context.Context, q suppression.Query) ([]suppression.Listing, error)
	Find(ctx context.Context, d *model.Domain, kind model.SuppressionKind, key string) (suppression.Listing, bool, error)
	Lift(ctx context.Context, d *model.Domain, kind model.SuppressionKind, key string, tag *string, by string) (int, error)
	Clear(ctx context.Context, d *model.Domain, kind model.SuppressionKind, by string) (int, error)
	Import(ctx context.Context, in io.Reader, o suppression.ImportOptions) (suppression.Imported, error)
}

// byAPI says in events and entries who changed a list.
const byAPI = "api"

// list is one of Mailgun's four lists, with the words it answers in.
type list struct {
	kind                             model.SuppressionKind
	name                             string // in paths
	table, one, removed, cleared, no string
	item                             func(l *suppression.Listing) any
}

func suppressionLists() []list {
	return []list{
		{
			kind: model.SuppressBounce, name: "bounces", table: "bounces", one: "Address", removed: "Bounced address has been removed",
			cleared: "Bounced addresses for this domain have been removed", no: "Address not found in bounces table", item: bounceItem,
		},
		{
			kind: model.SuppressUnsubscribe, name: "unsubscribes", table: "unsubscribes", one: "Address", removed: "Unsubscribe event has been removed",
			cleared: "Unsubscribe addresses for this domain have been removed", no: "Address not found in unsubscribers table", item: unsubscribeItem,
		},
		{
			kind: model.SuppressComplaint, name: "complaints", table: "complaints", one: "Address", removed: "Spam complaint has been removed",
			cleared: "Complaint addresses for this domain have been removed", no: "No spam complaints found for this address", item: complaintItem,
		},
		{
			kind: model.SuppressAllow, name: "whitelists", table: "whitelists", one: "Address/Domain", removed: "Whitelist address/domain has been removed",
			cleared: "Whitelist addresses/domains for this domain have been removed", no: "Address/Domain not found in whitelists table", item: allowItem,
		},
	}
}

// routeSuppressions registers the calls of the lists.
func (a *API) routeSuppressions() {
	for _, l := range suppressionLists() {
		path := "/v3/{domain}/" + l.name
		a.mux.Handle("GET "+path, a.handle(func(w http.ResponseWriter, c *call) error { return a.listSuppressions(w, c, &l) }))
		a.mux.Handle("POST "+path, a.handle(func(w http.ResponseWriter, c *call) error { return a.addSuppressions(w, c, &l) }))
		a.mux.Handle("DELETE "+path, a.handle(func(w http.ResponseWriter, c *call) error { return a.clearSuppressions(w, c, &l) }))
		a.mux.Handle("POST "+path+"/import", a.handle(func(w http.ResponseWriter, c *call) error { return a.importSuppressions(w, c, &l) }))
		a.mux.Handle("GET "+path+"/{address}", a.handle(func(w http.ResponseWriter, c *call) error { return a.getSuppression(w, c, &l) }))
		a.mux.Handle("DELETE "+path+"/{address}", a.handle(func(w http.ResponseWriter, c *call) error { return a.liftSuppression(w, c, &l) }))
	}
}

// pathKey is the address in the path as the lists compare it.
func (c *call) pathKey(l *list) (string, error) {
	key, err := suppression.Key(l.kind, c.PathValue("address"))
	if err != nil {
		return "", refuse(http.StatusNotFound, "%s", l.no)
	}
	return key, nil
}

func (a *API) getSuppression(w http.ResponseWriter, c *call, l *list) error {
	key, err := c.pathKey(l)
	if err != nil {
		return err
	}
	found, ok, err := a.Suppressions.Find(c.Context(), &c.domain, l.kind, key)
	switch {
	case err != nil:
		return unavailable(err, "The list cannot be read now, try again later")
	case !ok:
		return refuse(http.StatusNotFound, "%s", l.no)
	}
	return answerJSON(w, http.StatusOK, l.item(&found))
}

func (a *API) liftSuppression(w http.ResponseWriter, c *call, l *list) error {
	key, err := c.pathKey(l)
	if err != nil {
		return err
	}
	var tag *string
	if values, ok := c.URL.Query()["tag"]; ok && l.kind == model.SuppressUnsubscribe {
		if tag = &values[0]; *tag == "*" {
			tag = new(string)
		}
	}
	n, err := a.Suppressions.Lift(c.Context(), &c.domain, l.kind, key, tag, byAPI)
	switch {
	case err != nil:
		return unavailable(err, "The list cannot be changed now, try again later")
	case n == 0:
		return refuse(http.StatusNotFound, "%s", l.no)
	}
	answered := map[string]string{"message": l.removed, "address": c.PathValue("address")}
	if l.kind == model.SuppressAllow {
		answered = map[string]string{"message": l.removed, "value": c.PathValue("address")}
	}
	return answerJSON(w, http.StatusOK, answered)
}

func (a *API) clearSuppressions(w http.ResponseWriter, c *call, l *list) error {
	if _, err := a.Suppressions.Clear(c.Context(), &c.domain, l.kind, byAPI); err != nil {
		return unavailable(err, "The list cannot be emptied now; a part of it may be gone, so try again later")
	}
	return answerJSON(w, http.StatusOK, map[string]string{"message": l.cleared})
}

// maxTold is how many refused rows of a file are told of.
const maxTold = 100

// refusedRow is a row that was not listed.
type refusedRow struct {
	Row     int    `json:"row"`
	Text    string `json:"text"`
	Message string `json:"message"`
}

// importSuppressions takes a file in as it comes: when it is answered, all of it is kept.
func (a *API) importSuppressions(w http.ResponseWriter, c *call, l *list) error {
	part, done, err := a.upload(c.Request)
	if err != nil {
		return err
	}
	defer done()
	answered := struct {
		Message string `json:"message"`
		suppression.Imported
		Rows []refusedRow `json:"refused_rows"` // the first
	}{Message: "file uploaded successfully", Rows: []refusedRow{}}
	answered.Imported, err = a.Suppressions.Import(c.Context(), part, suppression.ImportOptions{
		List: suppression.List{Account: c.domain.Account, Domain: c.domain.ID}, Kind: string(l.kind), Source: "import",
		Refused: func(r suppression.Refused) error {
			if len(answered.Rows) < maxTold {
				answered.Rows = append(answered.Rows, refusedRow{r.Row, r.Text, r.Why.Error()})
			}
			return nil
		},
	})
	if err != nil {
		return listRefusal(err)
	}
	return answerJSON(w, http.StatusAccepted, answered)
}
