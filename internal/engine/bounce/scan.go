package bounce

import (
	"regexp"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/parts"
)

// account is what a text for people says, by recipient.
type account struct {
	names  []string          // in the order of the text
	words  map[string]string // by address in lower case
	common string            // what is said of all: of one recipient the whole text, of several what precedes the first
}

// about is what is said of one recipient.
func (a *account) about(name string) string { return a.words[strings.ToLower(name)] }

const (
	maxLines = 1000    // of the text; each gives at most 8 mentions
	maxLine  = 4 << 10 // octets of a line in which recipients are looked for
	maxNames = 500     // recipients
)

// mention is an address in a text and how surely it is a recipient's.
type mention struct {
	name   string
	line   int
	weight int
}

// Weights of a mention.
const (
	spoken = 1 // in a sentence: "your mail to <a@b> could not"
	headed = 2 // at the beginning of a line, or behind a reply code: what follows is about it
)

// scan reads the parts for people. Every server words them in its own way; what they share is that an address at the
// beginning of a line is followed by what happened to it, and that sentences name the recipient behind "to" or "recipient".
func (l *letter) scan() account {
	whole := beforeOriginal(l.text)
	a := account{words: map[string]string{}, common: whole}
	lines := strings.Split(whole, "\n")
	lines = lines[:min(len(lines), maxLines)]
	var list []mention
	for i, line := range lines {
		list = append(list, mentions(line, i)...)
	}
	list = l.recipients(list)
	for i, words := range blocks(lines, list) {
		a.add(list[i].name, words)
	}
	for _, name := range failedRecipients(l.header) {
		a.add(name, "")
	}
	if len(a.names) > 1 && len(list) > 0 {
		a.common = joinedLines(lines[:list[0].line])
	}
	return a
}

// blocks is what is said of each recipient: from its line to where the next is named. Recipients listed one below the other
// share what follows the last of them.
func blocks(lines []string, list []mention) []string {
	words := make([]string, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		m, to := list[i], len(lines)
		if i+1 < len(list) {
			to = list[i+1].line
			if to == m.line || m.weight == headed && bare(m.name, lines[m.line:to]) {
				words[i] = words[i+1]
				continue
			}
		}
		words[i] = joinedLines(lines[m.line:to])
	}
	return words
}

// joinedLines is as much of the lines as is looked at.
func joinedLines(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if b.Len()+len(line) > maxSaid {
			break
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// bare reports whether lines have nothing but the address in the first.
func bare(name string, lines []string) bool {
	const dress = " \t<>*\"',;-"
	if strings.Trim(strings.Replace(lines[0], name, "", 1), dress) != "" {
		return false
	}
	for _, line := range lines[1:] {
		if strings.Trim(line, dress) != "" {
			return false
		}
	}
	return true
}

func (a *account) add(name, words string) {
	key := strings.ToLower(name)
	before, known := a.words[key]
	if !known {
		if len(a.names) >= maxNames {
			return
		}
		a.names = append(a.names, name)
	}
	if len(before)+len(words) < maxSaid {
		a.words[key] = strings.TrimSpace(before + "\n" + words)
	}
}

// recipients keeps the mentions of the greatest weight that are not of the sender or of people to ask for help.
func (l *letter) recipients(list []mention) []mention {
	known := map[string]bool{} // at most maxNames
	for _, name := range failedRecipients(l.header) {
		known[strings.ToLower(name)] = true
	}
	if len(known) > 0 { // Exim and Google name them in the header
		return slices.DeleteFunc(list, func(m mention) bool { return !known[strings.ToLower(m.name)] })
	}
	own := strings.ToLower(l.header.Get("to") + " " + l.header.Get("from"))
	list = slices.DeleteFunc(list, func(m mention) bool { return strings.Contains(own, strings.ToLower(m.name)) && m.weight < headed })
	if slices.ContainsFunc(list, func(m mention) bool { return !staff.MatchString(m.name) }) {
		list = slices.DeleteFunc(list, func(m mention) bool { return staff.MatchString(m.name) })
	}
	if slices.ContainsFunc(list, func(m mention) bool { return m.weight == headed }) {
		list = slices.DeleteFunc(list, func(m mention) bool { return m.weight < headed })
	}
	return list
}

// staff are addresses that reports tell people to write to, or come from.
var staff = regexp.MustCompile(`(?i)^(?:postmaster|mailer-daemon|abuse|support|help|helpdesk|hostmaster|noreply|no-reply)@`)

// failedRecipients reads X-Failed-Recipients, of which there may be several.
func failedRecipients(h parts.Header) []string {
	var list []string
	for i := range h {
		if h[i].Name != "x-failed-recipients" {
			continue
		}
		for _, s := range strings.Split(h[i].Value, ",") {
			if s = strings.Trim(strings.TrimSpace(s), "<>"); strings.Contains(s, "@") && len(list) < maxNames {
				list = append(list, s)
			}
		}
	}
	return list
}

// mentions finds the addresses of a line that may be a recipient's.
func mentions(line string, number int) []mention {
	if line = line[:min(len(line), maxLine)]; !strings.Contains(line, "@") {
		return nil
	}
	var list []mention
	for _, at := range mailbox.FindAllStringIndex(line, 8) {
		name := strings.TrimRight(line[at[0]:at[1]], ".")
		before := strings.TrimRight(line[:at[0]], `<("'[`)
		switch {
		case strings.Trim(before, bullets) == "", heading.MatchString(before):
			list = append(list, mention{name, number, headed})
		case other.MatchString(before):
		case toward.MatchString(before):
			list = append(list, mention{name, number, spoken})
		}
	}
	return list
}

const bullets = " \t>*•·|-"

var (
	// mailbox is an address as reports write them: dots in a row and quoted local parts too.
	mailbox = regexp.MustCompile(`(?:"[^"\s]{1,64}"|[0-9A-Za-z.!#$%&'*+/=?^_{|}~\x80-\x{10ffff}-]{1,64})@(?:[0-9A-Za-z\x80-\x{10ffff}_-]{1,63}\.)+[0-9A-Za-z\x80-\x{10ffff}-]{2,63}`)
	// heading is what may also stand before an address whose line is about it: a label, a reply code.
	heading = regexp.MustCompile(`(?i)^[\s>*•·|-]*(?:(?:final-|original-|failed |intended )?recipients?(?: address)?\s*:\s*|(?:rfc822|smtp|mailto)\s*[;:]\s*|[245][0-9][0-9][ -](?:[245]\.[0-9]+\.[0-9]+ )?)$`)
	// other names someone else.
	other = regexp.MustCompile(`(?i)(?:\bfrom|\bsender|\bcontact|\bsend mail to|\bhelp|\bsupport|\bplease|\bhello|\bdear|\breply|\bid|\babout|\bowner|\breturn-path|\bcc|\bby|от|från|von|contactez)\b?[\s:;<"'(]*$|(?i)mail from:`)
	// toward is what stands before the recipient in a sentence: "your mail to", "RCPT TO:", "mailbox is full:".
	toward = regexp.MustCompile(`(?i)(?:\b(?:to|an|för|till|til|à|a|para|per|do|dla|aan|for|recipients?|rcpt|address|addresses|adresse|adress|user|mailbox|account|list)|emailaddress[\\"]*)[\s:;\\<"'(]*$|:\s+$`)
	// remote is a host that a text quotes: "host mx.example.net[192.0.2.1] said", "while talking to mx.example.net.:".
	remote = regexp.MustCompile(`(?i)\b(?:host|talking to|connect to|server|by|with|domain \S+ by)[ :]+([a-z0-9_-]+(?:\.[a-z0-9_-]+)+)\.?(?:[ \[(:]|$)`)
)

func hostIn(text string) string {
	const enough = 512 // octets: the host is named before what it said
	if m := remote.FindStringSubmatch(text[:min(len(text), enough)]); m != nil {
		return strings.ToLower(m[1])
	}
	return ""
}
