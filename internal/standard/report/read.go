package report

import (
	"bytes"
	"errors"
	"io"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
	"github.com/budkavle/budkavle/internal/standard/parts"
	"github.com/budkavle/budkavle/internal/standard/tlsrpt"
)

// Kind is the kind of a report.
type Kind string

// Kinds.
const (
	DMARC    Kind = "dmarc"
	TLS      Kind = "tls"
	Feedback Kind = "feedback"
)

// Report is one report, in the field of its kind.
type Report struct {
	Kind     Kind
	DMARC    *dmarc.Aggregate
	TLS      *tlsrpt.Report
	Feedback *arf.Report
}

// MaxInput is how many octets of a file or mail are read: MaxPacked in base64, and the mail around it.
const MaxInput = 16 << 20

// Read reads a report of any kind from a file or a mail.
func Read(r io.Reader) (Report, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxInput+1))
	switch {
	case err != nil:
		return Report{}, err
	case len(raw) > MaxInput:
		return Report{}, wording.Errorf("it is longer than %d MiB", MaxInput>>20)
	case len(bytes.TrimSpace(raw)) == 0:
		return Report{}, wording.Errorf("it is empty")
	case sniff(raw) == unknown:
		return Mail(raw)
	}
	return file(raw)
}

// Mail reads the report that a mail holds: its feedback part, else the first attachment that is a report.
func Mail(raw []byte) (Report, error) {
	if f, err := arf.Parse(raw); err == nil {
		return Report{Kind: Feedback, Feedback: f}, nil
	}
	var found Report
	first := wording.Errorf("there is no report in it: neither a DMARC, a TLS nor a feedback report")
	attached := false
	parts.Walk(raw, func(p *parts.Part) bool {
		octets := p.Octets(MaxPacked + 1)
		if p.MediaType == "text/html" || sniff(octets) == unknown {
			return false
		}
		read, err := file(octets)
		if err == nil {
			found = read
			return true
		}
		if !attached {
			attached, first = true, err
		}
		return false
	})
	if found.Kind == "" {
		return Report{}, first
	}
	return found, nil
}

// file reads what is no mail.
func file(raw []byte) (Report, error) {
	plain, err := unpack(raw)
	if err != nil {
		return Report{}, err
	}
	head, err := plain.Peek(64) // enough to tell them by
	if err != nil && !errors.Is(err, io.EOF) {
		return Report{}, unpacking(err)
	}
	var found Report
	switch sniff(head) {
	case isXML:
		found.Kind = DMARC
		found.DMARC, err = dmarc.ReadAggregate(plain)
	case isJSON:
		found.Kind = TLS
		found.TLS, err = tlsrpt.Read(plain)
	default:
		return Report{}, wording.Errorf("it is neither the XML of a DMARC report nor the JSON of a TLS report")
	}
	if err != nil {
		return Report{}, unpacking(err)
	}
	return found, nil
}
