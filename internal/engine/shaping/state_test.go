package shaping

import (
	"encoding/json"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/engine/bounce"
)

var (
	epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	here  = Path{Source: netip.MustParseAddr("192.0.2.1"), Site: "mx.example"}
)

// complain has a server say a reply, with the class that the program gives it.
func complain(t *testing.T, table *Table, host, reply string, recent float64) Complaint {
	t.Helper()
	rules, err := bounce.New()
	if err != nil {
		t.Fatal(err)
	}
	said := bounce.ParseReply(reply)
	said.Host = host
	q := Query{Domain: "a.example", Hosts: []string{host}, Site: here.Site, Source: here.Source}
	return Complaint{
		Path: here, Query: q, Limits: table.Limits(q), Recent: recent,
		Said: Said{Code: said.Code, Enhanced: said.Enhanced, Text: said.Text, Class: string(rules.Reply(said).Class)},
	}
}

func TestAnswersOfProvidersAct(t *testing.T) {
	table := table(t, "")
	for _, c := range []struct {
		host, reply string
		times       int
		rule        string
		rate        float64 // of 40 a second
		connections int
		rests       time.Duration
		left        bool
	}{
		{"x.google.com", "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address", 1, "google-rate", 20, 0, 0, false},
		{"mta5.am0.yahoodns.net", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints", 1, "yahoo-tss04", 0, 0, 2 * time.Hour, false},
		{"a.olc.protection.outlook.com", "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3150).", 1, "outlook-block-list", 0, 0, 6 * time.Hour, true},
		{"a.olc.protection.outlook.com", "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited due to IP reputation.", 1, "outlook-rate", 10, 1, 0, false},
		{"mx1.comcast.net", "421 4.1.0 192.0.2.1 Throttled - try again later. Please see http://postmaster.comcast.net/smtp-error-codes.php#RL000001", 1, "comcast-rl0000", 10000.0 / 3600, 0, 0, false},
		{"mx.a.example", "451 4.7.1 Too many messages from your host, slow down", 1, "rate-limited", 20, 0, 0, false},
		{"mx.a.example", "421 4.7.0 Too many connections from your address", 1, "", 0, 0, 0, false},
		{"x.google.com", "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages", 1, "", 0, 0, 0, false},
		{"mx.a.example", "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", 2, "", 0, 0, 0, false},
		{"mx.a.example", "550 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", 3, "block-listed", 0, 0, 2 * time.Hour, true},
		{"mx.a.example", "550 5.1.1 no such user", 9, "", 0, 0, 0, false},
		{"mx.a.example", "451 4.7.1 Greylisted, please try again later", 9, "", 0, 0, 0, false},
	} {
		s := NewState(table)
		var act Acted
		for range c.times {
			act = s.Answer(complain(t, table, c.host, c.reply, 40), epoch)
		}
		f := act.Force
		if act.Known != (c.rule != "") || f.Rule.Rule != c.rule {
			t.Errorf("%s: rule %q, want %q", c.reply, f.Rule.Rule, c.rule)
			continue
		}
		rests := max(f.Rests.Sub(epoch), 0)
		if math.Abs(f.RateNow(epoch)-c.rate) > 0.01 || f.ConnectionsNow(epoch) != c.connections || rests != c.rests || f.Left != c.left {
			t.Errorf("%s: %+v, rate %v, rests %v", c.reply, f, f.RateNow(epoch), rests)
		}
	}
}

func TestWhatWasLoweredClimbsBack(t *testing.T) {
	table := table(t, "[[answer]]\nname = \"slow\"\ncode = [451]\nfactor = 0.25\nconnections = 2\nfor = \"10m\"\n")
	s := NewState(table)
	c := complain(t, table, "mx.a.example", "451 4.7.1 slow down", 16)
	if !s.Answer(c, epoch).Changed {
		t.Fatal("nothing was changed")
	}
	for minutes, want := range map[int][2]float64{0: {4, 2}, 9: {4, 2}, 10: {18, 6}, 20: {25, 8}, 30: {28.5, 9}, 40: {30.25, 9}, 50: {100, 100}, 60: {100, 100}} {
		l, _ := s.Apply(here, c.Limits, epoch.Add(time.Duration(minutes)*time.Minute))
		if want[1] == 100 {
			want[1] = 10 // given back
		}
		if l.PerSecond != want[0] || float64(l.Connections) != want[1] {
			t.Errorf("after %d minutes %v a second over %d sessions, want %v", minutes, l.PerSecond, l.Connections, want)
		}
		if lowered := l.Origins[PerSecond].Rule == "slow"; lowered != (want[0] < 100) {
			t.Errorf("after %d minutes the rate comes from %s", minutes, l.Origins[PerSecond])
		}
	}

	// Another complaint a moment later is of the same cohort; one in the midst of the climb lowers again.
	if a := s.Answer(c, epoch.Add(time.Second)); !a.Known || a.Changed || a.Force.RateNow(epoch) != 4 {
		t.Errorf("one of the cohort: %+v", a)
	}
	at := epoch.Add(10 * time.Minute)
	c.Recent = 12
	if a := s.Answer(c, at); !a.Changed || a.Force.RateNow(at) != 4.5 || a.Force.RateNow(at.Add(10*time.Minute)) != 18.25 {
		t.Errorf("a second complaint: %+v", a)
	}
	if n := len(s.All(at)); n != 1 {
		t.Errorf("%d in force", n)
	}
	s.All(at.Add(2 * time.Hour))
	if n := len(s.All(at.Add(2 * time.Hour))); n != 0 {
		t.Errorf("%d in force after all was given back", n)
	}
}

func TestARestIsFollowedByTheClimb(t *testing.T) {
	table := table(t, "[[answer]]\nname = \"stop\"\ncode = [451]\npause = \"1h\"\nper_minute = 60\nfor = \"5m\"\n")
	s := NewState(table)
	c := complain(t, table, "mx.a.example", "451 no", 0)
	f := s.Answer(c, epoch).Force
	if !f.Resting(epoch.Add(59*time.Minute)) || f.Resting(epoch.Add(time.Hour)) || f.RateNow(epoch.Add(64*time.Minute)) != 1 || f.RateNow(epoch.Add(65*time.Minute)) != 50.5 {
		t.Errorf("%+v", f)
	}
	if _, left := s.Left(here, epoch); left {
		t.Error("a pause has mail take another address")
	}
}

// TestAPathThatIsNearlyIdleIsSpared has complaints come to one that sends five recipients a second in all, of which this is
// the least part.
func TestAPathThatIsNearlyIdleIsSpared(t *testing.T) {
	table := table(t, "[[answer]]\nname = \"slow\"\ncode = [451]\nfactor = 0.5\n")
	s := NewState(table)
	c := complain(t, table, "mx.a.example", "451 4.7.1 slow down", 0.1)
	for i, want := range []float64{1, 0.5, 0.25} {
		now := epoch.Add(time.Duration(i) * time.Minute)
		if a := s.Answer(c, now); math.Abs(a.Force.RateNow(now)-want) > 1e-9 {
			t.Errorf("complaint %d: %v a second, want %v", i+1, a.Force.RateNow(now), want)
		}
	}
}

// TestOneMessageIsNoProof has one message be refused again and again where a rule wants three.
func TestOneMessageIsNoProof(t *testing.T) {
	table := table(t, "[[answer]]\nname = \"listed\"\ncode = [550]\nleave = \"1h\"\nafter = 3\n")
	s := NewState(table)
	c := complain(t, table, "mx.a.example", "550 5.7.1 listed", 0)
	if a := s.Answer(c, epoch); a.Known || !a.Elsewhere {
		t.Errorf("the first time: %+v", a)
	}
	c.Again = true
	for range 5 {
		if a := s.Answer(c, epoch.Add(time.Minute)); a.Known || a.Elsewhere {
			t.Errorf("again: %+v", a)
		}
	}
	c.Again = false
	s.Answer(c, epoch.Add(2*time.Minute))
	if a := s.Answer(c, epoch.Add(3*time.Minute)); !a.Changed || !a.Elsewhere || !a.Force.Left {
		t.Errorf("the third: %+v", a)
	}
}

// TestNothingIsForcedAboveTheLimits has any answers come at any time: what is in force never allows more than the rules, nor
// nothing, and is over in the end.
func TestNothingIsForcedAboveTheLimits(t *testing.T) {
	table := table(t, "[[answer]]\nname = \"a\"\ncode = [451]\nfactor = 0.5\nconnections = 1\n[[answer]]\nname = \"b\"\ncode = [452]\nper_hour = 10\nleave = \"1h\"\n")
	rapid.Check(t, func(rt *rapid.T) {
		s := NewState(table)
		now := epoch
		c := complain(t, table, "mx.a.example", "451 no", 0)
		for range rapid.IntRange(1, 40).Draw(rt, "complaints") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(rt, "passes")))
			c.Said.Code = rapid.IntRange(450, 452).Draw(rt, "code")
			c.Recent = rapid.Float64Range(0, 500).Draw(rt, "recent")
			s.Answer(c, now)
			l, f := s.Apply(here, c.Limits, now)
			if l.PerSecond > 100 || l.PerSecond < lowest || l.Connections < 1 || l.Connections > 10 || f.Until().Before(now) && f.Resting(now) {
				rt.Fatalf("%v a second over %d sessions: %+v", l.PerSecond, l.Connections, f)
			}
		}
		if l, _ := s.Apply(here, c.Limits, now.Add(3*time.Hour)); l.PerSecond != 100 || l.Connections != 10 {
			rt.Fatalf("three hours later %v a second over %d sessions", l.PerSecond, l.Connections)
		}
	})
}

func TestStateSurvivesARestartAndIsBounded(t *testing.T) {
	table := table(t, "[[answer]]\nname = \"a\"\ncode = [451]\nfactor = 0.5\nleave = \"1h\"\n")
	s := NewState(table)
	c := complain(t, table, "mx.a.example", "451 4.7.1 "+strings.Repeat("å", 3000), 30)
	s.Answer(c, epoch)
	kept := s.All(epoch)
	text, err := json.Marshal(kept[0].Force)
	if err != nil || len(text) > 1000 {
		t.Fatalf("%d octets, %v", len(text), err)
	}
	var f Force
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	next := NewState(table)
	next.Restore([]Force{f, {Path: Path{Site: "over"}, At: epoch.Add(-time.Hour)}}, epoch.Add(time.Minute))
	if diff := cmp.Diff(kept[0].Force, next.All(epoch.Add(time.Minute))[0].Force, cmpopts.EquateComparable(netip.Addr{})); diff != "" || len(next.paths) != 1 {
		t.Errorf("restored %d: %s", len(next.paths), diff)
	}
	if until, left := next.Left(here, epoch.Add(time.Minute)); !left || !until.Equal(epoch.Add(time.Hour)) {
		t.Errorf("left until %v, %v", until, left)
	}

	for i := range maxPaths + 100 {
		c.Path.Site = strings.Repeat("x", 1+i%200) + string(rune(i))
		s.Answer(c, epoch.Add(time.Duration(i)*time.Second))
	}
	if len(s.paths) > maxPaths {
		t.Errorf("%d paths", len(s.paths))
	}
}
