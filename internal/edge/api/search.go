package api

import (
	"encoding/base64"
	"math"
	"net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
)

const (
	defaultLimit = 100
	maxLimit     = 300
	maxToken     = 8 << 10 // octets of a token; those we make hold a query of at most maxQuery
	maxQuery     = 4 << 10
)

// search is what events are asked for: by a query at first, then by the token of a page, which holds the same query and
// where to go on. A token is opaque but not secret: reading another's events with it needs a key to their domain, and one
// that was altered is checked as a query is.
type search struct {
	query      url.Values // filters, limit and order as given
	low, high  time.Time  // zero: open
	ascending  bool
	limit      int
	conditions []condition
	messageID  string // asked for, without angle brackets; empty: not, or by an expression
	page       page
	pivot      ident.ID // the event that the page begins behind; 0: at the end of the range
}

// page says which way to read from the pivot.
type page string

const (
	pageFirst    page = "first"
	pageNext     page = "next"
	pagePrevious page = "previous"
	pageLast     page = "last"
)

// backwards reports whether the page is read against the order it is shown in.
func (p page) backwards() bool { return p == pagePrevious || p == pageLast }

// parseSearch reads a query. Unknown parameters are refused, since a filter that is not applied shows too much.
func parseSearch(q url.Values) (*search, error) {
	s := &search{query: q, limit: defaultLimit, page: pageFirst}
	if len(q.Encode()) > maxQuery {
		return nil, badField("The query has more than %d octets", maxQuery)
	}
	var begin, end time.Time
	ascending := ""
	for name, values := range q {
		var err error
		switch value := values[0]; name {
		case "begin":
			begin, err = parseTime(name, value)
		case "end":
			end, err = parseTime(name, value)
		case "ascending":
			ascending = strings.ToLower(value)
		case "limit":
			s.limit, err = strconv.Atoi(value)
			if err != nil || s.limit < 1 {
				return nil, badField("limit: %.80q is not a number from 1 to %d", value, maxLimit)
			}
			s.limit = min(s.limit, maxLimit)
		case "pretty": // how the JSON is laid out is not part of what it says
		default:
			for _, value := range values { // several of one field must all hold
				var c condition
				if c, err = parseCondition(name, value); err != nil {
					return nil, err
				}
				s.conditions = append(s.conditions, c)
			}
			if name == "message-id" {
				s.messageID = strings.Trim(value, `<>" `)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return s, s.order(begin, end, ascending)
}

// order follows Mailgun: begin is where reading starts. Without ascending, that is said by which of begin and end is
// earlier; with neither, the newest come first.
func (s *search) order(begin, end time.Time, ascending string) error {
	switch ascending {
	case "yes", "true":
		s.ascending = true
	case "no", "false":
	case "":
		s.ascending = !begin.IsZero() && (end.IsZero() || begin.Before(end))
	default:
		return badField("ascending: %.80q is neither yes nor no", ascending)
	}
	s.low, s.high = begin, end
	if !s.ascending {
		s.low, s.high = end, begin
	}
	if !s.low.IsZero() && !s.high.IsZero() && s.high.Before(s.low) {
		s.low, s.high = s.high, s.low
	}
	return nil
}

// parseTime reads a time of RFC 2822 or seconds since 1970.
func parseTime(name, value string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds >= 0 && seconds < 1e10 {
		whole, fraction := math.Modf(seconds)
		return time.Unix(int64(whole), int64(fraction*1e9)), nil
	}
	t, err := mail.ParseDate(value)
	if err != nil {
		if t, err = time.Parse(time.RFC1123, value); err != nil { // with UTC as zone, as Mailgun's own times have it
			return t, badField("%s: %.80q is neither seconds since 1970 nor a time such as Fri, 25 Oct 2026 23:10:10 +0200 (RFC 2822)", name, value)
		}
	}
	return t, nil
}

// firstOf reads a Message-ID that submission made: its message, or the first of those that share it.
func firstOf(messageID string) (first ident.ID, shared, ok bool) {
	local, _, _ := strings.Cut(messageID, "@")
	local, _, shared = strings.Cut(local, ".")
	first, err := ident.Parse(local)
	return first, shared, err == nil
}

// token is the address of a page of the same search.
func (s *search) token(p page, pivot ident.ID) string {
	q := url.Values{}
	for k, v := range s.query {
		q[k] = v
	}
	q.Set("-page", string(p)) // no filter begins with a hyphen
	if pivot != 0 {
		q.Set("-pivot", pivot.String())
	}
	return base64.RawURLEncoding.EncodeToString([]byte(q.Encode()))
}

// parseToken reads what token made.
func parseToken(token string) (*search, error) {
	bad := badField("The page %.40q is not one of this server's; begin with a search again", token)
	if len(token) > maxToken {
		return nil, bad
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, bad
	}
	q, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, bad
	}
	p, pivot := page(q.Get("-page")), q.Get("-pivot")
	q.Del("-page")
	q.Del("-pivot")
	switch p {
	case pageFirst, pageNext, pagePrevious, pageLast:
	default:
		return nil, bad
	}
	s, err := parseSearch(q)
	if err != nil {
		return nil, err
	}
	s.page = p
	if pivot != "" {
		if s.pivot, err = ident.Parse(pivot); err != nil {
			return nil, bad
		}
	}
	return s, nil
}
