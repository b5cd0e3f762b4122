package lab

import (
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/clock"
)

// maxCached bounds the cache: answers of about 1 KB, 10 MB. Those beyond it are given and not kept.
const maxCached = 10_000

// cache is a resolver in front of the authority. It gives an answer again until its TTL has run out, whatever the
// authority says meanwhile, as the resolvers of the world do.
type cache struct {
	authority *authority
	clock     clock.Clock

	mu   sync.Mutex
	kept map[question]kept
}

type question struct {
	mdns.Question
	signed bool
}

type kept struct {
	msg   *mdns.Msg
	since time.Time
	until time.Time
}

// answer implements answerer.
func (c *cache) answer(q *mdns.Msg) *mdns.Msg {
	if len(q.Question) != 1 {
		return new(mdns.Msg).SetRcode(q, mdns.RcodeRefused)
	}
	opt := q.IsEdns0()
	key := question{q.Question[0], opt != nil && opt.Do()}
	key.Name = fold(key.Name)
	m := c.recall(key)
	if m == nil {
		if m = c.authority.answer(q); m == nil {
			return nil
		}
		c.keep(key, m)
	}
	m.Id, m.Question = q.Id, q.Question
	m.Authoritative, m.RecursionAvailable, m.RecursionDesired = false, true, q.RecursionDesired
	return m
}

// recall is a kept answer with what is left of its time.
func (c *cache) recall(key question) *mdns.Msg {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.kept[key]
	now := c.clock.Now()
	if !ok || !now.Before(k.until) {
		return nil
	}
	m := k.msg.Copy()
	for _, rr := range append(m.Answer, m.Ns...) {
		rr.Header().Ttl -= uint32(now.Sub(k.since) / time.Second)
	}
	return m
}

// keep remembers an answer for the least of its TTLs, a denial for that of its SOA (RFC 2308 5). Failures are not kept.
func (c *cache) keep(key question, m *mdns.Msg) {
	records := append(m.Answer[:len(m.Answer):len(m.Answer)], m.Ns...)
	if len(records) == 0 {
		return
	}
	ttl := records[0].Header().Ttl
	for _, rr := range records {
		ttl = min(ttl, rr.Header().Ttl)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	if len(c.kept) >= maxCached {
		for old, k := range c.kept {
			if !now.Before(k.until) {
				delete(c.kept, old)
			}
		}
	}
	if len(c.kept) < maxCached {
		c.kept[key] = kept{m.Copy(), now, now.Add(time.Duration(ttl) * time.Second)}
	}
}
