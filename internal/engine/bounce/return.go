package bounce

import (
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dsn"
)

// Return is a mail that came back, read: of whatever shape it is, its entries are in the form of RFC 3464, each with what is
// thought of it.
type Return struct {
	Reading
	report dsn.Report
	said   []Report // of report.Recipients
	text   bool     // they were read from words for people
}

// Return reads a mail that came back. What it says is still to be tied to a message, by One or Whole.
func (r *Rules) Return(raw []byte) Return {
	m := Return{Reading: r.Mail(raw)}
	if len(m.Recipients) == 0 {
		return m
	}
	if report, err := dsn.Parse(raw); err == nil && len(m.Recipients) == len(report.Recipients) {
		m.report, m.said = *report, m.Recipients // the same part, read twice; this one has all its fields
		return m
	}
	if m.Kind != KindBounce && m.Kind != KindDelay {
		return m
	}
	m.said, m.text = m.Recipients, true
	for i := range m.said {
		m.report.Recipients = append(m.report.Recipients, m.said[i].entry())
	}
	return m
}

// entry is what the text of a mail says of one recipient, as a status part would say it.
func (p *Report) entry() dsn.Recipient {
	e := dsn.Recipient{
		Original: dsn.Typed{Type: "rfc822", Value: p.Original}, Final: dsn.Typed{Type: "rfc822", Value: p.Recipient}, Status: p.Status,
		RemoteMTA: dsn.Typed{Type: "dns", Value: first(p.RemoteMTA, p.ReportingMTA)}, Diagnostic: dsn.Typed{Type: "smtp", Value: p.Diagnostic},
	}
	switch p.Kind {
	case KindBounce:
		e.Action = dsn.Failed
	case KindDelay:
		e.Action = dsn.Delayed
	}
	return e
}

// Reports reports whether the mail says what became of a message: that it failed, is delayed, or has arrived.
func (m *Return) Reports() bool { return m.Kind != KindComplaint && len(m.said) > 0 }

// Text reports whether words for people say so, and no status part.
func (m *Return) Text() bool { return m.text }

// One is what the mail says of a recipient on whose own return path it came.
func (m *Return) One(own model.Recipient, now time.Time) (Finding, bool) {
	f, ok := ReadOne(&m.report, own, now)
	if ok {
		m.judged(&f)
	}
	return f, ok
}

// Whole is what the mail says of recipients of a message on whose common return path it came.
func (m *Return) Whole(recipients []model.Recipient, now time.Time) []Finding {
	list := ReadWhole(&m.report, recipients, now)
	for i := range list {
		m.judged(&list[i])
	}
	return list
}

func (m *Return) judged(f *Finding) {
	said := &m.said[f.Entry]
	f.Verdict = said.Verdict
	if f.Reply.Code == 0 {
		f.Reply.Code = said.Code
	}
}

// Named are those of a message's recipients that somebody calls by one of the names: an address, or the ORCPT it was sent with.
func Named(recipients []model.Recipient, names []string) []model.Recipient {
	x := newIndex(recipients)
	var list []model.Recipient
	seen := map[int]bool{} // no longer than names
	for _, name := range names {
		if i := x.find(&dsn.Recipient{Final: dsn.Typed{Value: name}}); i >= 0 && !seen[i] {
			seen[i] = true
			list = append(list, recipients[i])
		}
	}
	return list
}
