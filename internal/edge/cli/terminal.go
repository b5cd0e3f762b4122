package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// terminal writes for eyes: in colour and over its own last line where there is a terminal, in plain lines elsewhere.
type terminal struct {
	w    io.Writer
	live bool      // a terminal
	last time.Time // when a plain line was written
}

// plainEvery is how often progress is a new line where there is no terminal.
const plainEvery = 5 * time.Second

func newTerminal(w io.Writer, environ []string) *terminal {
	t := &terminal{w: w}
	if f, ok := w.(*os.File); ok {
		info, err := f.Stat()
		t.live = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	for _, e := range environ {
		if e == "TERM=dumb" || strings.HasPrefix(e, "NO_COLOR=") && e != "NO_COLOR=" { // no-color.org
			t.live = false
		}
	}
	return t
}

func (t *terminal) paint(code, s string) string {
	if !t.live {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *terminal) strong(s string) string { return t.paint("1", s) }
func (t *terminal) green(s string) string  { return t.paint("32", s) }
func (t *terminal) red(s string) string    { return t.paint("31", s) }

// barWidth is that of a progress bar, in characters.
const barWidth = 30

// progress shows how far it has come, with words beside.
func (t *terminal) progress(now time.Time, done, all int, words string) {
	filled := 0
	if all > 0 {
		filled = barWidth * min(done, all) / all
	}
	if t.live {
		bar := t.green(strings.Repeat("█", filled)) + strings.Repeat("░", barWidth-filled)
		fmt.Fprintf(t.w, "\r\x1b[K%s  %s", bar, words)
		return
	}
	if now.Sub(t.last) >= plainEvery {
		t.last = now
		fmt.Fprintln(t.w, words)
	}
}

// settle ends a progress line.
func (t *terminal) settle() {
	if t.live {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}
