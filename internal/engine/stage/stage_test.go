package stage_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/engine/stage"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

const wanted = 14

// days makes n days, the last one day 20,000, on each of which all is well.
func days(n int) []stage.Day {
	list := make([]stage.Day, n)
	for i := range list {
		list[i] = stage.Day{Day: model.Day(20_000 - n + 1 + i), Sent: 100, Aligned: true, Reporters: 2, Messages: 90, Passing: 90}
	}
	return list
}

// weekends takes the weekend's mail away: two days of each seven.
func weekends(list []stage.Day) []stage.Day {
	for i := range list {
		if list[i].Day%7 > 4 {
			list[i].Sent, list[i].Reporters, list[i].Messages, list[i].Passing = 0, 0, 0, 0
		}
	}
	return list
}

// fails adds a source that fails n messages on each of the last days.
func fails(e *stage.Evidence, k stage.Kind, addr string, lastDays int, n int64) {
	for i := len(e.Days) - lastDays; i < len(e.Days); i++ {
		e.Days[i].Messages += n
		f := stage.Failing{Day: e.Days[i].Day, Kind: k, Count: n}
		if addr != "" {
			f.Source = netip.MustParseAddr(addr)
		}
		if k == stage.Known {
			f.Name = "Mailchimp"
		}
		e.Failing = append(e.Failing, f)
	}
}

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		name   string
		record string
		days   []stage.Day
		change func(e *stage.Evidence)
		move   stage.Move
		next   dmarc.Policy
		lacks  string // in what is lacking, or in why
	}{
		{"enough days", "p=none", days(14), nil, stage.Forward, "quarantine", "on 14 days with reports 100 %"},
		{"from quarantine", "p=quarantine", days(14), nil, stage.Forward, "reject", "100 %"},
		{"the last stage", "p=reject", days(14), nil, stage.Stay, "reject", ""},
		{"nothing known", "p=none", nil, nil, stage.Stay, "quarantine", "reports of 14 days; there are 0"},
		{"a day too few", "p=none", days(13), nil, stage.Stay, "quarantine", "reports of 14 days; there are 13"},
		{"no record", "", days(14), nil, stage.Stay, "quarantine", "a DMARC record with our address"},
		{"gaps at weekends, a fortnight", "p=none", weekends(days(14)), nil, stage.Stay, "quarantine", "there are 10"},
		{"gaps at weekends, three weeks", "p=none", weekends(days(21)), nil, stage.Forward, "quarantine", "on 14 days"},
		{"nothing sent by us", "p=none", days(14), func(e *stage.Evidence) {
			for i := range e.Days[:7] {
				e.Days[i].Sent = 0
			}
		}, stage.Stay, "quarantine", "most of those days (8); there was some on 7"},
		{"sent, but not aligned", "p=none", days(14), func(e *stage.Evidence) {
			for i := range e.Days {
				e.Days[i].Aligned = false
			}
		}, stage.Stay, "quarantine", "there was some on 0"},
		{"sent on most days", "p=none", days(14), func(e *stage.Evidence) { e.Days[0].Sent, e.Days[5].Sent = 0, 0 }, stage.Forward, "quarantine", "we sent on 12"},
		{"a known sender fails", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Known, "198.51.100.1", 14, 1) }, stage.Stay, "quarantine", "198.51.100.1 (Mailchimp) to pass"},
		{"a known sender once", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Known, "198.51.100.1", 1, 20) }, stage.Forward, "quarantine", "98.4 %"},
		{"our own mail fails", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Ours, "192.0.2.1", 14, 10) }, stage.Stay, "quarantine", "98 % of the domain's own mail to pass; 90 % does"},
		{"forgers only", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Stranger, "203.0.113.5", 14, 1000) }, stage.Forward, "quarantine", "100 %"},
		{"forwarders", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Forwarder, "203.0.113.6", 14, 30) }, stage.Forward, "quarantine", "100 %"},
		{"summed up", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Stranger, "", 14, 3) }, stage.Forward, "quarantine", "100 %"},
		{"under test", "p=reject; t=y", days(14), nil, stage.Forward, "reject", "100 %"},
		{"under test of old", "p=quarantine; pct=0; t=y", days(14), nil, stage.Forward, "quarantine", "100 %"},
		{"it falls", "p=reject", days(14), func(e *stage.Evidence) { fails(e, stage.Ours, "192.0.2.1", 3, 30) }, stage.Back, "quarantine", "on the last 3 days with reports only 75 %"},
		{"it falls at once", "p=quarantine", days(5), func(e *stage.Evidence) { fails(e, stage.Known, "198.51.100.1", 1, 30) }, stage.Back, "none", "only 90 %"},
		{"it falls for others", "p=reject", days(14), func(e *stage.Evidence) { fails(e, stage.Stranger, "203.0.113.5", 3, 5000) }, stage.Stay, "reject", ""},
		{"it falls, but little is known", "p=reject", days(1), func(e *stage.Evidence) {
			e.Days[0].Messages, e.Days[0].Passing = 0, 0
			fails(e, stage.Ours, "192.0.2.1", 1, 9)
		}, stage.Stay, "reject", ""},
		{"it has fallen, and nothing is enforced", "p=none", days(14), func(e *stage.Evidence) { fails(e, stage.Ours, "192.0.2.1", 3, 90) }, stage.Stay, "quarantine", "to pass"},
		{"it fell long ago", "p=quarantine", days(14), func(e *stage.Evidence) {
			fails(e, stage.Ours, "192.0.2.1", 14, 40)
			e.Failing = e.Failing[:8]
		}, stage.Stay, "reject", "to pass"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := stage.Evidence{Policy: dmarc.None, Days: tt.days}
			if tt.record != "" {
				r, _ := dmarc.Parse("v=DMARC1; " + tt.record)
				e.Record, e.Policy = r, r.Policy
			}
			if tt.change != nil {
				tt.change(&e)
			}
			v := stage.Decide(e, wanted)
			said := v.Why.String()
			for _, l := range v.Lacks {
				said += "\n" + l.String()
			}
			if v.Move != tt.move || v.Next != tt.next || !strings.Contains(said, tt.lacks) {
				t.Errorf("%s to %s (want %s to %s): %s; want %q", v.Move, v.Next, tt.move, tt.next, said, tt.lacks)
			}
			if v.Move == stage.Forward && len(v.Lacks) > 0 || v.ReportDays > wanted || v.SentDays > v.ReportDays {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestWhatWouldHaveBeenRefused(t *testing.T) {
	e := stage.Evidence{Days: days(20)}
	e.Record, _ = dmarc.Parse("v=DMARC1; p=none")
	fails(&e, stage.Stranger, "203.0.113.5", 2, 10)
	fails(&e, stage.Forwarder, "203.0.113.6", 20, 3) // of which the last 14 days count
	fails(&e, stage.Stranger, "203.0.113.5", 1, 1)   // another line of the same
	v := stage.Decide(e, wanted)
	if len(v.Would) != 2 || v.Would[0].Count != 42 || v.Would[0].Days != 14 || v.Would[0].Kind != stage.Forwarder || v.Would[1].Count != 21 || v.Would[1].Days != 2 {
		t.Errorf("%+v", v.Would)
	}
	if v.Messages != 14*90+42+21 || v.Passing != 14*90 {
		t.Errorf("%d of %d", v.Passing, v.Messages)
	}
}

// TestStays: who a source is need not be looked up where nothing is proposed anyway.
func TestStays(t *testing.T) {
	e := stage.Evidence{Days: days(10)}
	e.Record, _ = dmarc.Parse("v=DMARC1; p=none")
	fails(&e, stage.Unknown, "203.0.113.5", 10, 10)
	if !stage.Stays(e, wanted) {
		t.Error("there are too few days, whoever it is")
	}
	e.Days = append(days(14)[:4], e.Days...)
	if stage.Stays(e, wanted) {
		t.Error("a step depends on who it is")
	}
	for i := range e.Failing {
		e.Failing[i].Kind = stage.Stranger
	}
	if stage.Stays(e, wanted) {
		t.Error("forgers hold nothing up")
	}
}
