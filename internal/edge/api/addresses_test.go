package api

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

func newAddressWorld(t *testing.T) *world {
	w := newWorld(t)
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	w.Addresses = addresses.New(addresses.Config{
		Store: w.store, Ring: ring, Clock: clock.System{}, Random: rand.Reader, IDs: w.ids, Log: slog.New(slog.DiscardHandler), Hostname: "mx.example", Resolver: &dnstest.Fake{PTR: map[netip.Addr][]string{netip.MustParseAddr("192.0.2.1"): {"mx1.example"}}, A: map[string][]netip.Addr{"mx1.example": {netip.MustParseAddr("192.0.2.1")}}}, Notice: 14 * 24 * time.Hour,
	})
	return w
}

func TestAnAddressesWayByHTTP(t *testing.T) {
	w := newAddressWorld(t)
	code, doc := w.asks(w.staff, "POST", "/api/v1/addresses", url.Values{"address": {"192.0.2.1"}, "ehlo": {"mx1.example"}, "pool": {"bulk"}})
	if code != 200 || doc["state"] != "warming" || doc["ptr"] != "unclear" || doc["pool"] != "bulk" {
		t.Fatalf("%d %v", code, doc)
	}
	if code, doc = w.asks(w.staff, "POST", "/api/v1/addresses/192.0.2.1/verify", nil); code != 200 || doc["ptr"] != "proved" {
		t.Errorf("%d %v", code, doc)
	}
	code, doc = w.asks(w.staff, "PUT", "/api/v1/addresses/192.0.2.1", url.Values{"state": {"active"}, "now": {"true"}})
	if code != 200 || doc["state"] != "active" {
		t.Errorf("%d %v", code, doc)
	}
	code, doc = w.asks(w.staff, "PUT", "/api/v1/addresses/192.0.2.1", url.Values{"state": {"retiring"}, "on": {"2099-01-31"}})
	if code != 200 || doc["retires_at"] != "2099-01-31T00:00:00Z" {
		t.Errorf("%d %v", code, doc)
	}
	if code, doc = w.asks(w.staff, "GET", "/api/v1/addresses", nil); code != 200 || doc["total_count"] != 1.0 {
		t.Errorf("%d %v", code, doc)
	}
	w.asks(w.staff, "PUT", "/api/v1/addresses/192.0.2.1", url.Values{"state": {"retired"}})
	if code, doc = w.asks(w.staff, "DELETE", "/api/v1/addresses/192.0.2.1", nil); code != 200 || doc["message"] != "Address has been removed" {
		t.Errorf("%d %v", code, doc)
	}
	if _, doc = w.asks(w.staff, "GET", "/api/v1/addresses", nil); len(doc["items"].([]any)) != 0 {
		t.Errorf("%v", doc)
	}
}

func TestRefusedCallsAboutAddresses(t *testing.T) {
	w := newAddressWorld(t)
	w.asks(w.staff, "POST", "/api/v1/addresses", url.Values{"address": {"192.0.2.1"}})
	for _, tt := range []struct {
		name, key, method, path string
		form                    url.Values
		code                    int
		want                    string
	}{
		{"not an operator", w.school, "GET", "/api/v1/addresses", nil, 403, "/senders.json"},
		{"not an operator's change", w.school, "POST", "/api/v1/addresses", url.Values{"address": {"192.0.2.2"}}, 403, "operator's key"},
		{"no address", w.staff, "POST", "/api/v1/addresses", url.Values{"address": {"mx1.example"}}, 400, `"mx1.example" is not an IP address`},
		{"a state to begin with", w.staff, "POST", "/api/v1/addresses", url.Values{"address": {"192.0.2.2"}, "state": {"retired"}}, 400, "warming or active"},
		{"twice", w.staff, "POST", "/api/v1/addresses", url.Values{"address": {"192.0.2.1"}}, 400, "there already"},
		{"unknown field", w.staff, "POST", "/api/v1/addresses", url.Values{"address": {"192.0.2.2"}, "weight": {"3"}}, 400, "weight"},
		{"before its notice", w.staff, "PUT", "/api/v1/addresses/192.0.2.1", url.Values{"state": {"active"}}, 400, "may come into full use from"},
		{"no state", w.staff, "PUT", "/api/v1/addresses/192.0.2.1", url.Values{"state": {"gone"}}, 400, "cannot become gone"},
		{"no day", w.staff, "PUT", "/api/v1/addresses/192.0.2.1", url.Values{"state": {"retiring"}, "on": {"soon"}}, 400, `on: "soon"`},
		{"none there", w.staff, "PUT", "/api/v1/addresses/192.0.2.9", url.Values{"state": {"active"}}, 404, "not one of those"},
		{"none to look at", w.staff, "POST", "/api/v1/addresses/192.0.2.9/verify", nil, 404, "not one of those"},
		{"in use", w.staff, "DELETE", "/api/v1/addresses/192.0.2.1", nil, 400, "only retired ones"},
		{"no address to remove", w.staff, "DELETE", "/api/v1/addresses/x", nil, 400, "not an IP address"},
	} {
		code, doc := w.asks(tt.key, tt.method, tt.path, tt.form)
		if message, _ := doc["message"].(string); code != tt.code || !strings.Contains(message, tt.want) {
			t.Errorf("%s: %d %v, want %d with %q", tt.name, code, doc, tt.code, tt.want)
		}
	}
}
