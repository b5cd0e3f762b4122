package bounce

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// ParseReply reads a reply, or a text that quotes one: "550 5.1.1 unknown", "host mx.example said: 550-5.1.1 unknown",
// "unknown (#5.1.1)". Of several codes the first failure counts. Where a text quotes a reply, its own words stay in Text
// too, since they often say more.
func ParseReply(s string) Said {
	s = strings.TrimSpace(s[:min(len(s), maxSaid)])
	var said Said
	if code, rest := cutCode(s); code > 0 {
		said.Code, s = code, rest
		if e, text, _ := strings.Cut(rest, " "); smtp.ValidEnhanced(e) { // of another class than the code, too: Microsoft says 550 4.4.7
			said.Enhanced, s = e, text
		}
	}
	said.Text = s
	if said.Code == 0 {
		if m := quotedCode.FindStringSubmatch(s); m != nil {
			said.Code, _ = strconv.Atoi(m[1])
			said.Enhanced = m[2]
		}
	}
	if said.Enhanced == "" {
		if m := quotedEnhanced.FindStringSubmatch(s); m != nil {
			said.Enhanced = m[1]
		}
	}
	said.Stage = stageIn(s)
	return said
}

// stageIn finds which command was answered, where a report says so: Postfix's "(in reply to RCPT TO command)", Exim's "after
// RCPT TO:", qmail's "does not like recipient".
func stageIn(s string) string {
	if m := stages.FindStringSubmatch(s); m != nil {
		if m[1] != "" {
			return "end"
		}
		return "rcpt"
	}
	return ""
}

var stages = regexp.MustCompile(`(?i)(?:in\s+reply\s+to|after)\s+(?:(end\s+of\s+data)|rcpt)|does not like recipient`)

// IsReply reports whether a text begins as the reply of a server does: a code of three digits, and a space, a hyphen or
// nothing behind it.
func IsReply(s string) bool {
	code, _ := cutCode(s)
	return code > 0
}

var (
	// quotedCode wants something before the number that quotes it, and words behind: much else has three digits.
	quotedCode = regexp.MustCompile(`(?:^|\n|: ?|<<< |[("'] ?|said |said: |returned )\s*#?([45][0-5][0-9])(?:[ -]#?([245]\.[0-7]\.[0-9]{1,3}))?[ :;-]`)
	// quotedEnhanced wants no digit or dot at its sides: addresses and versions have them.
	quotedEnhanced = regexp.MustCompile(`(?:^|[^0-9.A-Za-z])([45]\.[0-7]\.[0-9]{1,3})(?:[^0-9.]|\.\s|\.?$)`)
)
