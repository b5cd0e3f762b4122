package tlsrpt

import (
	"net/url"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// Record is the TXT record at "_smtp._tls" below a domain.
type Record struct {
	Destinations []string // rua: mailto: and https: addresses, at least one
}

// RecordName is where a domain's record stands.
func RecordName(domain string) string { return "_smtp._tls." + domain }

// ParseRecord reads the TXT records of RecordName. Those that do not begin with "v=TLSRPTv1;" are something else's; if not one
// remains, no reports are sent (RFC 8460 3), and the error says so.
func ParseRecord(txt []string) (Record, error) {
	var own []string
	for _, t := range txt {
		if v, _, ok := strings.Cut(t, ";"); ok && strings.TrimRight(v, " \t") == "v=TLSRPTv1" {
			own = append(own, t)
		}
	}
	switch len(own) {
	case 0:
		return Record{}, wording.Errorf("there is no TLS-RPT record; one begins with %q", "v=TLSRPTv1;")
	case 1:
	default:
		return Record{}, wording.Errorf("there are %d TLS-RPT records, so that nobody reports; keep one", len(own))
	}
	var r Record
	for field := range strings.SplitSeq(own[0], ";") {
		name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
		if strings.Trim(name, " \t") != "rua" {
			continue
		}
		for uri := range strings.SplitSeq(value, ",") {
			uri = strings.Trim(uri, " \t")
			if !isDestination(uri) {
				return Record{}, wording.Errorf("%q in the TLS-RPT record is neither a mailto: nor an https: address", uri)
			}
			r.Destinations = append(r.Destinations, uri)
		}
	}
	if len(r.Destinations) == 0 {
		return Record{}, wording.Errorf("the TLS-RPT record says not where reports are to go; write rua=mailto: and an address that is read")
	}
	return r, nil
}

func isDestination(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "https":
		return u.Host != ""
	case "mailto":
		to, err := url.PathUnescape(u.Opaque)
		if err == nil {
			_, err = address.Parse(to)
		}
		return err == nil
	}
	return false
}
