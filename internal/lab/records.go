package lab

import (
	"net"
	"net/netip"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// parseRecords reads the notation of a BIND zone file. It includes no files, and takes no address outside loopback.
func parseRecords(text string, ttl time.Duration) ([]mdns.RR, error) {
	if text == "" {
		return nil, nil
	}
	parser := mdns.NewZoneParser(strings.NewReader(text), ".", "")
	parser.SetDefaultTTL(uint32(ttl / time.Second))
	var list []mdns.RR
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if len(list) >= maxRecords { // $GENERATE can ask for any number
			return nil, wording.Errorf("over %d records", maxRecords)
		}
		if err := onLoopback(rr); err != nil {
			return nil, err
		}
		list = append(list, rr)
	}
	return list, parser.Err()
}

func onLoopback(rr mdns.RR) error {
	var ip net.IP
	switch rr := rr.(type) {
	case *mdns.A:
		ip = rr.A
	case *mdns.AAAA:
		ip = rr.AAAA
	default:
		return nil
	}
	if a, ok := netip.AddrFromSlice(ip); !ok || !a.Unmap().IsLoopback() {
		return wording.Errorf("%s has address %s, which is not loopback; the lab leads nowhere outside this machine", rr.Header().Name, ip)
	}
	return nil
}
