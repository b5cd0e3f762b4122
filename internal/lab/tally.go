package lab

import (
	"crypto/sha256"
	"sync"
)

// maxSamples bounds each list of examples in a Report.
const maxSamples = 100

// Count is what one provider saw.
type Count struct {
	Provider    string `json:"provider"`
	Connections int    `json:"connections"`
	Refused     int    `json:"refused"`  // 421, at a limit
	Messages    int    `json:"messages"` // taken: transactions answered with 250
	Encrypted   int    `json:"encrypted"`
	Received    int    `json:"received"` // recipients of those messages, each once
	Doubled     int    `json:"doubled"`  // recipients that got a message again
	Deferred    int    `json:"deferred"` // recipients refused for a time
	Rejected    int    `json:"rejected"` // recipients refused for good
	Dropped     int    `json:"dropped"`  // connections cut in the middle of DATA
	Returned    int    `json:"returned"` // failure reports that were taken
	Unreturned  int    `json:"unreturned"`
	DKIMPass    int    `json:"dkim_pass"`
	DKIMFail    int    `json:"dkim_fail"`
	DKIMNone    int    `json:"dkim_none"`
	SPFPass     int    `json:"spf_pass"`
	SPFOther    int    `json:"spf_other"`
	DMARCPass   int    `json:"dmarc_pass"`
	DMARCFail   int    `json:"dmarc_fail"`
	DMARCNone   int    `json:"dmarc_none"`
	AlignedSPF  int    `json:"aligned_spf"`
	AlignedDKIM int    `json:"aligned_dkim"`
}

// Delivery names one message to one recipient.
type Delivery struct {
	MessageID string `json:"message_id"`
	Recipient string `json:"recipient"`
	Why       string `json:"why,omitempty"`
}

// Report is what the lab saw so far.
type Report struct {
	Providers []Count    `json:"providers"`
	Doubled   []Delivery `json:"doubled,omitempty"`        // examples
	Unsigned  []Delivery `json:"bad_signatures,omitempty"` // examples of DKIM that is missing or fails
	Failed    []Delivery `json:"failed,omitempty"`         // examples of SPF that is there and does not pass, and of DMARC that fails
	Strays    []Delivery `json:"strays,omitempty"`         // examples of recipients that came to a server of others
	Untracked int        `json:"untracked"`                // deliveries beyond what memory is allowed to hold
}

// Total is the sum over the providers.
func (r Report) Total() Count {
	t := Count{}
	for _, c := range r.Providers {
		t.Connections += c.Connections
		t.Refused += c.Refused
		t.Messages += c.Messages
		t.Encrypted += c.Encrypted
		t.Received += c.Received
		t.Doubled += c.Doubled
		t.Deferred += c.Deferred
		t.Rejected += c.Rejected
		t.Dropped += c.Dropped
		t.Returned += c.Returned
		t.Unreturned += c.Unreturned
		t.DKIMPass += c.DKIMPass
		t.DKIMFail += c.DKIMFail
		t.DKIMNone += c.DKIMNone
		t.SPFPass += c.SPFPass
		t.SPFOther += c.SPFOther
		t.DMARCPass += c.DMARCPass
		t.DMARCFail += c.DMARCFail
		t.DMARCNone += c.DMARCNone
		t.AlignedSPF += c.AlignedSPF
		t.AlignedDKIM += c.AlignedDKIM
	}
	return t
}

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

// judged counts what was found of a message.
func (c *Count) judged(m *taken) {
	switch m.dkim {
	case nil:
		c.DKIMPass++
	case errUnsigned:
		c.DKIMNone++
	default:
		c.DKIMFail++
	}
	if m.verdict.SPF == "pass" {
		c.SPFPass++
	} else {
		c.SPFOther++
	}
	switch m.verdict.DMARC {
	case "pass":
		c.DMARCPass++
	case "fail":
		c.DMARCFail++
	default:
		c.DMARCNone++
	}
	if m.verdict.AlignedSPF {
		c.AlignedSPF++
	}
	if m.verdict.AlignedDKIM {
		c.AlignedDKIM++
	}
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
