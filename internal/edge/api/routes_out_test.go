package api

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/relay"
)

func TestAnOwnServersWayByHTTP(t *testing.T) {
	w := newWorld(t)
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	router, err := route.New(route.Config{Clock: clock.System{}, Inside: true})
	w.ok(err)
	w.Routes = relay.New(relay.Config{
		Store: w.store, Ring: ring, Router: router, Clock: clock.System{}, IDs: w.ids, Log: slog.New(slog.DiscardHandler), Helo: "mx.example",
		Connector: outbound.New(outbound.Config{Dial: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) { return nil, syscall.ECONNREFUSED }}),
	})
	const path = "/api/v1/accounts/school/route"
	const secret = "s3cret-of-the-school"
	settings := url.Values{"host": {"127.0.0.1"}, "username": {"info"}, "password": {secret}, "per_day": {"500"}, "fallback": {"own"}}
	for _, tt := range []struct {
		key, method, path string
		form              url.Values
		code              int
		want              string // in the answer
	}{
		{w.school, "GET", path, nil, 404, "has no server of its own"},
		{w.school, "POST", path + "/test", nil, 404, "has no server of its own"},
		{w.shop, "PUT", path, settings, 404, "Account not found"},
		{w.school, "PUT", path, url.Values{"host": {"127.0.0.1"}, "tls": {"none"}, "username": {"u"}, "password": {"p"}}, 400, "could be read"},
		{w.school, "PUT", path, url.Values{"host": {"127.0.0.1"}, "per_day": {"many"}}, 400, "per_day"},
		{w.school, "PUT", path, url.Values{"host": {"127.0.0.1"}, "port": {"0x10"}}, 400, "port"},
		{w.school, "PUT", path, url.Values{"host": {"127.0.0.1"}, "sender": {"x"}}, 400, "sender"},
		{w.school, "PUT", path, settings, 200, `"per_day":500`},
		{w.school, "GET", path, nil, 200, `"state":"untested"`},
		{w.school, "POST", path + "/test", nil, 200, `"code":"port-closed"`},
		{w.school, "POST", path + "/test", url.Values{"to": {"a@b.example>\r\nDATA"}}, 400, "address"},
		{w.staff, "GET", path, nil, 200, `"sent_today":0`},
		{w.shop, "GET", path, nil, 404, "Account not found"},
		{w.staff, "DELETE", path, nil, 200, "as everybody's"},
		{w.school, "DELETE", path, nil, 404, "has no server of its own"},
	} {
		code, doc := w.asks(tt.key, tt.method, tt.path, tt.form)
		text, err := json.Marshal(doc)
		w.ok(err)
		if code != tt.code || !strings.Contains(string(text), tt.want) {
			t.Errorf("%s %s %v: %d %s, want %d with %s", tt.method, tt.path, tt.form, code, text, tt.code, tt.want)
		}
		if strings.Contains(string(text)+w.log.String(), secret) {
			t.Errorf("%s %s: the password is in %s", tt.method, tt.path, text)
		}
	}
}
