package api

import (
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/suppression"
)

// The items of Mailgun's lists. Times are RFC 1123 in UTC.

type bounceJSON struct {
	Address   string `json:"address"`
	Code      string `json:"code"` // mailgun-go wants a string
	Error     string `json:"error"`
	CreatedAt string `json:"created_at"`
}

func bounceItem(l *suppression.Listing) any {
	return bounceJSON{l.Address, l.Code, l.Reason, rfc1123(l.CreatedAt)}
}

type unsubscribeJSON struct {
	Address   string   `json:"address"`
	Tags      []string `json:"tags"`
	CreatedAt string   `json:"created_at"`
}

func unsubscribeItem(l *suppression.Listing) any {
	tags := make([]string, len(l.Tags))
	for i, t := range l.Tags {
		if tags[i] = t; t == "" {
			tags[i] = "*"
		}
	}
	return unsubscribeJSON{l.Address, tags, rfc1123(l.CreatedAt)}
}

type complaintJSON struct {
	Address   string `json:"address"`
	Count     int    `json:"count"`
	CreatedAt string `json:"created_at"`
}

func complaintItem(l *suppression.Listing) any {
	return complaintJSON{l.Address, l.Count, rfc1123(l.CreatedAt)}
}

type allowJSON struct {
	Type      string `json:"type"`
	Value     string `json:"value"`
	Reason    string `json:"reason"`
	CreatedAt string `json:"createdAt"`
}

func allowItem(l *suppression.Listing) any {
	return allowJSON{allowType(l.Address), strings.TrimPrefix(l.Address, "@"), l.Reason, rfc1123(l.CreatedAt)}
}

func allowType(address string) string {
	if strings.HasPrefix(address, "@") {
		return "domain"
	}
	return "address"
}

func rfc1123(t time.Time) string { return t.UTC().Format(time.RFC1123) }
