package dmarc

import (
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/parts"
)

const (
	maxDepth  = 16      // elements in one another; a report has five
	maxCount  = 1 << 40 // messages of a row, so that sums of MaxRows of them fit
	maxIntern = 10_000  // texts that are remembered, since most repeat
)

// ReadAggregate reads the XML of a report as it streams in. Elements go by their names whatever their namespace or order; those that
// are not known, and values that make no sense, are passed over. A document type with declarations of its own is refused,
// and so is an element or comment beyond 64 KiB.
func ReadAggregate(r io.Reader) (*Aggregate, error) {
	d := xml.NewDecoder(&sieve{r: r})
	d.Strict = false // real reporters leave ampersands and attributes bare
	d.CharsetReader = decoded
	x := reader{texts: map[string]string{}}
	for depth := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, _ := d.InputPos()
			return nil, faulty(line, err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				line, _ := d.InputPos()
				return nil, wording.Errorf("line %d: more than %d elements stand in one another", line, maxDepth)
			}
			if depth == 1 && t.Name.Local != "feedback" {
				return nil, wording.Errorf("this is not a DMARC report: its first element is %q and not feedback", parts.Clean([]byte(t.Name.Local)))
			}
			x.begin(t.Name.Local, depth)
		case xml.CharData:
			x.text = append(x.text, t[:min(len(t), maxText-len(x.text))]...)
		case xml.EndElement:
			x.end(depth)
			depth--
		}
	}
	return x.whole()
}

// faulty words what the decoder says.
func faulty(line int, err error) error {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return wording.Errorf("line %d: the XML is broken: %s", syntax.Line, syntax.Msg)
	}
	return wording.Errorf("line %d: %w", line, err)
}

// decoded reads the charsets of the world's reports; encoding/xml knows UTF-8 itself.
func decoded(charset string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(charset)
	if name, _ := htmlindex.Name(e); err != nil || strings.HasPrefix(name, "utf-16") {
		return nil, wording.Errorf("the charset %q is not one that reports are written in", charset)
	}
	return e.NewDecoder().Reader(r), nil
}

type reader struct {
	report Aggregate
	seen   bool   // the root element
	path   []byte // below the root, slashes between names
	ends   []int  // where each name of path ends
	text   []byte // of the innermost element so far
	row    Row
	texts  map[string]string
	kept   int // octets of texts
}

func (x *reader) begin(name string, depth int) {
	x.seen = true
	x.text = x.text[:0]
	if depth == 1 {
		return
	}
	if len(x.path) > 0 {
		x.path = append(x.path, '/')
	}
	x.path = append(x.path, name[:min(len(name), 64)]...)
	x.ends = append(x.ends, len(x.path))
	switch string(x.path) {
	case "record":
		x.row = Row{}
	case "record/row/policy_evaluated/reason":
		if len(x.row.Reasons) < maxReasons {
			x.row.Reasons = append(x.row.Reasons, Reason{})
		}
	case "record/auth_results/dkim":
		if len(x.row.Signatures) < maxSignatures {
			x.row.Signatures = append(x.row.Signatures, Signature{})
		}
	case "record/auth_results/spf":
		if len(x.row.Senders) < maxSenders {
			x.row.Senders = append(x.row.Senders, Sender{})
		}
	}
}

func (x *reader) end(depth int) {
	if depth == 1 {
		return
	}
	path := string(x.path)
	switch section, rest, _ := strings.Cut(path, "/"); {
	case path == "record":
		x.finish()
	case section == "record":
		x.record(rest)
	case section == "report_metadata":
		x.metadata(rest)
	case section == "policy_published":
		x.published(rest)
	}
	x.text = x.text[:0]
	x.ends = x.ends[:len(x.ends)-1]
	above := 0
	if n := len(x.ends); n > 0 {
		above = x.ends[n-1]
	}
	x.path = x.path[:above]
}

// finish keeps a row, or counts it.
func (x *reader) finish() {
	if len(x.report.Rows) == MaxRows || x.kept > maxKept {
		x.report.Omitted.Rows++
		x.report.Omitted.Messages += min(x.row.Count, 1<<62-x.report.Omitted.Messages)
		return
	}
	x.report.Rows = append(x.report.Rows, x.row)
}

// value is the text of the element that ends.
func (x *reader) value() string {
	s := parts.Clean(x.text)
	if same, ok := x.texts[s]; ok {
		return same
	}
	x.kept += len(s)
	if len(x.texts) < maxIntern {
		x.texts[s] = s
	}
	return s
}

// word is a value of a closed set, or a domain.
func (x *reader) word() string { return strings.ToLower(x.value()) }

func (x *reader) instant() time.Time {
	seconds, _, _ := strings.Cut(x.value(), ".") // some write fractions
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n <= 0 || n >= 253402300800 { // the year 10000
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

func (x *reader) metadata(name string) {
	switch name {
	case "org_name":
		x.report.Organisation = x.value()
	case "email":
		x.report.Email = x.value()
	case "extra_contact_info":
		x.report.Contact = x.value()
	case "report_id":
		x.report.ID = x.value()
	case "generator":
		x.report.Generator = x.value()
	case "error":
		if s := x.value(); s != "" && len(x.report.Errors) < maxErrors {
			x.report.Errors = append(x.report.Errors, s)
		}
	case "date_range/begin":
		x.report.Begin = x.instant()
	case "date_range/end":
		x.report.End = x.instant()
	}
}

func (x *reader) published(name string) {
	p := &x.report.Published
	switch name {
	case "domain":
		p.Domain = x.word()
	case "p":
		p.Policy = Policy(x.word())
	case "sp":
		p.Subdomains = Policy(x.word())
	case "np":
		p.NonExistent = Policy(x.word())
	case "adkim":
		p.DKIM = Mode(x.word())
	case "aspf":
		p.SPF = Mode(x.word())
	case "fo":
		p.Options = x.word()
	case "pct":
		p.Percent = x.word()
	case "testing":
		p.Testing = x.word() == "y"
	case "discovery_method":
		p.Discovery = x.word()
	}
}

func (x *reader) record(name string) {
	row := &x.row
	switch name {
	case "row/source_ip":
		if addr, err := netip.ParseAddr(x.value()); err == nil {
			row.Source = addr.Unmap().WithZone("")
		}
	case "row/count":
		if n, err := strconv.ParseInt(x.value(), 10, 64); err == nil {
			row.Count = min(max(n, 0), maxCount)
		}
	case "row/policy_evaluated/disposition":
		row.Disposition = x.word()
	case "row/policy_evaluated/dkim":
		row.DKIM = x.word()
	case "row/policy_evaluated/spf":
		row.SPF = x.word()
	case "identifiers/header_from", "identities/header_from": // so named in an early draft, and by some to this day
		row.From = x.word()
	case "identifiers/envelope_from", "identities/envelope_from":
		row.EnvelopeFrom = x.word()
	case "identifiers/envelope_to", "identities/envelope_to":
		row.EnvelopeTo = x.word()
	default:
		x.results(name)
	}
}

// results reads what there may be several of; the element has begun one.
func (x *reader) results(name string) {
	if n := len(x.row.Reasons); n > 0 {
		switch last := &x.row.Reasons[n-1]; name {
		case "row/policy_evaluated/reason/type":
			last.Type = x.word()
		case "row/policy_evaluated/reason/comment":
			last.Comment = x.value()
		}
	}
	if n := len(x.row.Signatures); n > 0 {
		switch last := &x.row.Signatures[n-1]; name {
		case "auth_results/dkim/domain":
			last.Domain = x.word()
		case "auth_results/dkim/selector":
			last.Selector = x.value()
		case "auth_results/dkim/result":
			last.Result = x.word()
		case "auth_results/dkim/human_result":
			last.Words = x.value()
		}
	}
	if n := len(x.row.Senders); n > 0 {
		switch last := &x.row.Senders[n-1]; name {
		case "auth_results/spf/domain":
			last.Domain = x.word()
		case "auth_results/spf/scope":
			last.Scope = x.word()
		case "auth_results/spf/result":
			last.Result = x.word()
		}
	}
}

func (x *reader) whole() (*Aggregate, error) {
	switch {
	case !x.seen:
		return nil, wording.Errorf("this is not a DMARC report: there is no XML in it")
	case x.report.Published.Domain == "":
		return nil, wording.Errorf("the DMARC report names no domain that it is about")
	}
	return &x.report, nil
}
