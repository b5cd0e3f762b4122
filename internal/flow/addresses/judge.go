package addresses

import (
	"context"
	"slices"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/model"
)

// turn is a change from good to bad or back.
type turn struct {
	event  string // English, for the record
	letter letter
}

// look asks DNS about an address and says what has turned. What DNS did not answer stays as it was. ok: it came to its end.
func (s *Service) look(ctx context.Context, a model.SourceAddress) (next model.SourceAddress, turns []turn, ok bool) {
	asking, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	helo := a.Helo
	if helo == "" && a.Node == s.Hostname {
		helo = s.Hostname
	}
	r := reputation.Check(asking, s.Resolver, reputation.Query{IP: a.Address, Helo: helo, Lists: s.Lists})
	if ctx.Err() != nil {
		return a, nil, false
	}
	next = a
	if state, fault := ptrOf(&r); state != model.PTRUnclear {
		next.PTR, next.PTRFault, next.CheckedAt = state, fault, s.Clock.Now()
	}
	next.Listed = listedOf(&r, a.Listed)
	if was, is := faultyPTR(a.PTR), faultyPTR(next.PTR); was != is {
		turns = append(turns, ptrTurn(&next, is))
	}
	if was, is := len(a.Listed) > 0, len(next.Listed) > 0; was != is {
		turns = append(turns, listTurn(&next, is))
	}
	return next, turns, true
}

func faultyPTR(s model.PTRState) bool { return s == model.PTRMissing || s == model.PTRWrong }

// ptrOf is what a check says of the address's name, with what is wrong in English.
func ptrOf(r *reputation.Report) (model.PTRState, string) {
	for _, f := range r.Findings {
		if f.Subject != reputation.SubjectPTR && f.Subject != reputation.SubjectForward {
			continue
		}
		switch {
		case f.Severity == finding.Unknown:
			return model.PTRUnclear, ""
		case f.Severity == finding.Error && f.Subject == reputation.SubjectPTR:
			return model.PTRMissing, f.Found.String()
		case f.Severity == finding.Error:
			return model.PTRWrong, f.Found.String()
		}
	}
	return model.PTRProved, ""
}

// listedOf are the zones of the lists that name the address and matter. One that gave no answer is taken for what it said before.
func listedOf(r *reputation.Report, before []string) []string {
	var zones []string
	for _, l := range r.Lists {
		named := l.State == reputation.Listed && l.Weight != reputation.Low
		silent := l.State != reputation.Listed && l.State != reputation.Clear
		if named || silent && slices.Contains(before, l.Zone) {
			zones = append(zones, l.Zone)
		}
	}
	return zones
}
