package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

// bodies keeps messages with their bytes between acceptance and delivery, and while they are sent. Those in use and
// those kept for later share one limit in octets; who needs room waits until a message in use is done with. A single
// message larger than the limit is let through when nothing else is in use. Those kept for later have an eighth of the
// limit: behind a deep queue most are not asked for again before they had to give way, and the collector doubles them.
type bodies struct {
	store Store
	limit int64

	mu      sync.Mutex
	entries map[ident.ID]*body
	oldest  *body // the unused ones in order of use, the longest unused first
	newest  *body
	used    int64 // octets of all entries
	idle    int64 // of them, those of unused ones: at most keep
	keep    int64
	freed   chan struct{} // closed when room may have become free
}

// body is one message. Its fields but those of the list and the counts never change once it is ready.
type body struct {
	msg    *model.Message
	raw    []byte
	accept time.Duration // from first byte to durable; 0: not known any more
	err    error
	ready  chan struct{} // closed when msg and raw, or err, are there; nil: they always were

	id         ident.ID
	size       int64
	users      int
	left       int // recipients that may still ask for it; below 0: not known
	prev, next *body
}

// entryCost is what an entry takes besides its bytes: the message's fields and the map's share.
const entryCost = 1 << 10

func newBodies(st Store, limit int64) *bodies {
	return &bodies{store: st, limit: limit, keep: limit / 8, entries: map[ident.ID]*body{}, freed: make(chan struct{})}
}

// put keeps an accepted message, for this many recipients, if there is room: those that are there already are sent
// before it, so none gives way.
func (b *bodies) put(msg *model.Message, raw []byte, accept time.Duration, recipients int) {
	size := int64(len(raw)) + entryCost
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[msg.ID] != nil || b.used+size > b.limit || b.idle+size > b.keep {
		return
	}
	e := &body{msg: msg, raw: raw, accept: accept, id: msg.ID, size: size, left: recipients}
	b.add(e)
	b.enlist(e)
}

// get finds the message, reading it from the store if need be, for one user, who gives it back with done.
func (b *bodies) get(ctx context.Context, id ident.ID) (*body, error) {
	b.mu.Lock()
	if e := b.entries[id]; e != nil {
		b.delist(e)
		e.users++
		b.mu.Unlock()
		return b.await(ctx, e)
	}
	e := &body{id: id, users: 1, left: -1, ready: make(chan struct{})}
	b.entries[id] = e
	b.mu.Unlock()
	e.err = b.read(ctx, e)
	close(e.ready)
	return b.await(ctx, e)
}

func (b *bodies) await(ctx context.Context, e *body) (*body, error) {
	if e.ready != nil {
		select {
		case <-e.ready:
		case <-ctx.Done():
			b.done(e, 0)
			return nil, ctx.Err()
		}
	}
	if e.err != nil {
		b.done(e, 0)
		return nil, e.err
	}
	return e, nil
}

func (b *bodies) read(ctx context.Context, e *body) error {
	msg, err := b.store.Message(ctx, e.id)
	if err != nil {
		return err
	}
	if err := b.reserve(ctx, e, msg.Size+entryCost); err != nil {
		return err
	}
	raw, err := b.store.Body(ctx, e.id)
	if err != nil {
		return err
	}
	e.msg, e.raw = &msg, raw
	return nil
}

// reserve waits for room.
func (b *bodies) reserve(ctx context.Context, e *body, size int64) error {
	for {
		b.mu.Lock()
		if b.makeRoom(size) || b.used == 0 {
			e.size = size
			b.used += size
			b.mu.Unlock()
			return nil
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// done gives a message back after it was used for some of its recipients.
func (b *bodies) done(e *body, recipients int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.users--
	if e.left > 0 {
		e.left = max(e.left-recipients, 0)
	}
	if e.users > 0 {
		return
	}
	if e.err != nil || e.left == 0 {
		b.drop(e)
	} else {
		b.enlist(e)
		for b.idle > b.keep {
			b.dropOldest()
		}
	}
	close(b.freed)
	b.freed = make(chan struct{})
}

func (b *bodies) add(e *body) {
	b.entries[e.id] = e
	b.used += e.size
}

func (b *bodies) drop(e *body) {
	if b.entries[e.id] == e {
		delete(b.entries, e.id)
	}
	b.used -= e.size
}

// makeRoom drops unused messages, the longest unused first, until size fits.
func (b *bodies) makeRoom(size int64) bool {
	for b.used+size > b.limit && b.oldest != nil {
		b.dropOldest()
	}
	return b.used+size <= b.limit
}

func (b *bodies) dropOldest() {
	e := b.oldest
	b.delist(e)
	b.drop(e)
}

// enlist puts an unused message at the end of the list.
func (b *bodies) enlist(e *body) {
	if e.prev = b.newest; e.prev != nil {
		e.prev.next = e
	} else {
		b.oldest = e
	}
	b.newest = e
	b.idle += e.size
}

// delist takes a message off the list if it is on it: in use it is not.
func (b *bodies) delist(e *body) {
	if e.users > 0 {
		return
	}
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		b.oldest = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		b.newest = e.prev
	}
	e.prev, e.next = nil, nil
	b.idle -= e.size
}
