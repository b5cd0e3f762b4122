package onboard

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
)

// judged is one thing that a check may find.
type judged struct {
	name    string
	state   model.DomainState
	changes []change // of a live domain in order
	want    string   // state, keys, lacks, told
}

type change func(d *model.Domain, keys []model.SigningKey, r *proof.Report)

// Keys of the table: r2 is withdrawn unless a case says otherwise.
const r1, e1, r2 = "r1", "e1", "r2"

func judgedAt() time.Time { return time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC) }

func judgedCases() []judged {
	at := judgedAt()
	missing := func(selectors ...string) change {
		return func(_ *model.Domain, _ []model.SigningKey, r *proof.Report) {
			for _, s := range selectors {
				r.Keys[s] = proof.Missing
			}
		}
	}
	missed := func(ago time.Duration) change {
		return func(_ *model.Domain, keys []model.SigningKey, _ *proof.Report) {
			for i := range keys {
				keys[i].MissedAt = at.Add(-ago)
			}
		}
	}
	suspected := func(d *model.Domain, _ []model.SigningKey, _ *proof.Report) { d.Lacks = []string{"dkim"} }
	keysAre := func(states ...model.KeyState) change {
		return func(_ *model.Domain, keys []model.SigningKey, _ *proof.Report) {
			for i, s := range states {
				keys[i].State = s
			}
		}
	}
	noPath := func(_ *model.Domain, _ []model.SigningKey, r *proof.Report) { r.ReturnPath = proof.Missing }
	found := func(ownership, spf, path, dmarc proof.State) change {
		return func(_ *model.Domain, _ []model.SigningKey, r *proof.Report) {
			r.Ownership, r.SPF, r.ReturnPath, r.DMARC = ownership, spf, path, dmarc
		}
	}
	waived := func(d *model.Domain, _ []model.SigningKey, _ *proof.Report) { d.Waiver = "known" }
	p, m, w, u := proof.Proved, proof.Missing, proof.Wrong, proof.Unclear
	return []judged{
		{"all is there", model.DomainAdded, nil, "live r1:active e1:active [] live"},
		{"nothing is there", model.DomainAdded, []change{found(m, m, m, m), missing(r1, e1)}, "waiting r1:active e1:active [ownership spf dkim dmarc] waiting: ownership, spf, dkim, dmarc"},
		{"still nothing", model.DomainWaiting, []change{found(m, m, m, m), missing(r1, e1)}, "waiting r1:active e1:active [ownership spf dkim dmarc]"},
		{"no ownership", model.DomainWaiting, []change{found(m, p, p, p)}, "waiting r1:active e1:active [ownership]"},
		{"SPF by the return path alone", model.DomainWaiting, []change{found(p, m, p, p)}, "live r1:active e1:active [] live"},
		{"DNS is down", model.DomainAdded, []change{found(u, u, u, u)}, "added r1:active e1:active []"},
		{"one answer is not to be had", model.DomainWaiting, []change{found(p, p, p, u)}, "waiting r1:active e1:active []"},
		{"the second key is not published", model.DomainWaiting, []change{missing(e1)}, "live r1:active e1:lost [] key e1 is not in DNS and does not sign until it is; live"},
		{"only the key few know", model.DomainWaiting, []change{missing(r1)}, "waiting r1:active e1:active [dkim]"},

		{"in order", model.DomainLive, nil, "live r1:active e1:active []"},
		{"gone at one look", model.DomainLive, []change{found(p, p, p, m)}, "live r1:active e1:active [dmarc]"},
		{"gone at two", model.DomainLive, []change{found(p, p, p, m), suspected}, "degraded r1:active e1:active [dmarc] degraded: dmarc"},
		{"back at the second", model.DomainLive, []change{suspected}, "live r1:active e1:active []"},
		{"DNS is down in between", model.DomainLive, []change{found(u, u, u, u), suspected}, "live r1:active e1:active [dkim]"},
		{"ownership is gone", model.DomainLive, []change{found(w, p, p, p), suspected}, "degraded r1:active e1:active [ownership] degraded: ownership"},
		{"a key gone at one look", model.DomainLive, []change{missing(e1)}, "live r1:active e1:active []"},
		{"a key gone for a minute", model.DomainLive, []change{missing(e1), missed(time.Minute)}, "live r1:active e1:active []"},
		{"a key gone at two looks", model.DomainLive, []change{missing(e1), missed(3 * time.Minute)}, "live r1:active e1:lost [] key e1 is not in DNS any more and does not sign until it is"},
		{
			"both keys gone, return path aligned", model.DomainLive,
			[]change{missing(r1, e1), missed(3 * time.Minute), suspected},
			"degraded r1:lost e1:lost [dkim] key r1 is not in DNS any more and does not sign until it is; key e1 is not in DNS any more and does not sign until it is; degraded: dkim",
		},
		{
			"both keys gone, and nothing aligned", model.DomainLive,
			[]change{missing(r1, e1), missed(3 * time.Minute), suspected, noPath},
			"stopped r1:lost e1:lost [dkim] key r1 is not in DNS any more and does not sign until it is; key e1 is not in DNS any more and does not sign until it is; stopped: dkim",
		},
		{
			"the key all know is gone, and nothing aligned", model.DomainLive,
			[]change{missing(r1), missed(3 * time.Minute), suspected, noPath},
			"stopped r1:lost e1:active [dkim] key r1 is not in DNS any more and does not sign until it is; stopped: dkim",
		},
		{"a key not to be told, the other gone", model.DomainLive, []change{func(_ *model.Domain, _ []model.SigningKey, r *proof.Report) { r.Keys[r1] = u }, missing(e1), missed(hour), suspected, noPath}, "live r1:active e1:lost [dkim] key e1 is not in DNS any more and does not sign until it is"},
		{"return path not to be told", model.DomainLive, []change{missing(r1, e1), keysAre(model.KeyLost, model.KeyLost), suspected, found(p, p, u, p)}, "degraded r1:lost e1:lost [dkim] degraded: dkim"},

		{"mended", model.DomainDegraded, []change{suspected}, "live r1:active e1:active [] live"},
		{"still degraded", model.DomainDegraded, []change{found(p, p, p, m)}, "degraded r1:active e1:active [dmarc]"},
		{"degraded, and the return path goes as well", model.DomainDegraded, []change{missing(r1, e1), keysAre(model.KeyLost, model.KeyLost), noPath}, "stopped r1:lost e1:lost [dkim] stopped: dkim"},
		{"stopped, and all is back", model.DomainStopped, []change{keysAre(model.KeyLost, model.KeyLost)}, "live r1:active e1:active [] key r1 is back in DNS and signs again; key e1 is back in DNS and signs again; live"},
		{"stopped, and the return path is back", model.DomainStopped, []change{keysAre(model.KeyLost, model.KeyLost), missing(r1, e1)}, "degraded r1:lost e1:lost [dkim] degraded: dkim"},
		{"stopped, and DNS is down", model.DomainStopped, []change{keysAre(model.KeyLost, model.KeyLost), found(u, u, u, u)}, "stopped r1:lost e1:lost []"},

		{"waived", model.DomainLive, []change{waived, found(m, m, m, m), missing(r1, e1), missed(day)}, "live r1:active e1:active [ownership spf dkim dmarc] lacks ownership, spf, dkim, dmarc and sends on by the operator's waiver"},
		{"waived and in order again", model.DomainLive, []change{waived, suspected}, "live r1:active e1:active [] lacks nothing any more"},
		{"waived while it waited", model.DomainWaiting, []change{waived, found(m, m, m, m)}, "live r1:active e1:active [ownership spf dmarc] live: ownership, spf, dmarc"},

		{"a new key is seen", model.DomainLive, []change{keysAre(model.KeyActive, model.KeyActive, model.KeyComing)}, "live r1:retired e1:active r2:active [] key r2 is in DNS everywhere and signs"},
		{"a new key is not seen", model.DomainLive, []change{keysAre(model.KeyActive, model.KeyActive, model.KeyComing), missing(r2)}, "live r1:active e1:active r2:coming []"},
		{"the old key is gone before the new is seen", model.DomainLive, []change{keysAre(model.KeyActive, model.KeyActive, model.KeyComing), missing(r1, r2), missed(hour), suspected}, "degraded r1:lost e1:active r2:coming [dkim] key r1 is not in DNS any more and does not sign until it is; degraded: dkim"},
		{"a new key in the lost one's place", model.DomainStopped, []change{keysAre(model.KeyLost, model.KeyLost, model.KeyComing), missing(r1, e1), noPath}, "live r1:retired e1:lost r2:active [] key r2 is in DNS everywhere and signs; live"},
		{"a new key before the first was ever seen", model.DomainWaiting, []change{keysAre(model.KeyActive, model.KeyActive, model.KeyComing), missing(r1, e1)}, "live r1:gone e1:lost r2:active [] key r2 is in DNS everywhere and signs; key e1 is not in DNS and does not sign until it is; live"},
		{"retired, and mail is on its way", model.DomainLive, []change{keysAre(model.KeyActive, model.KeyActive, model.KeyRetired)}, "live r1:active e1:active r2:retired []"},
	}
}

// TestJudge goes through what a check may find of a domain in each state.
func TestJudge(t *testing.T) {
	at, p := judgedAt(), proof.Proved
	for _, tt := range judgedCases() {
		t.Run(tt.name, func(t *testing.T) {
			s := settings()
			d := model.Domain{Name: "school.example", State: tt.state, CheckedAt: at.Add(-10 * time.Minute), ReturnPath: true}
			keys := []model.SigningKey{{Selector: r1, Algorithm: "rsa", State: model.KeyActive}, {Selector: e1, Algorithm: "ed25519", State: model.KeyActive}, {Selector: r2, Algorithm: "rsa", State: model.KeyWithdrawn}}
			for i := range keys {
				keys[i].ChangedAt = at.Add(-day)
			}
			r := &proof.Report{At: at, Ownership: p, SPF: p, ReturnPath: p, DMARC: p, Keys: map[string]proof.State{r1: p, e1: p, r2: p}}
			for _, c := range tt.changes {
				c(&d, keys, r)
			}
			v := s.judge(d, keys, r)
			got := []string{string(v.change.Domain.State)}
			for _, k := range keys {
				state, gone := k.State, false
				for _, c := range v.change.Keys {
					if c.Selector == k.Selector {
						state, gone = c.State, c.Gone
					}
				}
				if gone {
					state = "gone"
				}
				if state != model.KeyWithdrawn {
					got = append(got, k.Selector+":"+string(state))
				}
			}
			got = append(got, "["+strings.Join(v.change.Domain.Lacks, " ")+"]")
			if len(v.told) > 0 {
				got = append(got, strings.Join(v.told, "; "))
			}
			if text := strings.Join(got, " "); text != tt.want {
				t.Errorf("%s\nwant %s", text, tt.want)
			}
			if from := v.change.From; v.change.Domain.State != from && !from.CanBecome(v.change.Domain.State) {
				t.Errorf("%s cannot become %s", from, v.change.Domain.State)
			}
		})
	}
}

// TestEveryReportLeadsToALegalChange tries all that can be found of all states.
func TestEveryReportLeadsToALegalChange(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	s := settings()
	found := []proof.State{proof.Proved, proof.Missing, proof.Unclear}
	keyStates := []model.KeyState{model.KeyActive, model.KeyLost, model.KeyComing, model.KeyRetired, model.KeyWithdrawn}
	for _, state := range []model.DomainState{model.DomainAdded, model.DomainWaiting, model.DomainLive, model.DomainDegraded, model.DomainStopped} {
		for n := range 3 * 3 * 3 * 3 * 3 * 3 {
			pick := func(i int) proof.State {
				for range i {
					n /= 3
				}
				return found[n%3]
			}
			r := &proof.Report{At: at, Ownership: pick(0), SPF: pick(1), ReturnPath: pick(1), DMARC: pick(1), Keys: map[string]proof.State{"a": pick(1), "b": pick(1)}}
			for _, first := range keyStates[:2] {
				for _, second := range keyStates {
					keys := []model.SigningKey{
						{Selector: "a", Algorithm: "rsa", State: first, MissedAt: at.Add(-hour)}, {Selector: "b", Algorithm: "rsa", State: second, ChangedAt: at.Add(-30 * day)},
					}
					v := s.judge(model.Domain{State: state, Lacks: []string{"spf"}, CheckedAt: at.Add(-hour)}, keys, r)
					next := v.change.Domain.State
					if next != state && !state.CanBecome(next) {
						t.Fatalf("%s to %s: %+v", state, next, r)
					}
					for _, c := range v.change.Keys {
						if c.State != c.From && !c.From.CanBecome(c.State) {
							t.Fatalf("key from %s to %s: %+v", c.From, c.State, r)
						}
					}
					// Nothing that was active stops to sign but for a key that signs or a record that is gone.
					if signed := first == model.KeyActive && r.Keys["a"] == proof.Proved; signed && !slices.ContainsFunc(v.keys, func(k model.SigningKey) bool { return k.State == model.KeyActive }) {
						t.Fatalf("no key signs: %+v", r)
					}
				}
			}
		}
	}
}
