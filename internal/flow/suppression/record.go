package suppression

import (
	"errors"
	"strings"
	"time"
	"unicode"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// Record is an entry as files, calls and people write it. Only the address is needed, where the rest has a default.
type Record struct {
	Kind      string    `json:"kind"`
	Address   string    `json:"address"`          // allow: also "@domain", or a domain
	Domain    string    `json:"domain,omitempty"` // the sender's; empty: every domain of the account
	Tag       string    `json:"tag,omitempty"`    // unsubscribe; empty or "*": all mail
	Code      string    `json:"code,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Source    string    `json:"source,omitempty"`
	Count     int       `json:"count"`
	CreatedAt time.Time `json:"created_at"`
}

const (
	maxTag    = 128 // octets, as o:tag
	maxReason = 1000
	maxSource = 64
	maxCount  = 1 << 30
)

// ParseKind reads the name of a list, as here or as Mailgun has it.
func ParseKind(s string) (model.SuppressionKind, error) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "bounce", "bounces":
		return model.SuppressBounce, nil
	case "unsubscribe", "unsubscribes":
		return model.SuppressUnsubscribe, nil
	case "complaint", "complaints":
		return model.SuppressComplaint, nil
	case "allow", "whitelist", "whitelists":
		return model.SuppressAllow, nil
	case "":
		return "", wording.Errorf("the list is not named: use bounce, unsubscribe, complaint or allow")
	}
	return "", wording.Errorf("%.40q is no list: use bounce, unsubscribe, complaint or allow", s)
}

// Entry makes a list's entry of a record, whose domain is the list's.
func (s *Service) Entry(l List, r Record) (model.Suppression, error) {
	e := model.Suppression{
		Account: l.Account, Domain: l.Domain, Code: strings.TrimSpace(r.Code), Reason: clean(r.Reason, maxReason), Source: clean(r.Source, maxSource),
		Count: max(r.Count, 1), CreatedAt: r.CreatedAt.UTC().Truncate(time.Microsecond),
	}
	var err error
	if e.Kind, err = ParseKind(r.Kind); err != nil {
		return e, err
	}
	if e.Address, err = mailbox(e.Kind, r.Address); err != nil {
		return e, err
	}
	e.Key = model.SuppressionKey(e.Address)
	if e.Tag, err = tagOf(e.Kind, r.Tag); err != nil {
		return e, err
	}
	if len(e.Code) > 3 || strings.Trim(e.Code, "0123456789") != "" {
		return e, wording.Errorf("code %.20q: use a reply code of SMTP such as 550", e.Code)
	}
	if r.Count < 0 || r.Count > maxCount {
		return e, wording.Errorf("count %d: use 1 to %d", r.Count, maxCount)
	}
	if r.CreatedAt.Year() <= 1 { // Go's zero time, which mailgun-go writes for no time
		e.CreatedAt = s.Clock.Now().UTC().Truncate(time.Microsecond)
	}
	if y := e.CreatedAt.Year(); y < 1970 || y > 9999 {
		return e, wording.Errorf("the date is in the year %d", y)
	}
	return e, nil
}

// mailbox is the address in the form it is sent to.
func mailbox(kind model.SuppressionKind, text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", wording.Errorf("there is no address")
	}
	if at := strings.LastIndexByte(text, '@'); at <= 0 && kind == model.SuppressAllow {
		d, err := address.ParseDomain(text[at+1:])
		if err != nil || !strings.Contains(d, ".") {
			return "", wording.Errorf("%.80q is neither an address nor a domain", text)
		}
		return "@" + d, nil
	}
	a, err := address.Parse(text)
	if e := (*address.Error)(nil); errors.As(err, &e) {
		return "", wording.Errorf("%.80q is not an e-mail address: %w", text, e.Reason)
	}
	return a.String(), nil
}

// tagOf is the tag of an unsubscription; other lists have none.
func tagOf(kind model.SuppressionKind, tag string) (string, error) {
	if tag = strings.TrimSpace(tag); tag == "" || tag == "*" {
		return "", nil
	}
	if kind != model.SuppressUnsubscribe {
		return "", wording.Errorf("tag %.40q: only who unsubscribes does so from a tag", tag)
	}
	if len(tag) > maxTag || strings.ContainsFunc(tag, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", wording.Errorf("tag %.40q: use 1 to %d printable characters of ASCII", tag, maxTag)
	}
	return tag, nil
}

// clean makes a text of one line of what others wrote, of at most limit octets.
func clean(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if len(s) > limit {
		s = strings.TrimSpace(strings.ToValidUTF8(s[:limit], ""))
	}
	return s
}

// parseTime reads the dates that files have: RFC 3339, Mailgun's, and spreadsheets'. Empty: none.
func parseTime(text string) (time.Time, error) {
	if text = strings.TrimSpace(text); text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{
		time.RFC3339Nano, time.RFC1123, time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 MST", "Mon, 2 Jan 2006 15:04:05 -0700", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700 MST",
		"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, wording.Errorf("%.60q is not a time such as 2026-11-24T08:00:00Z", text)
}
