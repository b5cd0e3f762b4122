package bounce

import (
	"regexp"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/message"
)

// mailText is a rule about whole mails.
type mailText struct {
	Name     string   `toml:"name"`
	Kind     Kind     `toml:"kind"`
	Type     string   `toml:"type"` // of complaints, as RFC 5965 names them
	From     []string `toml:"from"`
	Subject  []string `toml:"subject"`
	Header   []string `toml:"header"`
	Text     []string `toml:"text"`
	Examples []string `toml:"examples"`
}

// mailRule says what kind of mail it fits. Of each condition that it has, one phrase must be there.
type mailRule struct {
	name     string
	kind     Kind
	feedback string
	from     []phrase
	subject  []phrase
	text     []phrase
	header   []headerPhrase
}

// headerPhrase is a field and what must be in it; without a phrase the field must only be there.
type headerPhrase struct {
	field  string
	phrase phrase
}

func (r *Rules) addMail(t *mailText) error {
	ru := mailRule{name: t.Name, kind: t.Kind, feedback: t.Type}
	switch {
	case !ruleName.MatchString(t.Name):
		return wording.Errorf("the name must be of small letters, digits and hyphens, at most 64")
	case t.Kind != KindBounce && t.Kind != KindDelay && t.Kind != KindAutoreply && t.Kind != KindComplaint && t.Kind != KindChallenge && t.Kind != KindNone:
		return wording.Errorf("kind %q is none of: bounce, delay, autoreply, complaint, challenge, not a bounce", string(t.Kind))
	case len(t.From)+len(t.Subject)+len(t.Header)+len(t.Text) == 0:
		return wording.Errorf("it has no condition; give from, subject, header or text")
	case len(t.Examples) == 0:
		return wording.Errorf("it has no example; give a mail that it is to decide")
	}
	for _, list := range []struct {
		from []string
		to   *[]phrase
	}{{t.From, &ru.from}, {t.Subject, &ru.subject}, {t.Text, &ru.text}} {
		for _, s := range list.from {
			p, err := checkedPhrase(s)
			if err != nil {
				return err
			}
			*list.to = append(*list.to, p)
		}
	}
	for _, s := range t.Header {
		field, words, ok := strings.Cut(s, ":")
		if !ok || field == "" {
			return wording.Errorf("header %q is no field; write them as \"Precedence: bulk\", or \"X-Autoreply:\" for any value", s)
		}
		h := headerPhrase{field: strings.ToLower(field)}
		if words = strings.TrimSpace(words); words != "" {
			h.phrase = parsePhrase(words)
		}
		ru.header = append(ru.header, h)
	}
	r.mails = append(r.mails, ru)
	return nil
}

const maxOpening = 4 << 10 // octets of the text for people that rules about mails see: what follows is quoted mail

// kindOfMail finds the rule that says what a mail without a machine's part is.
func (r *Rules) kindOfMail(l *letter) *mailRule {
	from, subject := fold(display(message.Decode(l.header.Get("from")))), fold(l.subject)
	text := fold(l.text[:min(len(l.text), maxOpening)])
	for i := range r.mails {
		if ru := &r.mails[i]; ru.fits(l, from, subject, text) {
			return ru
		}
	}
	return &mailRule{kind: KindNone}
}

func (ru *mailRule) fits(l *letter, from, subject, text string) bool {
	return anyIn(ru.from, from) && anyIn(ru.subject, subject) && ru.inHeader(l) && anyIn(ru.text, text)
}

// anyIn reports whether a phrase is in the text; no condition holds always.
func anyIn(list []phrase, text string) bool {
	for _, p := range list {
		if p.in(text) {
			return true
		}
	}
	return len(list) == 0
}

func (ru *mailRule) inHeader(l *letter) bool {
	for _, h := range ru.header {
		for i := range l.header {
			if f := &l.header[i]; f.Name == h.field && (h.phrase == nil || h.phrase.in(fold(f.Value))) {
				return true
			}
		}
	}
	return len(ru.header) == 0
}

// display keeps the name in an address from being folded away: "MAILER-DAEMON@example.com" is words here.
func display(from string) string { return atSigns.Replace(from) }

var atSigns = strings.NewReplacer("@", " at ")

// cutOriginal is where the message that came back begins in a text: a line that says so, or its header.
var cutOriginal = regexp.MustCompile(`(?im)^[ \t>]*(?:` +
	`-{2,}[^\n]{0,60}\b(?:copy|original|unsent|header|headers|ursprüngliche[nr]?|message follows|below this line)\b[^\n]{0,60}$` +
	`|[^\n]{0,40}\b(?:original message(?: headers?)?|message headers?|copy of the (?:original )?message)(?: follows?)?[.:][ \t]*$` +
	`|(?:received|return-path|dkim-signature|x-received|x-originating-ip|delivered-to): ?[^\n]` +
	`|={10,}[^\n]{0,20}$)`)

// fromOriginal is the message that came back, if its header is written out in the text.
func fromOriginal(text string) string {
	if at := headerLine.FindStringIndex(text); at != nil {
		return text[at[0]:]
	}
	return ""
}

var headerLine = regexp.MustCompile(`(?m)^(?:Received|Return-Path|Delivered-To): ?[^\n]`)

func beforeOriginal(text string) string {
	if at := cutOriginal.FindStringIndex(text); at != nil && strings.TrimSpace(text[:at[0]]) != "" {
		return text[:at[0]]
	}
	return text
}
