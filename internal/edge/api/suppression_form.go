package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/model"
)

// maxAdded is how many addresses one call may add.
const maxAdded = 1000

// listed is an address to add, as Mailgun's calls have it. What only answers have is taken and says nothing.
type listed struct {
	Address      string       `json:"address"`
	Domain       string       `json:"domain"` // whitelists: instead of an address
	Code         textOrNumber `json:"code"`
	Error        string       `json:"error"`
	Reason       string       `json:"reason"`
	Tag          string       `json:"tag"`
	Tags         []string     `json:"tags"`
	Created      string       `json:"created_at"`
	CreatedLater string       `json:"createdAt"`
	ID           string       `json:"id"`
	Count        int          `json:"count"`
	Type         string       `json:"type"`
}

// textOrNumber is a string that some write as a number.
type textOrNumber string

func (w *textOrNumber) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		var n json.Number
		if json.Unmarshal(b, &n) != nil {
			return err
		}
		s = n.String()
	}
	*w = textOrNumber(s)
	return nil
}

// addSuppressions adds what a form has, or an array of JSON: all of it, or nothing.
func (a *API) addSuppressions(w http.ResponseWriter, c *call, l *list) error {
	given, many, err := a.readListed(c.Request)
	if err != nil {
		return err
	}
	var entries []model.Suppression
	for i := range given {
		made, err := a.entries(c, l, &given[i])
		if err != nil {
			if many {
				return badField("Address %d of %d, %.80q: %v; none was added", i+1, len(given), given[i].Address, err)
			}
			return badField("address: %v", err)
		}
		if entries = append(entries, made...); len(entries) > maxAdded*maxTags {
			return badField("More than %d tags in one call", maxAdded*maxTags)
		}
	}
	added, err := a.Suppressions.Add(c.Context(), entries)
	if err != nil {
		return unavailable(err, "The list cannot be changed now; the same call may be made again later")
	}
	if many {
		return answerJSON(w, http.StatusOK, map[string]string{"message": fmt.Sprintf("%d addresses have been added to the %s table", added, l.table)})
	}
	text := l.one + " has been added to the " + l.table + " table"
	if added == 0 {
		text = "Address is on the whitelist, so it was not added to the " + l.table + " table"
	}
	e := &entries[0]
	answered := map[string]string{"message": text, "address": e.Address}
	if l.kind == model.SuppressAllow {
		answered = map[string]string{"message": text, "type": allowType(e.Address), "value": strings.TrimPrefix(e.Address, "@")}
	}
	return answerJSON(w, http.StatusOK, answered)
}

// entries makes the entries of one address: as many as it has tags.
func (a *API) entries(c *call, l *list, g *listed) ([]model.Suppression, error) {
	r := suppression.Record{Kind: string(l.kind), Address: g.Address, Code: string(g.Code), Reason: g.Error + g.Reason, Source: byAPI}
	if l.kind == model.SuppressAllow && r.Address == "" {
		r.Address = g.Domain
	}
	if l.kind == model.SuppressBounce && r.Code == "" {
		r.Code = "550" // as Mailgun
	}
	if text := g.Created + g.CreatedLater; text != "" {
		var err error
		if r.CreatedAt, err = listedTime(text); err != nil {
			return nil, err
		}
	}
	tags := g.Tags
	if g.Tag != "" || len(tags) == 0 {
		tags = append(tags, g.Tag)
	}
	var made []model.Suppression
	for _, r.Tag = range tags {
		e, err := a.Suppressions.Entry(suppression.List{Account: c.domain.Account, Domain: c.domain.ID}, r)
		if err != nil {
			return nil, err
		}
		made = append(made, e)
	}
	return made, nil
}

func listedTime(text string) (time.Time, error) {
	t, err := mail.ParseDate(text)
	if err != nil {
		if t, err = time.Parse(time.RFC1123, text); err != nil {
			return t, fmt.Errorf("created_at: %.80q is not a time such as Fri, 25 Oct 2026 23:10:10 +0200 (RFC 2822)", text)
		}
	}
	return t, nil
}

// readListed reads the body: a form with one address, or JSON, whose array may have 1,000; many: it was an array.
func (a *API) readListed(r *http.Request) (given []listed, many bool, err error) {
	if mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mediaType != "application/json" {
		f, err := a.readForm(r)
		if err != nil {
			return nil, false, err
		}
		defer f.close()
		g, err := f.listed()
		return []listed{g}, false, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, formRoom))
	if err != nil {
		return nil, false, tooLarge(formRoom)
	}
	var into any = &given
	if many = len(bytes.TrimSpace(body)) > 0 && bytes.TrimSpace(body)[0] == '['; !many {
		given = make([]listed, 1)
		into = &given[0]
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return nil, many, badField("The body is not the JSON of addresses to add: %v", err)
	}
	if len(given) == 0 || len(given) > maxAdded {
		return nil, many, badField("%d addresses: send 1 to %d in one call", len(given), maxAdded)
	}
	return given, many, nil
}

// listed reads the fields of a form.
func (f *form) listed() (listed, error) {
	var g listed
	for name, values := range f.values {
		value := values[0]
		switch name {
		case "address":
			g.Address = value
		case "domain":
			g.Domain = value
		case "code":
			g.Code = textOrNumber(value)
		case "error":
			g.Error = value
		case "reason":
			g.Reason = value
		case "tag", "tags":
			g.Tags = append(g.Tags, values...)
			continue
		case "created_at", "createdAt":
			g.Created = value
		case "type", "id", "count": // only answers have them
		default:
			return g, badField("%.80s: there is no such field here", name)
		}
		if len(values) > 1 {
			return g, badField("%.80s: give it once; several addresses go as an array of JSON", name)
		}
	}
	if len(g.Tags) > maxTags {
		return g, badField("tags: %d tags, more than %d", len(g.Tags), maxTags)
	}
	return g, nil
}
