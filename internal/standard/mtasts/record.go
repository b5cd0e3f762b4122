package mtasts

import (
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Record is the TXT record at "_mta-sts" below a domain.
type Record struct {
	ID string // changes whenever the policy does: 1 to 32 letters and digits
}

// RecordName is where a domain's record stands.
func RecordName(domain string) string { return "_mta-sts." + domain }

// ParseRecord reads the TXT records of RecordName. Those that do not begin with "v=STSv1;" are something else's; if not one
// remains, the domain has no policy (RFC 8461 3.1), and the error says so.
func ParseRecord(txt []string) (Record, error) {
	var own []string
	for _, t := range txt {
		if v, _, ok := strings.Cut(t, ";"); ok && strings.TrimRight(v, " \t") == "v=STSv1" {
			own = append(own, t)
		}
	}
	switch len(own) {
	case 0:
		return Record{}, wording.Errorf("there is no MTA-STS record; one begins with %q", "v=STSv1;")
	case 1:
	default:
		return Record{}, wording.Errorf("there are %d MTA-STS records, so that senders take none; keep one", len(own))
	}
	r := Record{}
	for field := range strings.SplitSeq(own[0], ";") {
		name, value, _ := strings.Cut(strings.Trim(field, " \t"), "=")
		if name == "id" && r.ID == "" {
			r.ID = value
		}
	}
	if len(r.ID) < 1 || len(r.ID) > 32 || strings.ContainsFunc(r.ID, func(c rune) bool { return !isAlnum(c) }) {
		return Record{}, wording.Errorf("the id of the MTA-STS record is %q; write 1 to 32 letters and digits, new ones at each change of the policy", r.ID)
	}
	return r, nil
}

func isAlnum(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
