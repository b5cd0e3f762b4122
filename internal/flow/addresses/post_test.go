package addresses

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// TestCallsStayOutOfTheNodesOwnNetwork asks for a server of this machine by every way there is.
func TestCallsStayOutOfTheNodesOwnNetwork(t *testing.T) {
	hits := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	fake := &dnstest.Fake{A: map[string][]netip.Addr{
		"inside.example": {netip.MustParseAddr("127.0.0.1")}, "zero.example": {netip.MustParseAddr("0.0.0.0")},
	}, AAAA: map[string][]netip.Addr{"mapped.example": {netip.MustParseAddr("::ffff:127.0.0.1")}}}
	ask := func(inside bool, host string) error {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+host+":"+port+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		transport := Transport(fake, inside)
		defer transport.CloseIdleConnections()
		resp, err := transport.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	for _, host := range []string{"127.0.0.1", "inside.example", "zero.example", "mapped.example", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[fe80::1]", "localhost"} {
		if err := ask(false, host); err == nil {
			t.Errorf("%s was called", host)
		}
	}
	if hits != 0 {
		t.Errorf("%d calls came through", hits)
	}
	for _, host := range []string{"127.0.0.1", "inside.example"} {
		if err := ask(true, host); err != nil {
			t.Errorf("a lab's %s: %v", host, err)
		}
	}
	if hits != 2 {
		t.Errorf("%d calls of a lab, want 2", hits)
	}
}
