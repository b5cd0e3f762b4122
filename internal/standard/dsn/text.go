package dsn

import (
	"bytes"
	"strings"
)

// said is what people read about one action: a Swedish and an English sentence.
type said struct{ sv, en string }

// Title is the subject: it names the report by its gravest news.
func (n *Notification) Title() string {
	switch n.gravest() {
	case Failed:
		return "Ej levererat / Undelivered mail returned to sender"
	case Delayed:
		return "Försenat / Delayed mail, still being tried"
	}
	return "Levererat / Successful mail delivery"
}

func (n *Notification) gravest() Action {
	found := Delivered
	for i := range n.Recipients {
		switch n.Recipients[i].Action {
		case Failed:
			return Failed
		case Delayed:
			found = Delayed
		}
	}
	return found
}

// sentences says what an action means for the sender.
func sentences(a Action) said {
	switch a {
	case Failed:
		return said{
			"Ditt meddelande kunde inte levereras till dessa mottagare. Inga fler försök görs.",
			"Your message could not be delivered to these recipients. It will not be tried again.",
		}
	case Delayed:
		return said{
			"Ditt meddelande har ännu inte kunnat levereras till dessa mottagare. Fler försök görs; du behöver inte sända det igen.",
			"Your message has not yet been delivered to these recipients. It is still being tried; you need not send it again.",
		}
	case Relayed, Expanded:
		return said{
			"Ditt meddelande har lämnats över för dessa mottagare till en server som inte sänder leveransbesked.",
			"Your message was handed over for these recipients to a server that sends no delivery reports.",
		}
	}
	return said{
		"Ditt meddelande har levererats till dessa mottagare.",
		"Your message was delivered to these recipients.",
	}
}

// text is the part for people.
func (n *Notification) text() []byte {
	var b bytes.Buffer
	line := func(parts ...string) { b.WriteString(strings.Join(parts, "") + "\r\n") }
	line("Detta är ett automatiskt meddelande från e-postservern ", n.Hostname, ".")
	line("This is an automatic message from the mail server ", n.Hostname, ".")
	line()
	if n.Subject != "" {
		line("Ämne / Subject: ", oneLine(n.Subject))
	}
	if !n.Arrival.IsZero() {
		line("Mottaget / Received: ", n.Arrival.Format(humanTime))
	}
	for _, a := range []Action{Failed, Delayed, Relayed, Expanded, Delivered} {
		first := true
		for i := range n.Recipients {
			p := &n.Recipients[i]
			if p.Action != a {
				continue
			}
			if first {
				s := sentences(a)
				line()
				line(s.sv)
				line(s.en)
				line()
				first = false
			}
			p.describe(line)
		}
	}
	return b.Bytes()
}

const humanTime = "2006-01-02 15:04 -0700"

func (p *Recipient) describe(line func(...string)) {
	line("  ", oneLine(p.Final.Value))
	switch {
	case p.Diagnostic.Value != "" && p.RemoteMTA.Value != "":
		line("    ", oneLine(p.RemoteMTA.Value), ": ", oneLine(p.Diagnostic.Value))
	case p.Diagnostic.Value != "":
		line("    ", oneLine(p.Diagnostic.Value))
	}
	if p.Action == Delayed && !p.WillRetryUntil.IsZero() {
		line("    Försök görs till / Tried until ", p.WillRetryUntil.Format(humanTime))
	}
}

// oneLine keeps what others wrote from looking like our own words.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
