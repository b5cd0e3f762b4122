package outbound

import (
	"bytes"
	"strconv"
	"strings"
)

const (
	maxTranscript = 8 << 10
	headSize      = 2 << 10 // of it that is never dropped: the handshake
)

// elided stands in a transcript for lines left out.
const elided = "[...]\n"

// transcript is a dialogue as lines of "C: " and "S: ", at most maxTranscript octets: the handshake and the latest
// transaction. When it grows too long, its middle goes.
type transcript struct {
	buf  []byte
	kept int // the handshake's part
}

func (t *transcript) client(line string) { t.add("C: ", line, "") }

// server notes a reply; its enhanced code goes back before each line, as servers write it.
func (t *transcript) server(r Reply) {
	code := strconv.Itoa(r.Code)
	text := r.Text
	for {
		line, rest, more := strings.Cut(text, "\n")
		sep := " "
		if more {
			sep = "-"
		}
		if r.Enhanced != "" {
			t.add("S: ", code+sep+r.Enhanced+" ", line)
		} else {
			t.add("S: ", code+sep, line)
		}
		if !more {
			return
		}
		text = rest
	}
}

func (t *transcript) message(octets int) {
	t.add("C: ", "[message of "+strconv.Itoa(octets)+" octets]", "")
}

func (t *transcript) note(text string) { t.add("-- ", text, "") }

func (t *transcript) add(who, a, b string) {
	const most = maxTranscript / 8 // of one line
	a, b = a[:min(len(a), most)], b[:min(len(b), most)]
	if len(t.buf)+len(who)+len(a)+len(b)+1 > maxTranscript {
		t.shorten()
	}
	t.buf = append(t.buf, who...)
	t.buf = append(t.buf, a...)
	t.buf = append(t.buf, b...)
	t.buf = append(t.buf, '\n')
}

// shorten drops lines behind the head until an eighth of the whole, and room for two lines, is free.
func (t *transcript) shorten() {
	from := lineEnd(t.buf, headSize)
	to := lineEnd(t.buf, max(from+len(elided), len(t.buf)-maxTranscript/2))
	n := from + copy(t.buf[from:], elided)
	n += copy(t.buf[n:], t.buf[to:])
	t.buf = t.buf[:n]
}

// lineEnd is the first position at or after at that begins a line.
func lineEnd(b []byte, at int) int {
	at = min(at, len(b))
	if at > 0 && b[at-1] == '\n' {
		return at
	}
	if i := bytes.IndexByte(b[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(b)
}

// keep makes what is there the head of every transcript to come.
func (t *transcript) keep() {
	if len(t.buf) > headSize {
		t.buf = t.buf[:bytes.LastIndexByte(t.buf[:headSize], '\n')+1]
	}
	t.kept = len(t.buf)
}

// restart forgets everything but the head.
func (t *transcript) restart() { t.buf = t.buf[:t.kept] }

func (t *transcript) String() string { return strings.ToValidUTF8(string(t.buf), "?") }
