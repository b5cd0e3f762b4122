package lab

import (
	"crypto/sha256"
	"sync"
)

// mark stands for a Message-ID and a recipient. 128 bits: no two of a million meet.
type mark [16]byte

func markOf(messageID, recipient string) mark {
	sum := sha256.Sum256([]byte(messageID + "\x00" + recipient))
	return mark(sum[:16])
}

// tally counts. It holds at most limit marks, of about 40 octets each in the map: 40 MB for the default of a million.
type tally struct {
	mu     sync.Mutex
	limit  int
	marks  map[mark]uint16
	report Report
	byName map[string]int // index in report.Providers
}

func newTally(z *Zone, limit int) *tally {
	t := &tally{limit: limit, marks: map[mark]uint16{}, byName: map[string]int{}}
	for i := range z.Providers {
		t.byName[z.Providers[i].Name] = i
		t.report.Providers = append(t.report.Providers, Count{Provider: z.Providers[i].Name})
	}
	return t
}

// count changes the numbers of a provider.
func (t *tally) count(p *Provider, change func(c *Count)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.report.Providers[t.byName[p.Name]])
}

// taken is what is known of a message when its 250 is due.
type taken struct {
	messageID  string
	recipients []string
	encrypted  bool
	dkim       error // nil: passes
	verdict    Verdict
}

// take counts a message.
func (t *tally) take(p *Provider, m *taken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.report.Providers[t.byName[p.Name]]
	c.Messages++
	if m.encrypted {
		c.Encrypted++
	}
	c.judged(m)
	for _, rcpt := range m.recipients {
		d := Delivery{MessageID: m.messageID, Recipient: rcpt}
		if m.dkim != nil {
			d.Why = m.dkim.Error()
			sample(&t.report.Unsigned, d)
		}
		if d.Why = m.verdict.Why; d.Why != "" {
			sample(&t.report.Failed, d)
		}
		key := markOf(m.messageID, rcpt)
		n, known := t.marks[key]
		switch {
		case known:
			c.Doubled++
			sample(&t.report.Doubled, Delivery{MessageID: m.messageID, Recipient: rcpt})
		case len(t.marks) >= t.limit:
			t.report.Untracked++
			continue
		default:
			c.Received++
		}
		t.marks[key] = n + min(1, ^uint16(0)-n)
	}
}

func (t *tally) stray(d Delivery) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sample(&t.report.Strays, d)
}

func sample(list *[]Delivery, d Delivery) {
	if len(*list) < maxSamples {
		*list = append(*list, d)
	}
}

// times is how often a message was taken for a recipient.
func (t *tally) times(messageID, recipient string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.marks[markOf(messageID, recipient)])
}

func (t *tally) snapshot() Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.report
	r.Providers = append([]Count(nil), r.Providers...)
	r.Doubled = append([]Delivery(nil), r.Doubled...)
	r.Unsigned = append([]Delivery(nil), r.Unsigned...)
	r.Failed = append([]Delivery(nil), r.Failed...)
	r.Strays = append([]Delivery(nil), r.Strays...)
	return r
}
