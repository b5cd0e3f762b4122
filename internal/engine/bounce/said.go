package bounce

import (
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
		said.Code, said.Enhanced = quotedCode(s)
	}
	if said.Enhanced == "" {
		said.Enhanced = quotedEnhanced(s)
	}
	return said
}

// IsReply reports whether a text begins as the reply of a server does: a code of three digits, and a space, a hyphen or
// nothing behind it.
func IsReply(s string) bool {
	code, _ := cutCode(s)
	return code > 0
}

// quotedCode finds a reply code that a text quotes: at the beginning of a line or behind what quotes it, since much else has
// three digits; and the enhanced code behind it.
func quotedCode(s string) (code int, enhanced string) {
	for i := 0; i+3 < len(s); i++ {
		if s[i] != '4' && s[i] != '5' || s[i+1] > '5' || !digit(s[i+1]) || !digit(s[i+2]) || !strings.ContainsRune(" :;-", rune(s[i+3])) || !quotes(s[:i]) {
			continue
		}
		code = 100*int(s[i]-'0') + 10*int(s[i+1]-'0') + int(s[i+2]-'0')
		if rest := strings.TrimPrefix(s[i+4:], "#"); len(rest) > 0 {
			enhanced = enhancedAt(rest)
		}
		return code, enhanced
	}
	return 0, ""
}

// quotes reports whether what stands before a number makes it a code.
func quotes(before string) bool {
	before = strings.TrimSuffix(before, "#")
	trimmed := strings.TrimRight(before, " ")
	if trimmed == "" || strings.HasSuffix(trimmed, "\n") {
		return true
	}
	return strings.ContainsRune(`:>("'`, rune(trimmed[len(trimmed)-1])) || strings.HasSuffix(trimmed, "said") || strings.HasSuffix(trimmed, "returned")
}

// quotedEnhanced finds an enhanced code of a failure that stands alone: network addresses and versions have more digits,
// dots or letters at its sides.
func quotedEnhanced(s string) string {
	for i := 0; i+5 <= len(s); i++ {
		if (s[i] == '4' || s[i] == '5') && s[i+1] == '.' && (i == 0 || !digit(s[i-1]) && s[i-1] != '.' && !isNameOctet(s[i-1])) {
			if e := enhancedAt(s[i:]); e != "" {
				return e
			}
		}
	}
	return ""
}

// enhancedAt reads the enhanced code that a text begins with. Subjects end at 7 (RFC 3463 3).
func enhancedAt(s string) string {
	if len(s) < 5 || s[0] < '4' || s[0] > '5' || s[1] != '.' || s[2] < '0' || s[2] > '7' || s[3] != '.' {
		return ""
	}
	end := 4
	for end < len(s) && end < 7 && digit(s[end]) {
		end++
	}
	if end == 4 || end < len(s) && digit(s[end]) || end+1 < len(s) && s[end] == '.' && digit(s[end+1]) {
		return ""
	}
	return s[:end]
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// stageIn finds which command was answered, where a report says so, folded: Postfix's "(in reply to RCPT TO command)", Exim's
// "after RCPT TO:", qmail's "does not like recipient".
func stageIn(text string) string {
	for _, s := range [...]struct{ words, stage string }{
		{"in reply to rcpt", "rcpt"},
		{"after rcpt to", "rcpt"},
		{"does not like recipient", "rcpt"},
		{"in reply to end of data", "end"},
		{"after end of data", "end"},
		{"failed after i sent the message", "end"},
	} {
		if strings.Contains(text, s.words) {
			return s.stage
		}
	}
	return ""
}
