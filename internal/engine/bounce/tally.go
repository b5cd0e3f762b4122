package bounce

import (
	"sync"
	"sync/atomic"
)

// Tally counts by word: classes, or kinds of mail that came back. The words are of closed sets, so there are few. Its zero
// value is ready; it is safe for concurrent use.
type Tally struct{ counts sync.Map }

// Add counts one.
func (t *Tally) Add(word string) {
	n, ok := t.counts.Load(word)
	if !ok {
		n, _ = t.counts.LoadOrStore(word, new(atomic.Int64))
	}
	n.(*atomic.Int64).Add(1)
}

// Each tells all that was counted.
func (t *Tally) Each(f func(word string, n int64)) {
	t.counts.Range(func(word, n any) bool {
		f(word.(string), n.(*atomic.Int64).Load())
		return true
	})
}
