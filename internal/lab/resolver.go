package lab

import (
	"context"
	"net"
	"strings"

	mdns "github.com/miekg/dns"
)

// resolver looks names up for those who judge what arrives.
type resolver struct{ names *names }

// txt is for the DKIM verifier.
func (r resolver) txt(name string) ([]string, error) {
	list, err := r.lookup(name, mdns.TypeTXT)
	var texts []string
	for _, rr := range list {
		if t, ok := rr.(*mdns.TXT); ok {
			texts = append(texts, strings.Join(t.Txt, ""))
		}
	}
	return texts, err
}

// lookup gives a *net.DNSError if there is no such record or no answer.
func (r resolver) lookup(name string, qtype uint16) ([]mdns.RR, error) {
	a := r.names.lookup(name, qtype)
	switch {
	case a.fault != "":
		return nil, &net.DNSError{Err: string(a.fault), Name: name, IsTemporary: true}
	case a.zone != nil:
		return nil, &net.DNSError{Err: "no such record", Name: name, IsNotFound: true}
	}
	return a.records, nil
}

// LookupTXT implements spf.DNSResolver.
func (r resolver) LookupTXT(_ context.Context, name string) ([]string, error) { return r.txt(name) }

// LookupMX implements spf.DNSResolver.
func (r resolver) LookupMX(_ context.Context, name string) ([]*net.MX, error) {
	list, err := r.lookup(name, mdns.TypeMX)
	var hosts []*net.MX
	for _, rr := range list {
		if mx, ok := rr.(*mdns.MX); ok {
			hosts = append(hosts, &net.MX{Host: mx.Mx, Pref: mx.Preference})
		}
	}
	return hosts, err
}

// LookupIPAddr implements spf.DNSResolver.
func (r resolver) LookupIPAddr(_ context.Context, host string) ([]net.IPAddr, error) {
	four, err := r.lookup(host, mdns.TypeA)
	six, err6 := r.lookup(host, mdns.TypeAAAA)
	var addrs []net.IPAddr
	for _, rr := range append(four, six...) {
		switch rr := rr.(type) {
		case *mdns.A:
			addrs = append(addrs, net.IPAddr{IP: rr.A})
		case *mdns.AAAA:
			addrs = append(addrs, net.IPAddr{IP: rr.AAAA})
		}
	}
	if err == nil || err6 == nil {
		return addrs, nil
	}
	return nil, err
}

// LookupAddr implements spf.DNSResolver.
func (r resolver) LookupAddr(_ context.Context, addr string) ([]string, error) {
	name, err := mdns.ReverseAddr(addr)
	if err != nil {
		return nil, err
	}
	list, err := r.lookup(name, mdns.TypePTR)
	var hosts []string
	for _, rr := range list {
		if ptr, ok := rr.(*mdns.PTR); ok {
			hosts = append(hosts, ptr.Ptr)
		}
	}
	return hosts, err
}
