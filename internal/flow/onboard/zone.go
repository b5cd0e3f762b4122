package onboard

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
)

// zonePage is how many domains are read at a time: with up to 12 keys of 2 KiB each, 2.4 MiB.
const zonePage = 100

// OperatorZone gives each record of the operator's own zones: what customers' records lead to. host takes mail for the
// bounce domain. The keys of customers are read as they are given, so that there may be any number.
func (s *Service) OperatorZone(ctx context.Context, host string, each func(Record) error) error {
	sources, err := s.Addresses(ctx)
	if err != nil {
		return err
	}
	for _, r := range s.operatorRecords(host, sources) {
		if err := each(Record{Record: r}); err != nil {
			return err
		}
	}
	if s.KeyZone == "" {
		return nil
	}
	for after := model.DomainID(0); ; {
		page, err := s.store.ListDomainKeys(ctx, after, zonePage)
		if err != nil {
			return err
		}
		for i := range page {
			if err := s.slotRecords(&page[i].Domain, page[i].Keys, each); err != nil {
				return err
			}
			after = page[i].ID
		}
		if len(page) < zonePage {
			return nil
		}
	}
}

// operatorRecords are those that do not depend on customers.
func (s *Service) operatorRecords(host string, sources []netip.Addr) []proof.Record {
	var list []proof.Record
	txt := func(subject, name, value string) {
		list = append(list, proof.Record{Subject: subject, Name: name + ".", Type: "TXT", Value: value})
	}
	var addresses strings.Builder
	for _, a := range sources {
		kind := "ip6"
		if a.Unmap().Is4() {
			kind = "ip4"
		}
		addresses.WriteString(" " + kind + ":" + a.Unmap().WithZone("").String())
	}
	terms := addresses.String()
	list = append(list, proof.Record{Subject: proof.SubjectReturnPath, Name: s.ReturnTarget + ".", Type: "MX", Value: "10 " + host + "."})
	if s.Include != "" {
		if terms != "" { // without addresses it would forbid everybody to send
			txt(proof.SubjectSPF, s.Include, "v=spf1"+terms+" -all")
		}
		terms = " include:" + s.Include
	}
	if terms != "" {
		txt(proof.SubjectReturnPath, s.ReturnTarget, "v=spf1"+terms+" -all")
	}
	if _, domain, ok := strings.Cut(s.ReportTo, "@"); ok { // RFC 9990 4: whoever is sent reports of others agrees to it
		txt(proof.SubjectDMARC, "*._report._dmarc."+domain, "v=DMARC1")
	}
	return list
}

// slotRecords are the places of one customer: those that hold no key have an empty p=, which revokes (RFC 6376 3.6.1), so
// that the customer's CNAME records always lead to something.
func (s *Service) slotRecords(d *model.Domain, keys []model.SigningKey, each func(Record) error) error {
	inUse := func(selector string) int {
		return slices.IndexFunc(keys, func(k model.SigningKey) bool { return k.Selector == selector && k.State != model.KeyWithdrawn })
	}
	anyInUse := slices.ContainsFunc(keys, func(k model.SigningKey) bool { return s.target(d, k.Selector) != "" && k.State != model.KeyWithdrawn })
	if d.Setup != model.SetupCNAME && !anyInUse {
		return nil
	}
	for _, a := range algorithms {
		for _, slot := range slots {
			selector := slotSelector(d.ID, slot, a.letter)
			r := Record{Record: proof.Record{Subject: proof.SubjectDKIM, Name: selector + "._domainkey." + s.KeyZone + ".", Type: "TXT", Value: dkim.Record(a.name, nil)}}
			if i := inUse(selector); i >= 0 {
				r.Key, r.Value = keys[i].State, dkim.Record(keys[i].Algorithm, keys[i].Public)
			}
			if err := each(r); err != nil {
				return err
			}
		}
	}
	return nil
}
