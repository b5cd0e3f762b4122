package validate

import (
	"context"
	"sync"
)

const (
	// inFlight is how many domains are looked up at the same time.
	inFlight = 64
	// maxDomains is how many domains one generation of a file's domains has; two are kept, at some 300 octets a domain:
	// 40 MB. A domain is looked up again only when as many others have been met since it was last.
	maxDomains = 1 << 16
)

// lookup is the facts of a domain, to be had when done is closed.
type lookup struct {
	domain string
	done   chan struct{}
	facts  facts
	err    error
}

// domains looks up each domain of a file once. One goroutine asks it; inFlight others do the work, and end with it.
type domains struct {
	v          *Validator
	ctx        context.Context
	todo       chan *lookup
	young, old map[string]*lookup
	asked      int
	wg         sync.WaitGroup
}

func newDomains(ctx context.Context, v *Validator) *domains {
	d := &domains{v: v, ctx: ctx, todo: make(chan *lookup, inFlight), young: map[string]*lookup{}}
	for range inFlight {
		d.wg.Go(func() {
			for l := range d.todo {
				l.facts, l.err = v.about(ctx, l.domain)
				close(l.done)
			}
		})
	}
	return d
}

// get gives the look-up of a domain, begun or done. It waits while inFlight of them and as many more are before it.
func (d *domains) get(domain string) *lookup {
	if l := d.young[domain]; l != nil {
		return l
	}
	l := d.old[domain]
	if l == nil {
		d.asked++
		l = &lookup{domain: domain, done: make(chan struct{})}
		d.todo <- l // the workers take all there is, also when the context has ended
	}
	if len(d.young) == maxDomains {
		d.old, d.young = d.young, map[string]*lookup{}
	}
	d.young[domain] = l
	return l
}

// close waits for the workers.
func (d *domains) close() {
	close(d.todo)
	d.wg.Wait()
}
