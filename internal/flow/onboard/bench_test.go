package onboard

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/model"
)

// BenchmarkTenThousandDomains has a watch check ten thousand domains that are all due, with a checker that costs nothing: what
// is left is the store and the watch itself.
func BenchmarkTenThousandDomains(b *testing.B) {
	const domains = 10_000
	for b.Loop() {
		b.StopTimer()
		w := &bench{desk: newDesk(b, "school"), dns: &fakeDNS{zones: map[string]*zoneOf{}, now: time.Now}}
		w.clock, w.Settings = clock.System{}, settings()
		var adding sync.WaitGroup
		for part := range 20 {
			adding.Go(func() {
				for i := part; i < domains; i += 20 {
					w.record(fmt.Sprintf("d%05d.example", i))
				}
			})
		}
		adding.Wait()
		for i := range domains {
			w.dns.set(fmt.Sprintf("d%05d.example", i), func(*zoneOf) {})
		}
		var before, during runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		commits := w.desk.store.Stats()
		b.StartTimer()
		began := time.Now()
		ctx, cancel := context.WithCancel(b.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = NewWatch(w.Service, w.dns, slog.New(slog.DiscardHandler)).Run(ctx) })
		for w.dns.count() < domains {
			time.Sleep(10 * time.Millisecond)
			runtime.ReadMemStats(&during)
		}
		cancel()
		run.Wait()
		b.StopTimer()
		took, after := time.Since(began), w.desk.store.Stats()
		b.ReportMetric(domains/took.Seconds(), "domains/s")
		b.ReportMetric(float64(int64(during.HeapInuse)-int64(before.HeapInuse))/(1<<20), "MiB")
		b.ReportMetric(float64(after.Commits-commits.Commits), "commits")
		if list, err := w.desk.store.ListDomains(b.Context(), 0, "d05000.example", 1); err != nil || list[0].State != model.DomainLive {
			b.Errorf("%+v, %v", list, err)
		}
		b.StartTimer()
	}
}
