package dns

import (
	"container/list"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// key is a question: a plain name and a type.
type key struct {
	name  string
	qtype uint16
}

func (k key) fault(kind Kind, server string, cause error) *Error {
	return &Error{Kind: kind, Name: k.name, Type: mdns.TypeToString[k.qtype], Server: server, Err: cause}
}

// result is the answer to a question, or why there is none. It is shared and never changed.
type result struct {
	name      string
	zone      string // that a denial comes from, if it says so
	records   []mdns.RR
	err       *Error
	expires   time.Time
	authentic bool
	size      int // of the message, in octets
}

func (r *result) errorOrNil() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// overhead is what an entry costs besides its message, in octets: map, list, key, and the unpacked form.
const overhead = 512

// cache keeps results, the least recently used of which go first. The memory it stands for is at most
// limit + one answer: each entry is counted as twice its message and the overhead.
type cache struct {
	limit int

	mu      sync.Mutex
	used    int
	entries map[key]*list.Element
	recent  *list.List // of *entry, most recent in front
}

type entry struct {
	key    key
	result *result
	cost   int
}

func newCache(limit int) *cache {
	return &cache{limit: limit, entries: map[key]*list.Element{}, recent: list.New()}
}

func (c *cache) get(k key, now time.Time) (*result, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.entries[k]
	if !ok {
		return nil, false
	}
	e := el.Value.(*entry)
	if !e.result.expires.After(now) {
		c.remove(el)
		return nil, false
	}
	c.recent.MoveToFront(el)
	return e.result, true
}

func (c *cache) put(k key, r *result, now time.Time) {
	if !r.expires.After(now) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.entries[k]; ok {
		c.remove(el)
	}
	e := &entry{key: k, result: r, cost: overhead + 2*r.size}
	c.entries[k] = c.recent.PushFront(e)
	c.used += e.cost
	for c.used > c.limit && c.recent.Len() > 1 {
		c.remove(c.recent.Back())
	}
}

func (c *cache) remove(el *list.Element) {
	e := c.recent.Remove(el).(*entry)
	delete(c.entries, e.key)
	c.used -= e.cost
}

// flight holds the questions under way; there are never more than callers.
type flight struct {
	mu        sync.Mutex
	questions map[key]*question
}

// question is asked by one caller; the others wait for done and then read result.
type question struct {
	done   chan struct{}
	result *result
}

// join returns either a question the caller must ask and land, or one to wait for.
func (f *flight) join(k key) (mine, theirs *question) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if q, ok := f.questions[k]; ok {
		return nil, q
	}
	if f.questions == nil {
		f.questions = map[key]*question{}
	}
	q := &question{done: make(chan struct{})}
	f.questions[k] = q
	return q, nil
}

func (f *flight) land(k key, q *question, r *result) {
	q.result = r
	f.mu.Lock()
	delete(f.questions, k)
	f.mu.Unlock()
	close(q.done)
}
