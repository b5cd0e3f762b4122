package onboard

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
)

// AddDomain gives a domain to an account and makes its two signing keys. With a waiver, the operator's reason, it is
// live at once; without, it waits for its DNS records.
func (s *Service) AddDomain(ctx context.Context, account, name, waiver string) (model.Domain, error) {
	domain, err := domainName(name)
	if err != nil {
		return model.Domain{}, err
	}
	a, err := s.store.Account(ctx, account)
	if err != nil {
		return model.Domain{}, err
	}
	if err := s.free(ctx, a, domain); err != nil {
		return model.Domain{}, err
	}
	now := s.clock.Now()
	d := model.Domain{Name: domain, Account: a.ID, State: model.DomainWaiting, Reason: "its DNS records are not proved yet", CreatedAt: now, ChangedAt: now}
	if waiver != "" {
		d.State, d.Reason, d.Waiver = model.DomainLive, "", waiver
	}
	keys, err := s.makeKeys(domain, now)
	if err != nil {
		return d, err
	}
	ev := model.Event{
		ID: s.ids.Next(), Kind: model.EventDomain, At: now, Account: a.ID,
		Data: model.EventData{Reason: strings.TrimSuffix("added, "+string(d.State)+": "+waiver, ": ")},
	}
	if d, err = s.store.AddDomain(ctx, d, keys, ev); err != nil {
		return d, err
	}
	return d, s.store.Signal(ctx, store.SignalDirectory)
}

// domainName is a name as it is stored: A-labels in lower case, without the closing dot.
func domainName(name string) (string, error) {
	domain, err := address.ParseDomain(strings.TrimSuffix(name, "."))
	if err != nil || strings.HasPrefix(domain, "[") || !strings.Contains(domain, ".") {
		return "", wording.Errorf("%q is not a domain name such as school.example", name)
	}
	return domain, nil
}

// free refuses a domain below one that another account has: its subdomains are its owner's. One above another's is
// given: what is below it stays with who has it, since the nearest domain covers an address.
func (s *Service) free(ctx context.Context, a model.Account, domain string) error {
	for name := domain; strings.Contains(name, "."); {
		_, name, _ = strings.Cut(name, ".")
		above, err := s.store.Domain(ctx, name)
		if store.Is(err, store.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if above.Account != a.ID {
			return wording.Errorf("domain %s is below %s, which belongs to another account", domain, above.Name)
		}
	}
	return nil
}

// makeKeys makes one key of each algorithm. The selector tells when and which, so that the next pair has other names.
func (s *Service) makeKeys(domain string, now time.Time) ([]model.SigningKey, error) {
	var keys []model.SigningKey
	for _, k := range []struct{ algorithm, suffix string }{{dkim.RSA, "r"}, {dkim.Ed25519, "e"}} {
		selector := "bk" + now.UTC().Format("200601") + k.suffix
		g, err := dkim.Generate(k.algorithm, s.random)
		if err != nil {
			return nil, err
		}
		sealed, err := s.ring.Seal(g.PKCS8, dkim.SealContext(domain, selector))
		clear(g.PKCS8)
		if err != nil {
			return nil, err
		}
		keys = append(keys, model.SigningKey{
			Selector: selector, Algorithm: k.algorithm, State: model.KeyActive, Public: g.Public, Sealed: sealed, CreatedAt: now,
		})
	}
	return keys, nil
}

// RemoveDomain takes a domain from its account.
func (s *Service) RemoveDomain(ctx context.Context, name string) error {
	name, err := domainName(name)
	if err != nil {
		return err
	}
	d, err := s.store.Domain(ctx, name)
	if err != nil {
		return err
	}
	ev := model.Event{ID: s.ids.Next(), Kind: model.EventDomain, At: s.clock.Now(), Account: d.Account, Domain: d.ID, Data: model.EventData{Reason: "removed"}}
	if err := s.store.RemoveDomain(ctx, d.ID, ev); err != nil {
		return err
	}
	return s.store.Signal(ctx, store.SignalDirectory)
}

// Record is one DNS record to publish.
type Record struct {
	Name  string `json:"name"` // with closing dot
	Type  string `json:"type"`
	Value string `json:"value"` // as one text, not yet split into strings
	Why   string `json:"why"`
}

// Zone is the record as a line of a BIND zone. A TXT record's strings hold 255 octets at most (RFC 1035 3.3.14).
func (r Record) Zone() string {
	value := r.Value
	if r.Type == "TXT" {
		var parts []string
		for rest := value; rest != ""; {
			n := min(len(rest), 255)
			parts = append(parts, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(rest[:n])+`"`)
			rest = rest[n:]
		}
		value = strings.Join(parts, " ")
	}
	return fmt.Sprintf("%s IN %s %s", r.Name, r.Type, value)
}

// Records are what the owner of the domain publishes: the keys that mail is signed with now, and the least DMARC record
// unless one is there already.
func (s *Service) Records(ctx context.Context, d model.Domain) ([]Record, error) {
	keys, err := s.store.SigningKeys(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	var list []Record
	for _, k := range keys {
		if k.State == model.KeyRetired {
			continue
		}
		list = append(list, Record{Name: k.Selector + "._domainkey." + d.Name + ".", Type: "TXT", Value: dkim.Record(k.Algorithm, k.Public), Why: "DKIM " + k.Algorithm})
	}
	return append(list, Record{Name: "_dmarc." + d.Name + ".", Type: "TXT", Value: "v=DMARC1; p=none", Why: "DMARC"}), nil
}
