package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Senders knows the public list of addresses that mail is sent from; *addresses.Service does.
type Senders interface {
	// Sheet makes the list, with the facts of one sender domain unless the name is empty: NotFound if that may not send.
	Sheet(ctx context.Context, domain string) (addresses.Sheet, error)
}

// listAge is how long a copy of the list is good, in seconds: a change is announced days before it matters.
const listAge = "300"

func (w *Web) routeSenders() {
	if w.Senders == nil {
		return
	}
	w.mux.HandleFunc("GET /senders", w.senders(w.sendersPage))
	w.mux.HandleFunc("GET /senders.json", w.senders(sendersJSON))
	w.mux.HandleFunc("GET /senders.txt", w.senders(sendersText))
}

// sheet is the list as it is shown.
type sheet struct {
	addresses.Sheet
	Asked string // the domain that was asked for, which is not known here; empty: none, or it is
	lang  string
}

// render makes one form of the list, of a content type.
type render func(s *sheet) (body []byte, contentType string, err error)

// senders answers with a form of the list. A copy that is still right is not sent again (RFC 9110 13).
func (w *Web) senders(make render) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		asked := strings.TrimSpace(r.URL.Query().Get("domain"))
		s := &sheet{lang: languageOf(r)}
		var err error
		s.Sheet, err = w.Senders.Sheet(r.Context(), asked)
		status := http.StatusOK
		if store.Is(err, store.NotFound) {
			s.Asked, err, status = asked, nil, http.StatusNotFound
		}
		var body []byte
		contentType := ""
		if err == nil {
			body, contentType, err = make(s)
		}
		if err != nil {
			w.Log.Warn("the list of source addresses cannot be shown", "error", err)
			rw.Header().Set("Retry-After", "60")
			http.Error(rw, "503", http.StatusServiceUnavailable)
			return
		}
		h := rw.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Language", s.lang)
		h.Set("Vary", "Accept-Language")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", contentPolicy)
		if status != http.StatusOK {
			rw.WriteHeader(status)
			_, _ = rw.Write(body) // a browser that went away needs no page
			return
		}
		sum := sha256.Sum256(body)
		h.Set("Cache-Control", "public, max-age="+listAge)
		h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
		http.ServeContent(rw, r, "", s.Changed, bytes.NewReader(body))
	}
}

func (w *Web) sendersPage(s *sheet) ([]byte, string, error) {
	var b bytes.Buffer
	err := w.pages[s.lang].ExecuteTemplate(&b, "whitelist.html", s)
	return b.Bytes(), "text/html; charset=utf-8", err
}

func sendersJSON(s *sheet) ([]byte, string, error) {
	body, err := json.MarshalIndent(s.Sheet, "", "  ")
	return append(body, '\n'), "application/json", err
}

// sendersText is for programs that know lists of addresses: one a line, # begins a remark. What is no longer in use is a remark.
func sendersText(s *sheet) ([]byte, string, error) {
	say := wordsOf(s.lang).say
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n# %s\n# %s\n", say("Addresses that our mail is sent from"), s.Links["html"], s.Updated())
	for _, e := range s.Addresses {
		if e.InUse() {
			fmt.Fprintf(&b, "%s # %s, %s\n", e.Address, s.State(e), e.EHLO)
		} else {
			fmt.Fprintf(&b, "# %s %s\n", e.Address, s.State(e))
		}
	}
	return b.Bytes(), "text/plain; charset=utf-8", nil
}

// Updated says when the list last changed.
func (s *sheet) Updated() string {
	say := wordsOf(s.lang).say
	if s.Changed.IsZero() {
		return say("Never changed")
	}
	return say("Last changed %s", s.Changed.UTC().Format("2006-01-02 15:04 UTC"))
}

// State says how an address stands, and from when or until when.
func (s *sheet) State(e addresses.Entry) string {
	say, day := wordsOf(s.lang).say, func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	switch e.State {
	case model.AddressWarming:
		return say("new: sends a little already, in full use from %s at the earliest", day(e.ReadyAt))
	case model.AddressRetiring:
		return say("retires: goes out of use on %s", day(e.Retires))
	case model.AddressRetired:
		return say("not in use since %s, take it off your list", day(e.Retires))
	}
	return say("in use since %s", day(e.Since))
}

// Four are the IPv4 addresses to let through, Six the others.
func (s *sheet) Four() string { return s.inUse(netip.Addr.Is4) }

// Six are the IPv6 addresses to let through.
func (s *sheet) Six() string { return s.inUse(netip.Addr.Is6) }

// All are the addresses to let through.
func (s *sheet) All() string { return s.inUse(netip.Addr.IsValid) }

func (s *sheet) inUse(kind func(netip.Addr) bool) string {
	var list []string
	for _, e := range s.Addresses {
		if e.InUse() && kind(e.Address) {
			list = append(list, e.Address.String())
		}
	}
	return strings.Join(list, ", ")
}

// Names are the EHLO names.
func (s *sheet) Names() string { return strings.Join(s.EHLO, ", ") }

// Written is a domain as people write it.
func (s *sheet) Written(domain string) string { return asWritten(domain) }
