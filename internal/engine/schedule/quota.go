package schedule

import "time"

// slotsOf is into how many slots a quota's window is divided. What it counts too long is at most one of them: it lets
// through up to a 64th less than its limit, never more.
const slotsOf = 64

// quota is a limit on what happens in any window of time, whenever that begins. It counts by slots, and those that are
// partly in the window count whole.
type quota struct {
	limit  int // 0: none
	slot   time.Duration
	at     int64 // the present slot
	sum    int
	counts []uint32 // slotsOf+1, the present one included; nil without a limit
}

// set changes the limit; what was counted stays.
func (q *quota) set(limit int, window time.Duration) {
	q.limit = max(limit, 0)
	if q.limit > 0 && q.counts == nil {
		q.slot, q.counts = window/slotsOf, make([]uint32, slotsOf+1)
	}
}

// free is how much may happen now.
func (q *quota) free(now time.Time) int {
	if q.limit == 0 {
		return 1 << 30
	}
	q.move(now)
	return max(q.limit-q.sum, 0)
}

func (q *quota) take(n int, now time.Time) {
	if q.counts == nil {
		return
	}
	q.move(now)
	q.counts[q.at%(slotsOf+1)] += uint32(n)
	q.sum += n
}

// move empties the slots that have left the window.
func (q *quota) move(now time.Time) {
	at := now.UnixNano() / int64(q.slot)
	for range min(at-q.at, slotsOf+1) {
		q.at++
		i := q.at % (slotsOf + 1)
		q.sum -= int(q.counts[i])
		q.counts[i] = 0
	}
	q.at = max(at, q.at)
}

// next is when something may happen again; now if it may.
func (q *quota) next(now time.Time) time.Time {
	if q.free(now) > 0 {
		return now
	}
	over := q.sum - q.limit
	i := int64(1)
	for ; i <= slotsOf; i++ { // the slot after the present one is the oldest
		if over -= int(q.counts[(q.at+i)%(slotsOf+1)]); over < 0 {
			break
		}
	}
	return now.Add(time.Duration((q.at+i)*int64(q.slot) - now.UnixNano()))
}
