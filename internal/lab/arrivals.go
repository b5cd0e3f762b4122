package lab

import (
	"net/netip"
	"sync"
)

// maxArrivalHeader is the octets of a header kept with an arrival.
const maxArrivalHeader = 16 << 10

// Arrival is a message that was taken for one recipient.
type Arrival struct {
	Verdict
	MessageID string // without angle brackets
	Sender    string // of the envelope; empty: the null sender
	Recipient string
	Client    netip.Addr
	Header    []byte // raw, at most 16 KiB; the recipients of one message share it
}

// arrivals keeps the newest limit of them: at most 17 MB for the default of 1,000.
type arrivals struct {
	limit int

	mu   sync.Mutex
	ring []Arrival
	next int // the oldest, once the ring is full
}

func (r *arrivals) add(a Arrival) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.ring) < r.limit {
		r.ring = append(r.ring, a)
		return
	}
	r.ring[r.next] = a
	r.next = (r.next + 1) % r.limit
}

// list is a copy, the oldest first.
func (r *arrivals) list() []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(append([]Arrival(nil), r.ring[r.next:]...), r.ring[:r.next]...)
}
