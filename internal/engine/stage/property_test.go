package stage_test

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

// evidence draws days and failures of any kind of sources.
func evidence(t *rapid.T) stage.Evidence {
	r, _ := dmarc.Parse("v=DMARC1; p=" + rapid.SampledFrom([]string{"none", "quarantine", "reject", "reject; t=y"}).Draw(t, "policy"))
	e := stage.Evidence{Record: r, Policy: r.Policy, Days: days(rapid.IntRange(0, 30).Draw(t, "days"))}
	for i := range e.Days {
		d := &e.Days[i]
		d.Sent = rapid.Int64Range(0, 1).Draw(t, "sent")
		d.Passing = rapid.Int64Range(0, 200).Draw(t, "passing")
		d.Messages = d.Passing
		for n := range rapid.IntRange(0, 2).Draw(t, "sources") {
			f := stage.Failing{Day: d.Day, Source: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), Count: rapid.Int64Range(1, 30).Draw(t, "failing")}
			f.Kind = rapid.SampledFrom([]stage.Kind{stage.Unknown, stage.Ours, stage.Known, stage.Forwarder, stage.Stranger}).Draw(t, "kind")
			d.Messages += f.Count
			e.Failing = append(e.Failing, f)
		}
	}
	return e
}

// TestStaysWhoeverTheyAre: where Stays says so, no kinds of the unknown sources bring a proposal about.
func TestStaysWhoeverTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := evidence(t)
		if !stage.Stays(e, wanted) {
			return
		}
		for i := range e.Failing {
			if e.Failing[i].Kind == stage.Unknown {
				e.Failing[i].Kind = rapid.SampledFrom([]stage.Kind{stage.Ours, stage.Known, stage.Forwarder, stage.Stranger}).Draw(t, "is")
			}
		}
		if v := stage.Decide(e, wanted); v.Move != stage.Stay {
			t.Fatalf("%s: %s", v.Move, v.Why)
		}
	})
}

// TestStrangersDecideNothing: mail that strangers send changes no proposal, only what is shown.
func TestStrangersDecideNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := evidence(t)
		before := stage.Decide(e, wanted)
		for i := range e.Days {
			if d := &e.Days[i]; d.Messages > 0 {
				d.Messages += 1000
				e.Failing = append(e.Failing, stage.Failing{Day: d.Day, Kind: stage.Stranger, Source: netip.MustParseAddr("203.0.113.66"), Count: 1000})
			}
		}
		after := stage.Decide(e, wanted)
		if after.Move != before.Move || after.Share != before.Share || len(after.Lacks) != len(before.Lacks) {
			t.Fatalf("%+v became %+v", before, after)
		}
		var would int64
		for _, s := range after.Would {
			would += s.Count
		}
		if would != after.Messages-after.Passing {
			t.Fatalf("%d messages failed, and %d are listed", after.Messages-after.Passing, would)
		}
	})
}

// TestNoStepWithoutDays: a step forward is never proposed on fewer days than are wanted.
func TestNoStepWithoutDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := evidence(t)
		reported := map[model.Day]bool{}
		for _, d := range e.Days {
			if d.Messages > 0 {
				reported[d.Day] = true
			}
		}
		if v := stage.Decide(e, wanted); v.Move == stage.Forward && len(reported) < wanted {
			t.Fatalf("%+v", v)
		}
	})
}
