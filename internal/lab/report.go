package lab

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
