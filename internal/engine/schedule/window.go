package schedule

import "time"

// window is how many sessions a path may hold at once, moved by whether its hosts can be reached and by nothing else.
// Each success adds 1/N and each failure takes 1/N, N being the window; a step up comes at the end of a cycle of
// successes, a step down at the beginning of a cycle of failures (reverse hysteresis). A failure also adds 1/N to the
// failed cohorts; when a whole cohort has failed with no success between, the path is dead.
type window struct {
	size    int
	limit   int // of the limits
	initial int
	success float64
	failure float64
	cohorts float64
	deaths  int // in a row
	// ceiling is what the peer was seen to bear when it said 421; it stands until easedTill.
	ceiling   int
	easedTill time.Time
	pauses    int // in a row
}

func (w *window) init(initial, limit int) {
	w.initial, w.limit = initial, max(limit, 1)
	w.size = min(w.initial, w.limit)
}

func (w *window) setLimit(limit int) {
	w.limit = max(limit, 1)
	w.size = min(w.size, w.limit)
}

// places is how many sessions are allowed now.
func (w *window) places(now time.Time) int {
	if w.ceiling > 0 && now.Before(w.easedTill) {
		return min(w.size, w.ceiling)
	}
	return w.size
}

// reached counts a success while busy places were in use.
func (w *window) reached(busy int) {
	w.cohorts, w.deaths, w.pauses = 0, 0, 0
	if w.size >= w.limit || w.size >= busy+w.initial {
		return // growing what is not used proves nothing
	}
	step := 1 / float64(w.size)
	w.success += step
	for w.success+step/2 >= 1 && w.size < w.limit {
		w.size++
		w.success--
		w.failure = 0
	}
	w.success = min(w.success, 1)
}

// failed counts a failure and reports whether the path is dead now.
func (w *window) failed() bool {
	w.cohorts += 1 / float64(w.size)
	if w.cohorts > 0.999 { // sums of 1/N are not exact
		w.deaths++
		return true
	}
	step := 1 / float64(w.size)
	w.failure -= step
	for w.failure-step/2 < 0 && w.size > 1 {
		w.size--
		w.failure++
		w.success = 0
	}
	w.failure = max(w.failure, 0)
	return false
}

// revive begins anew with one probe: if it fails, that is a whole cohort.
func (w *window) revive() {
	w.size, w.success, w.failure, w.cohorts = 1, 0, 0, 0
}

// ease learns from 421 that the peer did not want the last of busy sessions.
func (w *window) ease(busy int, until time.Time) {
	w.pauses++
	w.ceiling, w.easedTill = max(busy-1, 1), until
}

// doubled is d doubled for each time in a row after the first, at most limit.
func doubled(d, limit time.Duration, times int) time.Duration {
	for range times - 1 {
		if d >= limit {
			break
		}
		d *= 2
	}
	return min(d, limit)
}
