package onboard

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

const manyDomains = 10_000

// BenchmarkTenThousandDomains has a watch check ten thousand domains that are all due, with a checker that costs nothing: what
// is left is the store and the watch itself.
func BenchmarkTenThousandDomains(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := newManyDomains(b)
		for i := range manyDomains {
			w.dns.set(manyName(i), func(*zoneOf) {})
		}
		w.checkAll(w.dns)
		b.StartTimer()
	}
}

// BenchmarkTenThousandDomainsInTheLab is the same with the real checker, and every question asked of the lab's DNS.
func BenchmarkTenThousandDomainsInTheLab(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		w := newManyDomains(b)
		l, err := lab.Start(b.Context(), lab.Config{})
		w.ok(err)
		var zone strings.Builder
		fmt.Fprintln(&zone, `spf.operator.example. TXT "v=spf1 ip4:127.0.0.1 -all"`)
		fmt.Fprintln(&zone, `bounce.operator.example. TXT "v=spf1 include:spf.operator.example -all"`)
		fmt.Fprintln(&zone, "bounce.operator.example. MX 10 mx1.operator.example.\nmx1.operator.example. A 127.0.0.1")
		for i := range manyDomains {
			name := manyName(i)
			fmt.Fprintf(&zone, "%s TXT %q\n", proof.OwnershipName(name), proof.OwnershipPrefix+"t")
			fmt.Fprintf(&zone, "r._domainkey.%s. TXT %q\n", name, dkim.Record(dkim.RSA, w.public))
			fmt.Fprintf(&zone, "bounce.%s. CNAME bounce.operator.example.\n", name)
			fmt.Fprintf(&zone, "%s. TXT \"v=spf1 include:spf.operator.example -all\"\n_dmarc.%s. TXT \"v=DMARC1; p=none\"\n", name, name)
		}
		w.ok(l.Replace(zone.String()))
		resolver, err := dns.New(dns.Config{Servers: []string{l.DNSAddr()}})
		w.ok(err)
		port := netip.MustParseAddrPort(l.DNSAddr()).Port()
		w.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		w.checkAll(proof.New(proof.Config{Resolver: resolver, Authority: dns.NewAuthority(resolver, port), Clock: clock.System{}}))
		asked := 0
		for _, n := range l.Queries() {
			asked += n
		}
		b.ReportMetric(float64(asked)/manyDomains, "queries/domain")
		w.ok(l.Stop(context.WithoutCancel(b.Context())))
		b.StartTimer()
	}
}

func manyName(i int) string { return fmt.Sprintf("d%05d.example", i) }

func newManyDomains(b *testing.B) *bench {
	w := &bench{desk: newDesk(b, "school"), dns: &fakeDNS{zones: map[string]*zoneOf{}, now: time.Now}}
	w.clock, w.Settings = clock.System{}, settings()
	g, err := dkim.Generate(dkim.RSA, rand.Reader)
	w.ok(err)
	w.public = g.Public
	var adding sync.WaitGroup
	for part := range 20 {
		adding.Go(func() {
			for i := part; i < manyDomains; i += 20 {
				w.record(manyName(i))
			}
		})
	}
	adding.Wait()
	return w
}

// checkAll has a watch check every domain once, and reports how.
func (b *bench) checkAll(c Checker) {
	t := b.t.(*testing.B)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	commits, most := b.desk.store.Stats(), uint64(0)
	t.StartTimer()
	began := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	w := NewWatch(b.Service, c, slog.New(slog.DiscardHandler))
	w.step = 0 // as fast as it can
	run.Go(func() { _ = w.Run(ctx) })
	for {
		time.Sleep(50 * time.Millisecond)
		runtime.ReadMemStats(&during)
		most = max(most, during.HeapInuse)
		if b.desk.store.Stats().Changes-commits.Changes >= manyDomains*33/32 { // with those that claimed
			break
		}
	}
	cancel()
	run.Wait()
	t.StopTimer()
	t.ReportMetric(manyDomains/time.Since(began).Seconds(), "domains/s")
	t.ReportMetric(float64(int64(most)-int64(before.HeapInuse))/(1<<20), "MiB")
	t.ReportMetric(float64(b.desk.store.Stats().Commits-commits.Commits), "commits")
	if list, err := b.desk.store.ListDomains(t.Context(), 0, manyName(manyDomains/2), 1); err != nil || list[0].State != model.DomainLive {
		t.Errorf("%+v, %v", list, err)
	}
}
