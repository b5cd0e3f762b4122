package storetest

import (
	"bytes"
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// BenchmarkAccept measures a message of 4 KiB to one recipient from call to durable, with as many callers as sessions have it
// under load: not counted, and counted against a half hour's limit whose window is full.
func BenchmarkAccept(b *testing.B, open Open) {
	for _, part := range []struct {
		name     string
		accounts int // 0: nothing is counted
	}{{"not counted", 0}, {"counted, one account", 1}, {"counted, ten accounts", 10}} {
		b.Run(part.name, func(b *testing.B) {
			k := &bench{Store: open(b), ids: ident.NewSource(clock.System{}, 1), ctx: context.Background(), t: b}
			for i := range max(part.accounts, 1) {
				a := k.account(string(rune('a' + i)))
				for range 600 {
					if part.accounts > 0 {
						k.accept(k.counted(a.ID, 1, 1<<40))
					}
				}
			}
			raw := bytes.Repeat([]byte("0123456789abcdef"), 256)
			before, cpu := k.Stats(), processor(b)
			var n atomic.Int64
			b.SetParallelism(10) // 20 callers on two cores
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					account := model.AccountID(n.Add(1)%int64(max(part.accounts, 1)) + 1)
					var sub store.Submission
					if part.accounts > 0 {
						sub = k.counted(account, 1, 1<<40)
					} else {
						sub = k.message(account, 0, "a.example")
					}
					sub.Raw = raw
					if err := k.Accept(k.ctx, []store.Submission{sub}, nil); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.StopTimer()
			after := k.Stats()
			b.ReportMetric(float64(after.Changes-before.Changes)/float64(after.Commits-before.Commits), "messages/commit")
			b.ReportMetric(float64(processor(b)-cpu)/1000/float64(b.N), "cpu-µs/op")
		})
	}
}

// processor is the time that the processor has worked for this process. Others on the machine do not move it.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
