package proof

import (
	"net"
	"net/netip"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

func TestDialStaysOutside(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	world := &dnstest.Fake{A: map[string][]netip.Addr{"mta-sts.school.example": {netip.MustParseAddr("127.0.0.1")}}}
	for _, tt := range []struct {
		host   string
		inside bool
		ok     bool
	}{{"mta-sts.school.example", true, true}, {"mta-sts.school.example", false, false}, {"none.example", true, false}} {
		conn, err := Dial(world, tt.inside)(t.Context(), "tcp", net.JoinHostPort(tt.host, port))
		if (err == nil) != tt.ok {
			t.Errorf("%s, inside %v: %v", tt.host, tt.inside, err)
		}
		if conn != nil {
			conn.Close()
		}
	}
}
