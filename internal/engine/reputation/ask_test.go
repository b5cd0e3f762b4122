package reputation

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// slow takes a second for every address look-up and counts them.
type slow struct {
	dnstest.Fake
	mu                      sync.Mutex
	now, most, asked, texts int
}

func (s *slow) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	s.now++
	s.most = max(s.most, s.now)
}

func (s *slow) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now--
}

func (s *slow) LookupA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	s.enter()
	defer s.leave()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return dns.Answer[netip.Addr]{}, &dns.Error{Kind: dns.Cancelled, Name: name, Type: "A", Err: ctx.Err()}
	}
	return s.Fake.LookupA(ctx, name)
}

func (s *slow) LookupTXT(ctx context.Context, name string) (dns.Answer[string], error) {
	s.mu.Lock()
	s.texts++
	s.mu.Unlock()
	return s.Fake.LookupTXT(ctx, name)
}

func manyZones(n int) (entries []string, text string) {
	var b strings.Builder
	for i := range n {
		zone := fmt.Sprintf("bl%d.own.example", i)
		entries = append(entries, zone)
		fmt.Fprintf(&b, "A 7.100.51.198.%s 127.0.0.2\n", zone)
	}
	return entries, b.String()
}

func TestListsAreAskedEightAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries, text := manyZones(20)
		r := &slow{Fake: *world(t, text)}
		found := askAll(t.Context(), r, zones(t, Addresses, entries...), subject{label: "7.100.51.198", never: "1.0.0.127"})
		for i, l := range found {
			if l.Zone != entries[i] || l.State != Listed {
				t.Errorf("%d: %+v", i, l)
			}
		}
		if r.most != maxAtATime || r.asked != 40 || r.texts != 20 {
			t.Errorf("at most %d at a time, %d addresses and %d texts asked for", r.most, r.asked, r.texts)
		}
	})
}

func TestTheDeadlineLeavesTheRestUnclear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entries, text := manyZones(20)
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		r := &slow{Fake: *world(t, text)}
		start := time.Now()
		states := map[State]int{}
		for _, l := range askAll(ctx, r, zones(t, Addresses, entries...), subject{label: "7.100.51.198", never: "1.0.0.127"}) {
			states[l.State]++
		}
		if took := time.Since(start); took > 3*time.Second || states[Unclear] != 12 || states[Listed] != 8 || r.texts != 8 {
			t.Errorf("%v after %s", states, took)
		}
	})
}

func TestReasonIsBounded(t *testing.T) {
	f := world(t, "A 7.100.51.198.bl.own.example 127.0.0.2\n")
	f.TXT["7.100.51.198.bl.own.example"] = []string{"why", strings.Repeat("å", 5000), "\xff"}
	l := zones(t, Addresses, "bl.own.example")[0].ask(t.Context(), f, subject{label: "7.100.51.198", never: "1.0.0.127"})
	if !strings.HasPrefix(l.Reason, "why; å") || len(l.Reason) > maxReason+len("…") || !strings.HasSuffix(l.Reason, "å…") {
		t.Errorf("%d octets: %q", len(l.Reason), l.Reason)
	}
}

// TestThroughTheLab goes the whole way: a client, UDP, and the lab's server.
func TestThroughTheLab(t *testing.T) {
	defer goleak.VerifyNone(t)
	l, err := lab.Start(t.Context(), lab.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	err = l.Publish(`
9.0.0.127.in-addr.arpa. PTR mx1.reputation.example.
mx1.reputation.example. A 127.0.0.9
reputation.example. TXT "v=spf1 ip4:127.0.0.9 -all"
reputation.example.dbl.spamhaus.org. A 127.0.1.2
reputation.example.dbl.spamhaus.org. TXT "https://check.spamhaus.org/query/domain/reputation.example"
2.0.0.127.multi.uribl.com. A 127.0.0.2
`)
	if err != nil {
		t.Fatal(err)
	}
	client, err := dns.New(dns.Config{Servers: []string{l.DNSAddr()}})
	if err != nil {
		t.Fatal(err)
	}
	ip := netip.MustParseAddr("127.0.0.9")
	r := Check(t.Context(), client, Query{IP: ip, Helo: "mx1.reputation.example", SPF: "reputation.example", Lists: zones(t, Addresses, "zen.spamhaus.org")})
	if r.Faulty() || len(r.PTR) != 1 || r.PTR[0].Forward != Back || r.Helo.Forward != Back || r.SPF.Verdict != "pass" || len(r.Findings) != 1 || r.Findings[0].Code != "lists-skipped" {
		t.Errorf("%+v", r)
	}
	d, err := CheckDomain(t.Context(), client, "reputation.example", zones(t, Domains, "dbl.spamhaus.org", "multi.uribl.com"))
	if err != nil || len(d.Lists) != 2 || d.Lists[0].State != Listed || !strings.HasSuffix(d.Lists[0].Reason, "/reputation.example") || d.Lists[1].State != Clear {
		t.Errorf("%+v %v", d, err)
	}
}

func TestDomainListsGiveFindings(t *testing.T) {
	d := DomainLists{world(t, `A school.example.dbl.spamhaus.org 127.0.1.2`), zones(t, Domains, "dbl.spamhaus.org")}
	if f := d.Domain(t.Context(), "school.example"); len(f) != 1 || f[0].Code != codeListed {
		t.Errorf("%+v", f)
	}
	if f := d.Domain(t.Context(), "school"); f != nil {
		t.Errorf("%+v", f)
	}
}
