// Package ident makes the identifiers of everything stored: 63-bit numbers that sort by the time
// they were made, so that new rows go to the end of every index.
//
// Layout, from the high bit: 0, 41 bits of milliseconds since 2024-01-01 (until 2093), 10 bits of
// node, 12 bits of sequence. A Source that runs out of sequence numbers within a millisecond, or
// sees the clock step back, borrows from the next millisecond; it never repeats a number and never
// blocks. Uniqueness between nodes needs distinct node numbers. An ID is no secret: anything that
// must not be guessed carries a MAC besides.
package ident

import (
	"encoding/base32"
	"encoding/binary"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// ID is a time-ordered identifier; 0 is none.
type ID int64

const (
	nodeBits     = 10
	sequenceBits = 12
	// MaxNode is the highest node number of a Source.
	MaxNode = 1<<nodeBits - 1
)

// epoch is 2024-01-01T00:00:00Z in Unix milliseconds.
const epoch = 1704067200000

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// String is the 13-character lower-case form; it sorts as the number does.
func (id ID) String() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(id))
	return encoding.EncodeToString(b[:])
}

// Parse reads what String wrote.
func Parse(s string) (ID, error) {
	b, err := encoding.DecodeString(s)
	if err != nil || len(b) != 8 {
		return 0, wording.Errorf("identifier %q: want 13 characters of 0-9 and a-z without i, l, o, u", s)
	}
	id := ID(binary.BigEndian.Uint64(b))
	if id <= 0 {
		return 0, wording.Errorf("identifier %q is out of range", s)
	}
	return id, nil
}

// MarshalText implements encoding.TextMarshaler.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := Parse(string(b))
	if err != nil {
		return err
	}
	*id = v
	return nil
}

// Time is when the identifier was made, to the millisecond.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(id)>>(nodeBits+sequenceBits) + epoch)
}

// First is the smallest identifier that can have been made at t or later; it bounds range scans. Times that no identifier
// reaches give those of the nearest one.
func First(t time.Time) ID {
	ms := min(max(t.UnixMilli()-epoch, 0), 1<<(63-nodeBits-sequenceBits)-1)
	return ID(ms << (nodeBits + sequenceBits))
}

// Source makes identifiers. It is safe for concurrent use.
type Source struct {
	clock clock.Clock
	node  int64

	mu   sync.Mutex
	last int64 // milliseconds and sequence of the last number, without the node
}

// NewSource returns a source for one node, 0 to MaxNode; the number is taken modulo that range.
func NewSource(c clock.Clock, node int) *Source {
	return &Source{clock: c, node: int64(node) & MaxNode}
}

// Next returns a new identifier, greater than all before it from this source.
func (s *Source) Next() ID {
	now := (s.clock.Now().UnixMilli() - epoch) << sequenceBits
	s.mu.Lock()
	defer s.mu.Unlock()
	if now <= s.last {
		now = s.last + 1
	}
	s.last = now
	ms, seq := now>>sequenceBits, now&(1<<sequenceBits-1)
	return ID(ms<<(nodeBits+sequenceBits) | s.node<<sequenceBits | seq)
}
