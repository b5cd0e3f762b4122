package config

import (
	"fmt"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Reputation names the blocklists that are asked over DNS, as ParseBlocklist reads them.
type Reputation struct {
	Blocklists       []string `toml:"blocklists"`        // of addresses
	DomainBlocklists []string `toml:"domain_blocklists"` // of domains
}

// maxBlocklists bounds each of the two: a check asks each up to 3 questions.
const maxBlocklists = 50

// defaultReputation names lists that are free for a small sender and ask for no registration.
func defaultReputation() Reputation {
	return Reputation{
		Blocklists:       []string{"zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com", "bl.mailspike.net"},
		DomainBlocklists: []string{"dbl.spamhaus.org", "multi.surbl.org", "multi.uribl.com"},
	}
}

func (c *Config) validateReputation(bad complain) {
	for key, list := range map[string][]string{
		"reputation.blocklists": c.Reputation.Blocklists, "reputation.domain_blocklists": c.Reputation.DomainBlocklists,
	} {
		if len(list) > maxBlocklists {
			bad(key, "%d lists are more than %d", len(list), maxBlocklists)
		}
		for i, entry := range list {
			if _, _, err := ParseBlocklist(entry); err != nil {
				bad(fmt.Sprintf("%s %d", key, i+1), "%w", err)
			}
		}
	}
}

// ParseBlocklist reads one entry of a list of blocklists: "ZONE", or "ZONE=KEY" for a zone that is asked as KEY.ZONE. The key
// is a secret; no error holds the entry.
func ParseBlocklist(s string) (zone, key string, err error) {
	zone, key, keyed := strings.Cut(s, "=")
	zone, key = strings.TrimSuffix(strings.TrimSpace(zone), "."), strings.TrimSpace(key)
	if !strings.Contains(zone, ".") || !labels(zone) {
		return "", "", wording.Errorf("the zone is no domain name; wants ZONE or ZONE=KEY, such as zen.spamhaus.org")
	}
	if keyed && (strings.Contains(key, ".") || !labels(key)) {
		return "", "", wording.Errorf("the key of %s is not one label of letters, digits and hyphens", zone)
	}
	return zone, key, nil
}

// labels reports whether s is made of DNS labels of letters, digits, hyphens and underscores, and leaves room in a name for
// an IPv6 address in front.
func labels(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		odd := func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	return len(s) <= 120
}
