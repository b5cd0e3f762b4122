package api

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/address"
)

// maxPlaceholder is the longest name of a variable in octets: a lone percent sign must not make a text be searched to its end.
const maxPlaceholder = 128

// variables holds, by address, what replaces the placeholders in that recipient's message.
type variables map[string]map[string]string

// parseVariables reads recipient-variables: a JSON object of objects by address. Texts stand as they are, all else as its
// JSON, null as nothing.
func parseVariables(given string) (variables, error) {
	var raw map[string]map[string]json.RawMessage
	if err := json.Unmarshal([]byte(given), &raw); err != nil || raw == nil {
		return nil, badField("recipient-variables: give a JSON object whose keys are addresses and whose values are objects")
	}
	vs := make(variables, len(raw))
	for who, fields := range raw {
		if normal, err := address.Normalise(who); err == nil {
			who = normal
		}
		values := make(map[string]string, len(fields))
		for name, value := range fields {
			var text string
			switch {
			case bytes.Equal(value, []byte("null")):
			case json.Unmarshal(value, &text) == nil:
			default:
				text = string(value)
			}
			values[name] = text
		}
		vs[who] = values
	}
	return vs, nil
}

// replace puts values in the place of %recipient.NAME%, and the address in that of %recipient%. A placeholder without a
// value stays, as it does at Mailgun. Values are not searched for placeholders.
func replace(text, recipient string, values map[string]string) string {
	const mark = "%recipient"
	at := strings.Index(text, mark)
	if at < 0 {
		return text
	}
	var b strings.Builder
	for ; at >= 0; at = strings.Index(text, mark) {
		b.WriteString(text[:at])
		rest := text[at+len(mark):]
		value, length := placeholder(rest, recipient, values)
		if length == 0 {
			b.WriteString(mark)
		}
		b.WriteString(value)
		text = rest[length:]
	}
	b.WriteString(text)
	return b.String()
}

// placeholder reads what follows the mark; length 0: it is none.
func placeholder(rest, recipient string, values map[string]string) (value string, length int) {
	if strings.HasPrefix(rest, "%") {
		return recipient, 1
	}
	if !strings.HasPrefix(rest, ".") {
		return "", 0
	}
	end := strings.IndexByte(rest[:min(len(rest), maxPlaceholder+2)], '%')
	if end < 0 {
		return "", 0
	}
	value, ok := values[rest[1:end]]
	if !ok {
		return "", 0
	}
	return value, end + 1
}
