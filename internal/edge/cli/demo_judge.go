package cli

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/lab"
)

// demoResult is what the demo found.
type demoResult struct {
	Recipients int               `json:"recipients"`
	Messages   int               `json:"messages"`    // accepted by the node
	TakenIn    time.Duration     `json:"taken_in_ns"` // until the last was accepted
	SettledIn  time.Duration     `json:"settled_in_ns"`
	Providers  []*providerResult `json:"providers"`
	Total      *providerResult   `json:"total"`
	Reports    int               `json:"reports"` // failure reports that the school got
	Faults     []demoFault       `json:"faults"`

	story ident.ID
}

// providerResult is what became of one provider's recipients.
type providerResult struct {
	Provider  string        `json:"provider"`
	Sent      int           `json:"sent"`
	Delivered int           `json:"delivered"` // at the first attempt
	Later     int           `json:"delivered_later"`
	Unknown   int           `json:"bounced_unknown"`
	Full      int           `json:"bounced_full"`
	Spam      int           `json:"bounced_spam"`
	NoHost    int           `json:"bounced_no_host"`
	Other     int           `json:"bounced_other"`
	Returned  int           `json:"bounced_after_delivery"`
	Waiting   int           `json:"waiting"`
	P50       time.Duration `json:"p50_ns"` // from accepted to delivered
	P99       time.Duration `json:"p99_ns"`

	times []time.Duration
}

// demoFault is where the lab and the node disagree.
type demoFault struct {
	recipient string // empty: it is about more than one
	messageID string
	reason    error
}

// MarshalJSON implements json.Marshaler.
func (f demoFault) MarshalJSON() ([]byte, error) {
	return json.Marshal(lab.Delivery{MessageID: f.messageID, Recipient: f.recipient, Why: f.reason.Error()})
}

// judge compares what the node says with what the lab saw and with what had to happen.
func judge(l *lab.Lab, addresses []string, outcomes map[string]*outcome) *demoResult {
	r := &demoResult{Recipients: len(addresses), Total: &providerResult{}, Faults: []demoFault{}}
	report := l.Report()
	byName := map[string]*providerResult{}
	for _, c := range report.Providers {
		if c.Provider == demoAccount {
			r.Reports = c.Received
			continue
		}
		byName[c.Provider] = &providerResult{Provider: c.Provider}
		r.Providers = append(r.Providers, byName[c.Provider])
	}
	for _, address := range addresses {
		expected, _ := l.Expect(address)
		p, o := byName[expected.Provider], outcomes[address]
		for _, sum := range []*providerResult{p, r.Total} {
			sum.add(o)
		}
		r.compare(l, address, expected, o)
	}
	for _, p := range append(r.Providers, r.Total) {
		slices.Sort(p.times)
		p.P50, p.P99 = percentile(p.times, 50), percentile(p.times, 99)
	}
	r.Providers = slices.DeleteFunc(r.Providers, func(p *providerResult) bool { return p.Sent == 0 })
	r.inspect(report)
	return r
}

func (p *providerResult) add(o *outcome) {
	p.Sent++
	if o == nil {
		return
	}
	if !o.delivered.IsZero() {
		p.times = append(p.times, o.delivered.Sub(o.accepted))
	}
	switch o.final() {
	case lab.Delivered:
		if o.deferrals > 0 {
			p.Later++
		} else {
			p.Delivered++
		}
	case lab.Returned:
		p.Returned++
	case lab.Waiting:
		p.Waiting++
	default:
		*p.kind(o.reply.Enhanced)++
	}
}

// kind is the count for a status code of RFC 3463.
func (p *providerResult) kind(enhanced string) *int {
	switch enhanced {
	case "5.1.1":
		return &p.Unknown
	case "5.2.2":
		return &p.Full
	case "5.7.1":
		return &p.Spam
	case "5.1.2", "5.1.10":
		return &p.NoHost
	}
	return &p.Other
}

// compare finds what is wrong with one recipient.
func (r *demoResult) compare(l *lab.Lab, address string, expected lab.Outcome, o *outcome) {
	if o == nil {
		r.fault(address, "", wording.Errorf("lost: it was submitted, and the node does not know of it"))
		return
	}
	got := l.Received(o.messageID, address)
	final := o.final()
	switch {
	case o.again:
		r.fault(address, o.messageID, wording.Errorf("doubled: the node has it more than once"))
	case got > expected.Taken:
		r.fault(address, o.messageID, wording.Errorf("doubled: the lab got it %d times, not %d", got, expected.Taken))
	case got < expected.Taken && (final == lab.Delivered || final == lab.Returned):
		r.fault(address, o.messageID, wording.Errorf("lost: the node says %s, and the lab never got it", string(final)))
	case final != expected.Final:
		r.fault(address, o.messageID, wording.Errorf("the node says %s, and it had to be %s; last reply: %s", string(final), string(expected.Final), replyText(o.reply)))
	case expected.Status != "" && o.reply.Enhanced != expected.Status:
		r.fault(address, o.messageID, wording.Errorf("failed with status %s, and it had to be %s; last reply: %s", o.reply.Enhanced, expected.Status, replyText(o.reply)))
	}
}

// inspect finds what the lab says is wrong by itself, and whether the sums agree.
func (r *demoResult) inspect(report lab.Report) {
	received := 0
	for _, c := range report.Providers {
		if c.Provider == demoAccount {
			continue
		}
		received += c.Received
		if c.DKIMFail+c.DKIMNone > 0 {
			r.fault("", "", wording.Errorf("%d messages came to %s without a good DKIM signature", c.DKIMFail+c.DKIMNone, c.Provider))
		}
		if c.Unreturned > 0 {
			r.fault("", "", wording.Errorf("%d failure reports of %s were not taken", c.Unreturned, c.Provider))
		}
	}
	for _, d := range report.Strays {
		r.fault(d.Recipient, d.MessageID, wording.Errorf("sent to the wrong server: %s", d.Why))
	}
	if said := r.Total.Delivered + r.Total.Later + r.Total.Returned; received != said {
		r.fault("", "", wording.Errorf("the node delivered to %d recipients, and the lab received for %d", said, received))
	}
}

func (r *demoResult) fault(address, messageID string, reason error) {
	r.Faults = append(r.Faults, demoFault{address, messageID, reason})
}

// percentile is of sorted times; 0 if there are none.
func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}
