package bounce

import (
	"strings"

	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/dsn"
)

// Reading is what a mail that came in says.
type Reading struct {
	Kind       Kind
	Rule       string      // that told the kind, where no recipient's verdict does
	Recipients []Report    // in the order of the mail; of complaints too, if they name one
	Feedback   *arf.Report // of complaints
}

// Report is what a mail says of one recipient.
type Report struct {
	Verdict
	Recipient    string // address; empty if the mail does not say
	Original     string // the address the sender wrote, where it differs
	Status       string // RFC 3463: "5.1.1"
	Code         int    // SMTP reply code, 0 if there is none
	Diagnostic   string // the words of the server that refused, on one line, at most maxDiagnostic octets
	ReportingMTA string
	RemoteMTA    string
}

const (
	maxForwards   = 2   // messages in messages that are opened to find a report
	maxDiagnostic = 600 // octets
	maxHelped     = 100 // recipients of a status part that the part for people is asked about
)

// Mail reads a mail that came back, of whatever shape. It asks, in this order: is it a complaint (RFC 5965); has it a status
// part (RFC 3464); what do its sender, subject and header make it; and if it is nothing itself, has it a report attached.
func (r *Rules) Mail(raw []byte) Reading { return r.read(raw, 0) }

func (r *Rules) read(raw []byte, depth int) Reading {
	if f, err := arf.Parse(raw); err == nil {
		return complaint(f, feedbackRule)
	}
	l := open(raw)
	if len(l.report.Recipients) > 0 {
		return r.reported(l)
	}
	rule := r.kindOfMail(l)
	var found Reading
	switch rule.kind {
	case KindBounce, KindDelay:
		found = r.told(l, rule)
	case KindComplaint:
		found = l.plainComplaint(rule)
	case KindAutoreply, KindChallenge:
		return Reading{Kind: rule.kind, Rule: rule.name}
	}
	if found.Kind != "" {
		return found
	}
	return r.forwarded(l, depth)
}

// forwarded looks for a report in the messages that a mail has in it, as parts or written out in its text.
func (r *Rules) forwarded(l *letter, depth int) Reading {
	if depth < maxForwards {
		list := l.attached
		if written := fromOriginal(l.text); written != "" {
			list = append(list[:len(list):len(list)], []byte(written))
		}
		for _, inner := range list {
			if found := r.read(inner, depth+1); found.Kind != KindNone {
				return found
			}
		}
	}
	return Reading{Kind: KindNone}
}

// reported reads a status part. Where its codes say little, the part for people may have the words.
func (r *Rules) reported(l *letter) Reading {
	var found Reading
	var text account
	if len(l.report.Recipients) <= maxHelped {
		text = l.scan()
	}
	if len(l.report.Recipients) > 1 {
		text.common = "" // what is said of all is not said of one of several
	}
	for i := range l.report.Recipients {
		rep, byWords := r.entry(l, &l.report.Recipients[i], text)
		if rep.Kind != KindNone && !byWords {
			r.sharpen(&rep, text)
		}
		found.add(rep)
	}
	return found
}

// entry reads what a status part says of one recipient.
func (r *Rules) entry(l *letter, p *dsn.Recipient, text account) (rep Report, byWords bool) {
	rep = Report{
		Recipient: p.Final.Value, Original: p.Original.Value, Status: p.Status,
		ReportingMTA: l.report.ReportingMTA.Value, RemoteMTA: firstName(p.RemoteMTA.Value),
	}
	if rep.Recipient == "" || strings.EqualFold(rep.Recipient, rep.Original) {
		rep.Recipient, rep.Original = first(rep.Recipient, rep.Original), ""
	}
	if !strings.Contains(rep.Recipient, "@") && len(l.report.Recipients) == 1 {
		rep.Recipient = first(append(failedRecipients(l.header), rep.Recipient)...) // Exim gives the file or pipe it stands for
	}
	said := ParseReply(p.Diagnostic.Value)
	if said.Enhanced == "" || strings.HasSuffix(said.Enhanced, ".0.0") && p.Status != "" {
		said.Enhanced = p.Status
	}
	said.Host, said.Stage = rep.speaker(), stageIn(fold(text.about(rep.Recipient)))
	rep.Code, rep.Diagnostic, rep.Status = said.Code, oneLine(p.Diagnostic.Value), said.Enhanced
	rep.Verdict = Verdict{Kind: KindNone, Action: NoAction}
	switch actionOf(p) {
	case dsn.Failed:
		rep.Verdict, byWords = r.judge(said, KindBounce)
	case dsn.Delayed:
		rep.Verdict, byWords = r.judge(said, KindDelay)
	}
	return rep, byWords
}

// sharpen lets the words for people decide where the codes did, if there are any that say more. Hard is only what no other
// word of the report contradicts.
func (r *Rules) sharpen(rep *Report, text account) {
	for _, words := range [...]string{text.about(rep.Recipient), text.common} {
		if words == "" {
			continue
		}
		said := ParseReply(words)
		said.Host = rep.speaker()
		if said.Enhanced == "" {
			said.Enhanced = rep.Status
		}
		v, byWords := r.judge(said, rep.Kind)
		if !byWords || rep.Hard && v.Hard {
			continue
		}
		rep.Verdict = v
		rep.Diagnostic = first(rep.Diagnostic, oneLine(words))
		if !v.Hard {
			return
		}
	}
}

// told reads a report that has no status part. Without a recipient and without a reason it is none.
func (r *Rules) told(l *letter, rule *mailRule) Reading {
	text := l.scan()
	found := Reading{Rule: rule.name}
	common, sure := r.wordsOf(l, first(text.names...), text.common, rule.kind)
	var words string
	rep := common
	for _, name := range text.names {
		if about := text.about(name); about != words { // those of a list share their words
			var byWords bool
			words = about
			if rep, byWords = r.wordsOf(l, name, words, rule.kind); !byWords && (sure || rep.Class == Unclassified) {
				rep = common
			}
		}
		rep.Recipient = name
		found.add(rep)
	}
	if len(text.names) == 0 && (sure || common.Code > 0 || l.status) {
		found.add(common)
	}
	return found
}

// wordsOf judges words for people. A delay of which nothing else is said is mail that is not yet delivered in time.
func (r *Rules) wordsOf(l *letter, name, words string, kind Kind) (rep Report, byWords bool) {
	said := ParseReply(words)
	rep = Report{
		Recipient: name, Status: said.Enhanced, Code: said.Code, Diagnostic: oneLine(withoutHead(words, name)), RemoteMTA: hostIn(words),
		ReportingMTA: l.from(),
	}
	said.Host = rep.speaker()
	rep.Verdict, byWords = r.judge(said, kind)
	return rep, byWords
}

// withoutHead takes the address from the beginning of what is said of it.
func withoutHead(words, name string) string {
	if rest, ok := strings.CutPrefix(strings.TrimLeft(words, bullets+"<\"'"), name); ok && strings.TrimSpace(rest) != "" {
		return strings.TrimLeft(rest, " \t>\"':")
	}
	return words
}

// add keeps a report. The mail is what is gravest in it.
func (g *Reading) add(rep Report) {
	if rep.Kind == KindDelay && rep.Class == Unclassified {
		rep.Class, rep.Action = Expired, Expired.action(KindDelay)
	}
	g.Recipients = append(g.Recipients, rep)
	if g.Kind == "" || rep.Kind == KindBounce || rep.Kind == KindDelay && g.Kind == KindNone {
		g.Kind = rep.Kind
	}
}

// speaker is who said it: the server that refused, or else one of the recipient's domain, or else the one that reports.
func (p *Report) speaker() string {
	_, domain, _ := strings.Cut(p.Recipient, "@")
	return first(p.RemoteMTA, domain, p.ReportingMTA)
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// firstName is a host without the comment some servers put behind it.
func firstName(s string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(s), " ")
	return name
}

// oneLine makes a text short and plain.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, s[:min(len(s), maxSaid)])), " ")
	if len(s) > maxDiagnostic {
		s = s[:maxDiagnostic]
	}
	return strings.ToValidUTF8(s, "")
}
