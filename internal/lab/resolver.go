package lab

import (
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
