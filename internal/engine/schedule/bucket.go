package schedule

import "time"

// bucket is a token bucket; a token is one recipient. A batch may leave it in debt.
type bucket struct {
	rate   float64 // tokens a second; 0: no limit
	burst  float64
	tokens float64
	at     time.Time // when tokens was true
}

func (b *bucket) set(rate float64, burst int, now time.Time) {
	size := float64(burst)
	if burst < 1 {
		size = max(rate/10, 1)
	}
	if rate == b.rate && size == b.burst {
		return
	}
	if b.fill(now); b.rate <= 0 {
		b.tokens = size
	}
	b.rate, b.burst, b.tokens, b.at = rate, size, min(b.tokens, size), now
}

func (b *bucket) fill(now time.Time) {
	if b.rate > 0 && now.After(b.at) {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.at).Seconds())
		b.at = now
	}
}

func (b *bucket) ready(now time.Time) bool {
	b.fill(now)
	return b.rate <= 0 || b.tokens >= 0.999999
}

func (b *bucket) take(n int) {
	if b.rate > 0 {
		b.tokens -= float64(n)
	}
}

// next is when there will be a token. Call it only when there is none.
func (b *bucket) next() time.Time {
	return b.at.Add(time.Duration((1 - b.tokens) / b.rate * float64(time.Second)))
}
