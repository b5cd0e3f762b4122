package shaping

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// maxRest bounds what a rule may pause, leave or climb for, so that a slip of the pen does not stop mail for a year.
const maxRest = 7 * 24 * time.Hour

// defaultPeriod is that of answers without one.
const defaultPeriod = 10 * time.Minute

// maxReply is how much of a reply's text is looked at, in octets.
const maxReply = 2048

// Said is what a server said.
type Said struct {
	Code     int
	Enhanced string // RFC 3463; may be empty
	Text     string
	Class    string // of failure, as engine/bounce names it
}

type answerText struct {
	conditionText
	Class       []string       `toml:"class"`
	Code        []int          `toml:"code"`
	Enhanced    []string       `toml:"enhanced"`
	Text        []string       `toml:"text"`
	Not         []string       `toml:"not"`
	After       int            `toml:"after"`
	Factor      float64        `toml:"factor"`
	PerSecond   float64        `toml:"per_second"`
	PerMinute   float64        `toml:"per_minute"`
	PerHour     float64        `toml:"per_hour"`
	Connections int            `toml:"connections"`
	Pause       time.Duration  `toml:"pause"`
	Leave       time.Duration  `toml:"leave"`
	For         *time.Duration `toml:"for"`
}

// answer is a rule about what servers say.
type answer struct {
	origin Origin
	condition
	classes  []string
	codes    []int
	enhanced [][]string
	text     []string // lower case
	not      []string
	after    int

	factor       float64 // 0: the rate is not lowered by a factor
	rate         float64 // recipients a second; 0: not lowered to a number
	connections  int     // 0: not lowered
	pause, leave time.Duration
	period       time.Duration
}

// acts reports whether the rule does anything.
func (a *answer) acts() bool {
	return a.factor > 0 || a.rate > 0 || a.connections > 0 || a.pause > 0 || a.leave > 0
}

func (t *answerText) read(file string, line int, classes []string) (answer, error) {
	a := answer{
		origin: Origin{t.Name, file, line}, classes: t.Class, codes: t.Code, after: max(t.After, 1), factor: t.Factor,
		connections: t.Connections, pause: t.Pause, leave: t.Leave, period: defaultPeriod,
	}
	var err error
	if a.condition, err = t.conditionText.read(); err != nil {
		return a, err
	}
	if len(t.Class)+len(t.Code)+len(t.Enhanced)+len(t.Text) == 0 {
		return a, wording.Errorf("it fits every answer; give class, code, enhanced or text")
	}
	for _, c := range t.Class {
		if len(classes) > 0 && !slices.Contains(classes, c) {
			return a, wording.Errorf("class %q is none of: %s", c, strings.Join(classes, ", "))
		}
	}
	for _, c := range t.Code {
		if c != 4 && c != 5 && (c < 400 || c > 599) {
			return a, wording.Errorf("code %d is no reply code of a failure; give 400 to 599, or 4 or 5 for all of them", c)
		}
	}
	for _, e := range t.Enhanced {
		parts := strings.Split(e, ".")
		if len(parts) != 3 || slices.ContainsFunc(parts, odd) {
			return a, wording.Errorf("enhanced %q is no status code; write them as 4.7.28 or *.7.28", e)
		}
		a.enhanced = append(a.enhanced, parts)
	}
	a.text, a.not = lowered(t.Text), lowered(t.Not)
	if slices.Contains(a.text, "") || slices.Contains(a.not, "") {
		return a, wording.Errorf("text and not hold words, none may be empty")
	}
	return a, a.readActions(t)
}

func (a *answer) readActions(t *answerText) error {
	for _, r := range []struct{ n, per float64 }{{t.PerSecond, 1}, {t.PerMinute, 60}, {t.PerHour, 3600}} {
		if r.n < 0 {
			return wording.Errorf("a rate of %g is below 0", r.n)
		}
		if r.n > 0 && (a.rate == 0 || r.n/r.per < a.rate) {
			a.rate = r.n / r.per
		}
	}
	if t.For != nil {
		a.period = *t.For
	}
	switch {
	case t.Factor < 0 || t.Factor >= 1:
		return wording.Errorf("factor: %g is not between 0 and 1", t.Factor)
	case t.After < 0 || t.After > 1000:
		return wording.Errorf("after: %d is not between 1 and 1000", t.After)
	case t.Connections < 0:
		return wording.Errorf("connections: %d is below 0", t.Connections)
	case a.period < time.Second || a.period > maxRest:
		return wording.Errorf("for: %s is not between %s and %s", a.period, time.Second, maxRest)
	}
	for key, d := range map[string]time.Duration{"pause": t.Pause, "leave": t.Leave} {
		if d < 0 || d > maxRest {
			return wording.Errorf("%s: %s is not between %s and %s", key, d, time.Duration(0), maxRest)
		}
	}
	return nil
}

func odd(part string) bool {
	_, err := strconv.ParseUint(part, 10, 16)
	return part != "*" && err != nil
}

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(strings.TrimSpace(s))
	}
	return out
}

// matches compares text in lower case.
func (a *answer) matches(q *Query, s *Said, text string) bool {
	return a.fits(q) &&
		(len(a.classes) == 0 || slices.Contains(a.classes, s.Class)) &&
		(len(a.codes) == 0 || slices.Contains(a.codes, s.Code) || slices.Contains(a.codes, s.Code/100)) &&
		(len(a.enhanced) == 0 || slices.ContainsFunc(a.enhanced, func(e []string) bool { return sameStatus(e, s.Enhanced) })) &&
		(len(a.text) == 0 || slices.ContainsFunc(a.text, func(w string) bool { return strings.Contains(text, w) })) &&
		!slices.ContainsFunc(a.not, func(w string) bool { return strings.Contains(text, w) })
}

func sameStatus(want []string, status string) bool {
	parts := strings.Split(status, ".")
	if len(parts) != 3 {
		return false
	}
	for i, w := range want {
		if w != "*" && w != parts[i] {
			return false
		}
	}
	return true
}

// answerTo is the rule that decides; nil: none, or one that says to do nothing.
func (t *Table) answerTo(q *Query, s *Said) *answer {
	text := strings.ToLower(s.Text[:min(len(s.Text), maxReply)])
	for i := range t.answers {
		if a := &t.answers[i]; a.matches(q, s, text) {
			if !a.acts() {
				return nil
			}
			return a
		}
	}
	return nil
}
