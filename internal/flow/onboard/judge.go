package onboard

import (
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	// confirmAfter is how long something must be gone before it counts: two looks apart, so that a name server that loads
	// its zone at the wrong moment stops nobody.
	confirmAfter = 2 * time.Minute
	// keepWithdrawn is how long a withdrawn key is told of, so that its owner sees that its record may go.
	keepWithdrawn = 14 * 24 * time.Hour
)

// verdict is what a check means for a domain: the change to store, and what is told of it. It is made by judge alone.
type verdict struct {
	settings *Settings
	report   *proof.Report
	change   store.DomainChange
	keys     []model.SigningKey // as they are to be, without those that go
	told     []string           // what happened, one event; empty: nothing
	warning  Warning            // to be mailed; empty: nothing
}

// judge decides what follows from a report. It reads no clock: the report tells when.
func (s *Settings) judge(d model.Domain, keys []model.SigningKey, r *proof.Report) verdict {
	v := verdict{settings: s, report: r, change: store.DomainChange{Domain: d, From: d.State}}
	if unanswered(r) {
		v.keys = keys
		return v
	}
	out := &v.change.Domain
	if r.Ownership == proof.Proved && out.OwnedAt.IsZero() {
		out.OwnedAt = r.At
	}
	if r.ReturnPath != proof.Unclear {
		out.ReturnPath = r.ReturnPath == proof.Proved
	}
	for _, k := range keys {
		v.key(k, keys)
	}
	v.state()
	out.CheckedAt = r.At
	v.change.Proof = encodeProof(*r)
	return v
}

// unanswered reports a check that learned nothing: a resolver that is down, and no fault of the domain's.
func unanswered(r *proof.Report) bool {
	for _, s := range []proof.State{r.Ownership, r.SPF, r.DMARC} {
		if s != proof.Unclear && s != "" {
			return false
		}
	}
	return r.Ownership == proof.Unclear
}

func (v *verdict) tell(parts ...string) { v.told = append(v.told, strings.Join(parts, " ")) }

// key decides what becomes of one key.
func (v *verdict) key(k model.SigningKey, all []model.SigningKey) {
	from, now := k.State, v.report.At
	switch found := v.report.Keys[k.Selector]; k.State {
	case model.KeyActive, model.KeyLost:
		if v.replaced(k.Algorithm, all) {
			k.State = model.KeyRetired
			break
		}
		v.signing(&k, found)
	case model.KeyComing:
		if found == proof.Proved {
			k.State, k.SeenAt = model.KeyActive, now
			v.tell("key", k.Selector, "is in DNS everywhere and signs")
		}
	case model.KeyRetired:
		if now.Sub(k.ChangedAt) >= v.settings.Hold {
			k.State = model.KeyWithdrawn
			v.tell("key", k.Selector, "is withdrawn, its record may be removed")
		}
	case model.KeyWithdrawn:
		if now.Sub(k.ChangedAt) >= keepWithdrawn {
			v.change.Keys = append(v.change.Keys, store.KeyChange{SigningKey: k, From: from, Gone: true})
			v.tell("key", k.Selector, "is deleted")
			return
		}
	}
	c := store.KeyChange{SigningKey: k, From: from}
	if k.State != from {
		c.ChangedAt = now
		// What was never proved has signed nothing that anybody took: there is nothing to wait for.
		c.Gone = k.State == model.KeyRetired && (v.change.From == model.DomainAdded || v.change.From == model.DomainWaiting)
	}
	if !c.Gone {
		v.keys = append(v.keys, c.SigningKey)
	}
	v.change.Keys = append(v.change.Keys, c)
}

// replaced reports whether a coming key of the algorithm takes over now.
func (v *verdict) replaced(algorithm string, all []model.SigningKey) bool {
	return slices.ContainsFunc(all, func(k model.SigningKey) bool {
		return k.State == model.KeyComing && k.Algorithm == algorithm && v.report.Keys[k.Selector] == proof.Proved
	})
}

// signing follows the record of a key that signs, or did until its record was lost.
func (v *verdict) signing(k *model.SigningKey, found proof.State) {
	now := v.report.At
	switch found {
	case proof.Proved:
		if k.State == model.KeyLost {
			k.State = model.KeyActive
			v.tell("key", k.Selector, "is back in DNS and signs again")
		}
		k.SeenAt, k.MissedAt = now, time.Time{}
	case proof.Missing, proof.Wrong:
		if k.MissedAt.IsZero() {
			k.MissedAt = now
		}
		sends := v.change.From.MaySend() || v.change.From == model.DomainStopped
		if k.State == model.KeyActive && sends && v.change.Domain.Waiver == "" && now.Sub(k.MissedAt) >= confirmAfter {
			k.State = model.KeyLost
			v.tell("key", k.Selector, "is not in DNS any more and does not sign until it is")
			v.warning = WarnKeyLost
		}
	}
}

// state decides what becomes of the domain, by the keys as they are now.
func (v *verdict) state() {
	d := &v.change.Domain
	gate := proof.Decide(v.report, v.settings.gateKeys(v.keys))
	before := d.Lacks
	if !gate.Unclear {
		d.Lacks = gate.Lacks
	}
	next := v.next(gate, before)
	if next == model.DomainLive && (d.State == model.DomainAdded || d.State == model.DomainWaiting) {
		v.leaveOut()
	}
	if next != d.State {
		v.tell(strings.TrimSuffix(string(next)+": "+strings.Join(d.Lacks, ", "), ": "))
		v.warning = warningOf(d.State, next)
		d.State, d.ChangedAt, d.Reason = next, v.report.At, Reason(next).String()
		return
	}
	if d.Waiver == "" || d.CheckedAt.IsZero() || gate.Unclear {
		return
	}
	// A waived domain keeps its state, whatever DNS says; what it loses is told.
	gained := slices.DeleteFunc(slices.Clone(d.Lacks), func(s string) bool { return slices.Contains(before, s) })
	switch {
	case len(gained) > 0:
		v.tell("lacks", strings.Join(gained, ", "), "and sends on by the operator's waiver")
		v.warning = WarnDegraded
	case len(before) > 0 && len(d.Lacks) == 0:
		v.tell("lacks nothing any more")
	}
}

// gateKeys are the keys that count for the gate.
func (s *Settings) gateKeys(keys []model.SigningKey) []proof.Key {
	var list []proof.Key
	for _, k := range keys {
		if k.State == model.KeyActive || k.State == model.KeyLost {
			list = append(list, proof.Key{Selector: k.Selector, Algorithm: k.Algorithm})
		}
	}
	return list
}

// next is the state to come. before is what the last check found lacking.
func (v *verdict) next(gate proof.Gate, before []string) model.DomainState {
	d := &v.change.Domain
	switch d.State {
	case model.DomainAdded, model.DomainWaiting:
		switch {
		case gate.Open, d.Waiver != "":
			return model.DomainLive
		case gate.Unclear:
			return d.State
		}
		return model.DomainWaiting
	}
	signs := slices.ContainsFunc(v.keys, func(k model.SigningKey) bool {
		return k.State == model.KeyActive && k.Algorithm == model.AlgorithmRSA // RFC 8463: few receivers know the other
	})
	switch {
	case gate.Open, d.Waiver != "":
		return model.DomainLive
	case !signs && !d.ReturnPath: // neither DKIM nor SPF in alignment: RFC 9989 fails it
		return model.DomainStopped
	case gate.Unclear:
		return d.State
	case d.State == model.DomainLive && (len(before) == 0 || v.report.At.Sub(d.CheckedAt) < confirmAfter):
		return model.DomainLive // looked at once more before it is told
	}
	return model.DomainDegraded
}

// leaveOut keeps a domain that goes live from signing with a key that its owner has not published.
func (v *verdict) leaveOut() {
	for i := range v.change.Keys {
		c := &v.change.Keys[i]
		found := v.report.Keys[c.Selector]
		if c.State != model.KeyActive || c.Gone || v.change.Domain.Waiver != "" || found == proof.Proved || found == proof.Unclear {
			continue
		}
		c.State, c.ChangedAt = model.KeyLost, v.report.At
		v.tell("key", c.Selector, "is not in DNS and does not sign until it is")
	}
}
