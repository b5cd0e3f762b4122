package arf

import (
	"errors"
	"net/mail"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/standard/parts"
)

// ErrNone says that a mail is no feedback report.
var ErrNone = errors.New("the mail is no feedback report")

const (
	maxPart = 64 << 10 // octets of the feedback part
	maxHead = 64 << 10 // octets of the returned header
	maxList = 100      // values of a field that may stand several times
)

// Parse reads a mail. The only error is ErrNone.
func Parse(raw []byte) (*Report, error) {
	header, _ := parts.Cut(raw)
	x := parser{outer: parts.Fields(header)}
	parts.Walk(raw, x.part)
	switch {
	case x.report != nil:
	case x.jmrp():
		x.report = &Report{Type: "abuse", Incidents: 1, FromJMRP: true}
	default:
		return nil, ErrNone
	}
	x.report.Returned = x.returned
	x.complete()
	return x.report, nil
}

type parser struct {
	outer    parts.Header
	report   *Report
	returned Returned
}

// part looks at a leaf; the report is read when both it and the message are found.
func (x *parser) part(p *parts.Part) bool {
	switch p.MediaType {
	case "message/feedback-report":
		if x.report == nil {
			x.report = read(parts.Fields(p.Octets(maxPart)))
		}
	case "message/rfc822", "message/global", "message/rfc822-headers", "text/rfc822-headers", "text/rfc822", "message/partial":
		if x.returned.Header == nil {
			head, body := parts.Cut(p.Octets(maxHead))
			x.returned = Returned{parts.Fields(head), len(body) > 0}
		}
	}
	return x.report != nil && x.returned.Header != nil
}

// jmrp: Microsoft forwards the message as it is and names the recipient in a field of it, or of the mail around it.
func (x *parser) jmrp() bool {
	return x.returned.Header != nil && (x.returned.Header.Get(hotmailRecipient) != "" || x.outer.Get(hotmailRecipient) != "")
}

const hotmailRecipient = "x-hmxmroriginalrecipient"

// complete takes from elsewhere what the report lacks.
func (x *parser) complete() {
	r := x.report
	for _, h := range []parts.Header{x.outer, x.returned.Header} {
		if addr := bare(h.Get(hotmailRecipient)); addr != "" && len(r.Recipients) == 0 {
			r.Recipients = append(r.Recipients, addr)
		}
	}
	if len(r.Recipients) == 0 { // Yahoo and others name it here only
		r.Recipients = slices.Clone(r.Removal)
	}
	if r.FromJMRP && !r.Source.IsValid() {
		r.Source = source(x.returned.Header.Get("x-originating-ip"))
	}
}

func read(h parts.Header) *Report {
	r := &Report{Incidents: 1}
	f := &Failure{}
	for _, field := range h {
		if !r.field(field) {
			f.field(field)
		}
	}
	if *f != (Failure{}) {
		r.Failure = f
	}
	return r
}

func (r *Report) field(f parts.Field) bool {
	v := f.Value
	switch f.Name {
	case "feedback-type":
		r.Type = strings.ToLower(parts.FirstWord(v))
	case "user-agent":
		r.UserAgent = v
	case "version":
		r.Version = v
	case "original-mail-from":
		r.MailFrom = bare(v)
	case "original-rcpt-to":
		r.Recipients = add(r.Recipients, bare(v))
	case "removal-recipient":
		r.Removal = add(r.Removal, bare(v))
	case "arrival-date", "received-date": // RFC 5965 3.2 and B.1
		if r.Arrival.IsZero() {
			r.Arrival = instant(v)
		}
	case "source-ip":
		r.Source = source(v)
	case "source-port":
		if n, err := strconv.ParseUint(v, 10, 16); err == nil {
			r.SourcePort = int(n)
		}
	case "reported-domain":
		r.Domains = add(r.Domains, strings.ToLower(v))
	case "reported-uri":
		r.URIs = add(r.URIs, v)
	case "incidents":
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			r.Incidents = min(max(n, 1), 1<<31)
		}
	case "reporting-mta":
		_, name, ok := strings.Cut(v, ";") // dns; mail.example.org
		if !ok {
			name = v
		}
		r.ReportingMTA = strings.TrimSpace(name)
	case "original-envelope-id":
		r.EnvelopeID = v
	case "authentication-results":
		r.Authentication = add(r.Authentication, v)
	default:
		return false
	}
	return true
}

func (f *Failure) field(field parts.Field) {
	v := field.Value
	switch field.Name {
	case "auth-failure":
		f.Type = strings.ToLower(v)
	case "delivery-result":
		f.Delivery = strings.ToLower(v)
	case "identity-alignment":
		f.Alignment = strings.ToLower(v)
	case "dkim-domain":
		f.DKIMDomain = strings.ToLower(v)
	case "dkim-identity":
		f.DKIMIdentity = v
	case "dkim-selector":
		f.DKIMSelector = v
	case "dkim-selector-dns":
		f.DKIMSelectorDNS = v
	case "spf-dns":
		f.SPFDNS = v
	case "dkim-canonicalized-header":
		f.CanonicalisedHeader = joined(v)
	case "dkim-canonicalized-body":
		f.CanonicalisedBody = joined(v)
	}
}

// joined undoes the folding of base64.
func joined(s string) string { return strings.ReplaceAll(s, " ", "") }

func add(list []string, v string) []string {
	if v == "" || len(list) == maxList {
		return list
	}
	return append(list, v)
}

// bare takes away the brackets around an address, and what stands around those.
func bare(v string) string {
	if _, inner, ok := strings.Cut(v, "<"); ok {
		v, _, _ = strings.Cut(inner, ">")
	}
	return strings.TrimSpace(v)
}

// source reads an address, which some follow with a name, and some put in brackets.
func source(v string) netip.Addr {
	addr, err := netip.ParseAddr(strings.Trim(parts.FirstWord(v), "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

// instant reads a date; names of zones are those of RFC 5322 4.3, which net/mail takes for UTC.
func instant(v string) time.Time {
	v, _, _ = strings.Cut(v, " (")
	if at := strings.LastIndexByte(v, ' '); at > 0 {
		zones := map[string]string{
			"EDT": "-0400", "EST": "-0500", "CDT": "-0500", "CST": "-0600", "MDT": "-0600", "MST": "-0700", "PDT": "-0700", "PST": "-0800", "UT": "+0000", "GMT": "+0000", "UTC": "+0000",
		}
		if offset, ok := zones[v[at+1:]]; ok {
			v = v[:at+1] + offset
		}
	}
	t, err := mail.ParseDate(v)
	if err != nil || t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC()
}
