package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/model"
)

const (
	defaultAddresses = 100 // of a page
	maxAddresses     = 1000
)

// suppressionPage is Mailgun's answer.
type suppressionPage struct {
	Items  []any             `json:"items"`
	Paging map[string]string `json:"paging"`
}

func (a *API) listSuppressions(w http.ResponseWriter, c *call, l *list) error {
	q, p, err := suppressionQuery(c.URL.Query())
	if err != nil {
		return err
	}
	q.Domain, q.Kind = &c.domain, l.kind
	found, err := a.Suppressions.Page(c.Context(), q)
	if err != nil {
		return unavailable(err, "The list cannot be read now, try again later")
	}
	items := make([]any, 0, len(found))
	for i := range found {
		items = append(items, l.item(&found[i]))
	}
	// next is always there and ends on an empty page: mailgun-go goes on until it meets one. Behind an empty page nothing has
	// moved, so whoever polls finds what is new.
	first, last := q.After, q.After
	if n := len(found); n > 0 {
		first, last = found[0].Key, found[n-1].Key
	}
	base := strings.Join([]string{a.BaseURL, "v3", c.domain.Name, l.name}, "/")
	at := func(page page, pivot string) string {
		v := url.Values{"page": {string(page)}, "limit": {strconv.Itoa(q.Limit)}}
		if pivot != "" {
			v.Set("address", pivot)
		}
		if q.Prefix != "" {
			v.Set("term", q.Prefix)
		}
		return base + "?" + v.Encode()
	}
	paging := map[string]string{"first": at(pageFirst, ""), "last": at(pageLast, ""), "next": at(pageNext, last), "previous": at(pagePrevious, first)}
	if len(found) == 0 { // beyond either end, the way back begins with the page at that end
		if p.backwards() {
			paging["next"] = paging["first"]
		} else {
			paging["previous"] = paging["last"]
		}
	}
	return answerJSON(w, http.StatusOK, suppressionPage{items, paging})
}

// suppressionQuery reads the parameters of a page.
func suppressionQuery(values url.Values) (q suppression.Query, p page, err error) {
	q.Limit, p = defaultAddresses, pageFirst
	for name, all := range values {
		value := all[0]
		switch name {
		case "limit":
			if q.Limit, err = strconv.Atoi(value); err != nil || q.Limit < 1 {
				return q, p, badField("limit: %.80q is not a number from 1 to %d", value, maxAddresses)
			}
			q.Limit = min(q.Limit, maxAddresses)
		case "page":
			switch p = page(value); p {
			case pageFirst, pageNext, pagePrevious, pageLast:
			default:
				return q, p, badField("page: %.80q is not first, next, previous or last", value)
			}
		case "address":
			q.After = model.SuppressionKey(value)
		case "term":
			q.Prefix = model.SuppressionKey(value)
		default:
			return q, p, badField("%.80s: there is no such parameter here; use limit, page, address or term", name)
		}
	}
	if len(q.After) > maxAddress || len(q.Prefix) > maxAddress {
		return q, p, badField("address, term: more than %d octets", maxAddress)
	}
	if q.Backward = p.backwards(); p == pageFirst || p == pageLast {
		q.After = ""
	}
	return q, p, nil
}
