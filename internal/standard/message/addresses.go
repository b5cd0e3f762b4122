package message

import (
	"errors"
	"fmt"
	"strings"
)

// Addresses reads an address list such as From (RFC 5322 3.4 with the obsolete forms of 4.4): the addresses in
// order, at least one. Display names and comments are passed over whatever is in them, since real mail has unquoted
// dots, @ and any charset there; quotes, comments and angle brackets must be closed, so that no reader can see
// another address than this one does. The addresses themselves are not checked.
func Addresses(value string) ([]string, error) {
	l := addressList{rest: value}
	if err := l.read(); err != nil {
		return nil, fmt.Errorf("%.80q is not a list of addresses: %w", value, err)
	}
	return l.found, nil
}

type addressList struct {
	rest  string
	found []string

	text  strings.Builder // the mailbox so far, outside comments and angle brackets
	angle string          // what stood in its angle brackets
	has   bool            // there were angle brackets
	group bool            // between the colon and the semicolon of a group
}

func (l *addressList) read() error {
	for l.rest != "" {
		c := l.rest[0]
		var err error
		switch c {
		case '"':
			err = l.copy(&l.text, '"', "a quote is not closed")
		case '[':
			err = l.copy(&l.text, ']', "a square bracket is not closed")
		case '(':
			err = l.comment()
		case '<':
			err = l.brackets()
		case ':':
			err = l.openGroup()
		case ',', ';':
			if c == ';' && !l.group {
				return errors.New("a semicolon ends no group")
			}
			l.group = l.group && c == ','
			l.rest = l.rest[1:]
			err = l.endMailbox()
		default:
			l.text.WriteByte(c)
			l.rest = l.rest[1:]
		}
		if err != nil {
			return err
		}
	}
	if l.group {
		return errors.New("a group is not closed with a semicolon")
	}
	if err := l.endMailbox(); err != nil {
		return err
	}
	if len(l.found) == 0 {
		return errors.New("there is no address in it")
	}
	return nil
}

// copy takes what stands from here, where an opening character is, to the closing one that no backslash is before.
func (l *addressList) copy(to *strings.Builder, closing byte, missing string) error {
	for i := 1; i < len(l.rest); i++ {
		switch l.rest[i] {
		case '\\':
			i++
		case closing:
			to.WriteString(l.rest[:i+1])
			l.rest = l.rest[i+1:]
			return nil
		}
	}
	return errors.New(missing)
}

// comment passes over a comment; comments nest.
func (l *addressList) comment() error {
	depth := 0
	for i := 0; i < len(l.rest); i++ {
		switch l.rest[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				l.rest = l.rest[i+1:]
				l.text.WriteByte(' ')
				return nil
			}
		}
	}
	return errors.New("a comment is not closed")
}

// brackets takes an address in angle brackets. A source route before it says nothing any more (RFC 5322 4.4).
func (l *addressList) brackets() error {
	if l.has {
		return errors.New("there are two addresses without a comma between them")
	}
	l.rest = l.rest[1:]
	var b strings.Builder
	for l.rest != "" {
		switch c := l.rest[0]; c {
		case '"':
			if err := l.copy(&b, '"', "a quote is not closed"); err != nil {
				return err
			}
		case '<', '(', ',':
			return fmt.Errorf("the character %q stands within angle brackets", c)
		case '>':
			l.rest = l.rest[1:]
			l.has, l.angle = true, trim(b.String())
			if route, after, ok := strings.Cut(l.angle, ":"); ok && strings.HasPrefix(route, "@") {
				l.angle = after
			}
			l.text.Reset() // the display name
			return nil
		default:
			b.WriteByte(c)
			l.rest = l.rest[1:]
		}
	}
	return errors.New("an angle bracket is not closed")
}

// openGroup drops the name of a group (RFC 5322 3.4).
func (l *addressList) openGroup() error {
	if l.group || l.has || trim(l.text.String()) == "" {
		return errors.New("a colon stands where no group can begin")
	}
	l.group = true
	l.text.Reset()
	l.rest = l.rest[1:]
	return nil
}

// endMailbox adds what was read. Empty list elements are passed over (RFC 5322 4.4).
func (l *addressList) endMailbox() error {
	text := trim(l.text.String())
	addr := text
	switch {
	case l.has && text != "":
		return fmt.Errorf("%.40q stands behind an address", text)
	case l.has:
		addr = l.angle
	case text == "":
		return nil
	}
	if !strings.Contains(addr, "@") {
		return fmt.Errorf("%.40q is not an address; put a name with a comma in quotes", addr)
	}
	l.found = append(l.found, addr)
	l.text.Reset()
	l.angle, l.has = "", false
	return nil
}
