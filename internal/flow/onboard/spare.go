package onboard

import (
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// spares are the CNAME records of slots that hold no key now, which are published once and for all with the others.
func (s *Service) spares(d *model.Domain, keys []model.SigningKey) []proof.Record {
	if d.Setup != model.SetupCNAME || s.KeyZone == "" {
		return nil
	}
	var list []proof.Record
	for _, a := range algorithms {
		for _, slot := range slots {
			selector := slotSelector(d.ID, slot, a.letter)
			inUse := slices.ContainsFunc(keys, func(k model.SigningKey) bool { return k.Selector == selector && k.State != model.KeyWithdrawn })
			if !inUse {
				name := selector + "._domainkey."
				list = append(list, proof.Record{Subject: proof.SubjectDKIM, Name: name + d.Name + ".", Type: "CNAME", Value: name + s.KeyZone + "."})
			}
		}
	}
	return list
}

// lookAtSpares adds to a report whether the places of the next keys are published: without, a rotation that nobody has to help
// with would wait for its owner. Nothing but a warning comes of it, so the resolver's word will do.
func (s *Service) lookAtSpares(ctx context.Context, spares []proof.Record, r *proof.Report) {
	deep, ok := s.Resolver.(dns.Deep)
	if !ok || unanswered(r) {
		return
	}
	for _, spare := range spares {
		name, target := strings.TrimSuffix(spare.Name, "."), strings.TrimSuffix(spare.Value, ".")
		answer, err := deep.LookupCNAME(ctx, name)
		a := proof.Answered{Record: spare, Found: answer.Records}
		found := wording.Say("no such record")
		switch {
		case dns.IsDenied(err):
			a.State = proof.Missing
		case err != nil:
			a.State = proof.Unclear
		case slices.Contains(answer.Records, target):
			a.State = proof.Proved
		default:
			a.State, found = proof.Wrong, wording.Say("a CNAME to %s", answer.Records[0]+".")
		}
		r.Records = append(r.Records, a)
		if a.State == proof.Missing || a.State == proof.Wrong {
			r.Findings = append(r.Findings, finding.Finding{
				Severity: finding.Warning, Subject: proof.SubjectDKIM, Code: "no-place", Name: name, Found: found,
				Expected: wording.Say("a CNAME to %s", spare.Value), Change: wording.Say("publish it, so that the next key has a place and can be changed without you"),
			})
		}
	}
	finding.Sort(r.Findings)
}
