package onboard

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

// Record is one DNS record to publish, and how the last check found it.
type Record struct {
	proof.Record
	Key   model.KeyState `json:"key,omitempty"`   // of a DKIM record: its key's; empty: a place for the next key
	State proof.State    `json:"state,omitempty"` // empty: not looked up yet
	Found []string       `json:"found,omitempty"`
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

// Sheet is what the owner of a domain publishes.
type Sheet struct {
	Domain  model.Domain `json:"domain"`
	Records []Record     `json:"records"`
	// Otherwise is what to publish in the place of the return path's alias where other records are at its name.
	Otherwise []proof.Record `json:"otherwise,omitempty"`
	// Removable are records of keys that no mail on its way is signed with any more.
	Removable []Record `json:"removable,omitempty"`
	// Unread says that DNS did not tell which records the domain has now: those shown are right only if it has none.
	Unread bool `json:"unread,omitempty"`
	// NeedsSPF says that the domain's SPF record cannot be changed as it stands: it must be mended first.
	NeedsSPF bool      `json:"needs_spf,omitempty"`
	At       time.Time `json:"checked_at,omitzero"` // of the check that the states are of
}

// Records are what the owner of the domain publishes. See Sheet.
func (s *Service) Records(ctx context.Context, d model.Domain) ([]Record, error) {
	sheet, err := s.Sheet(ctx, d)
	return sheet.Records, err
}

// Sheet looks up what the domain has now, and lists what is to be published in its place. Records are shown to be
// published until nothing can need them.
func (s *Service) Sheet(ctx context.Context, d model.Domain) (Sheet, error) {
	sheet := Sheet{Domain: d}
	if d.Token == "" { // from before there were tokens
		var err error
		if d, err = s.giveToken(ctx, d.Name); err != nil {
			return sheet, err
		}
		sheet.Domain = d
	}
	keys, err := s.store.SigningKeys(ctx, d.ID)
	if err != nil {
		return sheet, err
	}
	last, err := s.lastProof(ctx, d.ID)
	if err != nil {
		return sheet, err
	}
	sources, err := s.Addresses(ctx)
	if err != nil {
		return sheet, err
	}
	e := s.expected(&d, keys, sources)
	if e.ReturnPath != "" && s.Host != "" {
		sheet.Otherwise = proof.ReturnPathOtherwise(e, []string{s.Host})
	}
	now, unread := s.present(ctx, d.Name)
	sheet.Unread, sheet.At = unread, last.At
	states := map[string]model.KeyState{}
	for _, k := range keys {
		states[k.Selector+"._domainkey."+d.Name+"."] = k.State
		if k.State == model.KeyWithdrawn && s.target(&d, k.Selector) == "" {
			name := k.Selector + "._domainkey." + d.Name + "."
			sheet.Removable = append(sheet.Removable, Record{Record: proof.Record{Subject: proof.SubjectDKIM, Name: name, Type: "TXT", Value: dkim.Record(k.Algorithm, k.Public)}, Key: k.State})
		}
	}
	sheet.NeedsSPF = len(sources) > 0 || s.Include != ""
	spares := s.spares(&d, keys)
	for _, r := range proof.Wanted(e, now) {
		if r.Subject != proof.SubjectOwnership && r.Subject != proof.SubjectDKIM { // behind the last key
			sheet.add(&last, states, spares...)
			spares = nil
		}
		sheet.NeedsSPF = sheet.NeedsSPF && r.Subject != proof.SubjectSPF
		sheet.add(&last, states, r)
	}
	return sheet, nil
}

func (t *Sheet) add(last *lastProof, keys map[string]model.KeyState, records ...proof.Record) {
	for _, r := range records {
		shown := Record{Record: r, Key: keys[r.Name]}
		for _, a := range last.Records {
			if a.Name == r.Name && a.Subject == r.Subject {
				shown.State, shown.Found = a.State, a.Found
			}
		}
		t.Records = append(t.Records, shown)
	}
}

func (s *Service) giveToken(ctx context.Context, name string) (model.Domain, error) {
	return s.edit(ctx, name, func(c *store.DomainChange) (err error) {
		if c.Domain.Token == "" {
			c.Domain.Token, err = s.token()
		}
		return err
	})
}

// present are the TXT records at the domain and its _dmarc name, which are changed and never doubled. unread: DNS did not say.
func (s *Service) present(ctx context.Context, domain string) (list []string, unread bool) {
	if s.Resolver == nil {
		return nil, false
	}
	for _, name := range []string{domain, "_dmarc." + domain} {
		answer, err := s.Resolver.LookupTXT(ctx, name)
		list = append(list, answer.Records...)
		unread = unread || err != nil && !dns.IsDenied(err)
	}
	return list, unread
}

// lastProof is the part of a kept report that is read back: its findings are words in a language, for programs.
type lastProof struct {
	At      time.Time        `json:"at"`
	Records []proof.Answered `json:"records"`
}

func (s *Service) lastProof(ctx context.Context, id model.DomainID) (lastProof, error) {
	var last lastProof
	b, err := s.store.Proof(ctx, id)
	if err != nil || b == nil {
		return last, err
	}
	// What cannot be read, a newer program wrote; the next check writes it anew.
	if json.Unmarshal(b, &last) != nil {
		return lastProof{}, nil
	}
	return last, nil
}

// encodeProof is a report as it is kept: of one that is too long, the end of what was found at each name goes, then
// the table of requirements, then the mildest findings.
func encodeProof(r proof.Report) []byte {
	const found, findings = 4, 20 // of a record; of a domain
	for _, shorten := range []func(){
		func() {},
		func() {
			records := make([]proof.Answered, len(r.Records))
			for i, a := range r.Records {
				a.Found = a.Found[:min(len(a.Found), found)]
				records[i] = a
			}
			r.Records = records
		},
		func() { r.Tree, r.Requirements = nil, nil },
		func() { r.Findings = r.Findings[:min(len(r.Findings), findings)] },
		func() {
			for i := range r.Records {
				r.Records[i].Found = nil
			}
		},
		func() { r.Findings = nil },
	} {
		shorten()
		if b, err := json.Marshal(r); err == nil && len(b) <= store.MaxProof {
			return b
		}
	}
	return []byte("{}")
}
