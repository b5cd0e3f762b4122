package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// sheets knows one list and the domain school.example.
type sheets struct {
	list  addresses.Sheet
	fault error
}

func (s sheets) Sheet(_ context.Context, domain string) (addresses.Sheet, error) {
	out := s.list
	switch {
	case s.fault != nil:
		return out, s.fault
	case domain == "school.example":
		out.Domain = &addresses.DomainSheet{Name: domain, Envelope: "bounce.school.example", Selectors: []string{"bk1r", "bk1e"}}
	case domain != "":
		return out, &store.Error{Kind: store.NotFound, Op: "sender domain"}
	}
	return out, nil
}

func listed() addresses.Sheet {
	at := func(days int) time.Time { return time.Date(2026, 11, 24, 9, 30, 0, 0, time.UTC).AddDate(0, 0, days) }
	entry := func(ip string, s model.AddressState, since int) addresses.Entry {
		return addresses.Entry{Address: netip.MustParseAddr(ip), State: s, Since: at(since), EHLO: "mx1.example.org"}
	}
	warm, out, gone := entry("192.0.2.2", model.AddressWarming, 0), entry("192.0.2.3", model.AddressRetiring, -1), entry("192.0.2.4", model.AddressRetired, -30)
	warm.ReadyAt, out.Retires, gone.Retires = at(14), at(30), at(-30)
	warm.EHLO = "mx2.example.org"
	return addresses.Sheet{
		Changed: at(0), NoticeDays: 14, Contact: "mail@example.org",
		Addresses: []addresses.Entry{entry("192.0.2.1", model.AddressActive, -300), entry("2001:db8::1", model.AddressActive, -300), warm, out, gone},
		EHLO:      []string{"mx1.example.org", "mx2.example.org"}, Envelope: "bounce.example.org", Signs: "example.org",
		Links: map[string]string{"html": "https://mail.example.org/senders", "json": "https://mail.example.org/senders.json", "text": "https://mail.example.org/senders.txt"},
	}
}

func senderSite(t *testing.T, s sheets) *Web {
	t.Helper()
	w, err := New(Config{Senders: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func get(w *Web, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return ask(w, r)
}

func TestSendersGolden(t *testing.T) {
	empty := addresses.Sheet{NoticeDays: 14, Addresses: []addresses.Entry{}, EHLO: []string{}, Envelope: "bounce.example.org", Links: listed().Links}
	var b strings.Builder
	for _, tt := range []struct {
		name, path string
		sheet      addresses.Sheet
	}{
		{"addresses in every state", "/senders", listed()},
		{"a customer's domain", "/senders?domain=school.example", listed()},
		{"a domain that is not known", "/senders?domain=%3Cb%3Enone.example", listed()},
		{"no address", "/senders", empty},
		{"as text", "/senders.txt", listed()},
		{"no address, as text", "/senders.txt", empty},
	} {
		for _, lang := range languages() {
			rec := get(senderSite(t, sheets{list: tt.sheet}), tt.path, "Accept-Language", lang)
			text := rec.Body.String()
			if strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
				if strings.Contains(text, "<b>none") {
					t.Errorf("%s: what was typed is part of the page", tt.name)
				}
				text = seen(text)
			}
			b.WriteString("== " + tt.name + " (" + lang + "): " + http.StatusText(rec.Code) + "\n" + text + "\n")
			if h := rec.Header(); h.Get("Content-Language") != lang || h.Get("Content-Security-Policy") == "" || h.Get("Set-Cookie") != "" {
				t.Errorf("%s: header %v", tt.name, h)
			}
		}
	}
	const golden = "testdata/whitelist.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || b.String() != string(want) {
		t.Errorf("the pages are not as in %s (%v); look with git diff after -update", golden, err)
	}
}

func TestTheListAsJSON(t *testing.T) {
	rec := get(senderSite(t, sheets{list: listed()}), "/senders.json?domain=school.example")
	var got addresses.Sheet
	d := json.NewDecoder(bytes.NewReader(rec.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil || len(got.Addresses) != 5 || got.Addresses[2].ReadyAt.IsZero() || got.Domain == nil || got.Domain.Selectors[1] != "bk1e" {
		t.Errorf("%v, %s", err, rec.Body)
	}
	if strings.Contains(rec.Body.String(), `"full_use_from": "0001`) {
		t.Errorf("times that are not are written: %s", rec.Body)
	}
}

func TestACopyThatIsStillRightIsNotSentAgain(t *testing.T) {
	w := senderSite(t, sheets{list: listed()})
	first := get(w, "/senders.txt")
	tag, at := first.Header().Get("ETag"), first.Header().Get("Last-Modified")
	if at != "Tue, 24 Nov 2026 09:30:00 GMT" || len(tag) < 10 {
		t.Fatalf("ETag %q, Last-Modified %q", tag, at)
	}
	for name, header := range map[string][]string{"the same": {"If-None-Match", tag}, "not changed since": {"If-Modified-Since", at}} {
		if rec := get(w, "/senders.txt", header...); rec.Code != http.StatusNotModified || rec.Body.Len() > 0 {
			t.Errorf("%s: %d, %d octets", name, rec.Code, rec.Body.Len())
		}
	}
	changed := listed()
	changed.Addresses = changed.Addresses[1:]
	if rec := get(senderSite(t, sheets{list: changed}), "/senders.txt", "If-None-Match", tag); rec.Code != http.StatusOK {
		t.Errorf("another list: %d", rec.Code)
	}
	if rec := get(w, "/senders.txt", "If-None-Match", tag, "Accept-Language", "sv"); rec.Code != http.StatusOK {
		t.Errorf("another language: %d", rec.Code)
	}
}

func TestAListThatCannotBeReadOrIsNotPublic(t *testing.T) {
	rec := get(senderSite(t, sheets{fault: errors.New("disk full")}), "/senders")
	if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || strings.Contains(rec.Body.String(), "disk") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	w, err := New(Config{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if rec := get(w, "/senders"); rec.Code != http.StatusNotFound {
		t.Errorf("a list that is not public: %d", rec.Code)
	}
}
