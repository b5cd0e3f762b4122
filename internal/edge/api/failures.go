package api

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"github.com/budkavle/budkavle/internal/base/clock"
)

const (
	// failureBurst wrong keys from one address are answered at once, and failureRate a second after that.
	failureBurst = 10
	failureRate  = 0.2
	// failureEntries bounds the table: 10,000 entries of about 150 octets, 1.5 MiB. A full one is emptied.
	failureEntries = 10_000
)

// failures counts wrong keys by address, so that guessing fills neither the log nor the processor.
type failures struct {
	clock clock.Clock
	mu    sync.Mutex
	by    map[netip.Addr]*rate.Limiter
}

func newFailures(c clock.Clock) *failures {
	return &failures{clock: c, by: map[netip.Addr]*rate.Limiter{}}
}

// allow counts one failure and reports whether it is still within the rate.
func (f *failures) allow(client netip.Addr) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.by[client]
	if l == nil {
		if len(f.by) >= failureEntries {
			clear(f.by)
		}
		l = rate.NewLimiter(failureRate, failureBurst)
		f.by[client] = l
	}
	return l.AllowN(f.clock.Now(), 1)
}
