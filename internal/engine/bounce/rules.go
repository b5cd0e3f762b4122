package bounce

import (
	"embed"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// embedded are the rules that come with the program, asked in the order of their files' names.
//
//go:embed rules/*.toml
var embedded embed.FS

// Rules is an ordered list of rules, ready to ask. It does not change and may be asked by many goroutines.
type Rules struct {
	list  []rule
	index *phraseIndex
	mails []mailRule
}

// rule decides what it fits. All conditions that it has must hold.
type rule struct {
	name     string
	hosts    []string // the server is one of these or below one
	codes    []int    // reply code, or 4 or 5 for its class
	enhanced []enhanced
	stages   []string
	wordy    bool // one of its phrases must be in the text
	pattern  *regexp.Regexp
	not      []phrase // none of these may
	class    Class
	hard     bool
	action   Action // empty: that of its class
}

// New returns the embedded rules, with those of extra before them: the first rule that fits decides. Errors name the file
// where the reader has a Name, the line of the rule, and what is wrong with it.
func New(extra ...io.Reader) (*Rules, error) {
	r := &Rules{index: newPhraseIndex()}
	var examples []example
	for i, f := range extra {
		name := "rule file " + strconv.Itoa(i+1)
		if n, ok := f.(interface{ Name() string }); ok {
			name = n.Name()
		}
		text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
		if err != nil {
			return nil, wording.Errorf("rules %s cannot be read: %w", name, err)
		}
		if len(text) > maxFile {
			return nil, wording.Errorf("rules %s are larger than %d octets", name, maxFile)
		}
		more, err := r.load(name, string(text))
		if err != nil {
			return nil, err
		}
		examples = append(examples, more...)
	}
	if _, err := r.loadEmbedded(); err != nil {
		return nil, err
	}
	if err := r.prove(examples); err != nil { // those of the embedded rules may well be decided by extra ones
		return nil, err
	}
	return r, nil
}

func (r *Rules) loadEmbedded() ([]example, error) {
	var examples []example
	files, _ := embedded.ReadDir("rules") // in order of names; what is compiled in is there
	for _, f := range files {
		name := "rules/" + f.Name()
		text, _ := embedded.ReadFile(name)
		more, err := r.load(name, string(text))
		if err != nil {
			return nil, err
		}
		examples = append(examples, more...)
	}
	return examples, nil
}

// Load is New with the rules of a file; an empty path stands for none.
func Load(path string) (*Rules, error) {
	if path == "" {
		return New()
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, wording.Errorf("rules %s cannot be read: %w", path, err)
	}
	defer f.Close()
	return New(f)
}

// Said is what a server said.
type Said struct {
	Code     int    // reply code, 0 if there was none
	Enhanced string // RFC 3463, without the code; may be empty
	Text     string // without the codes
	Host     string // the server that said it: MX host or reporting MTA; may be empty
	Stage    string // the command that was answered: "connect", "greeting", "ehlo", "mail", "rcpt", "data", "end"; empty: not known
}

// Reply judges the answer to a command of ours. Its work is bounded by maxSaid octets of text.
func (r *Rules) Reply(s Said) Verdict {
	kind := kindOf(s)
	if kind == KindNone {
		return Verdict{Kind: kind, Action: NoAction}
	}
	v, _ := r.judge(s, kind)
	return v
}

// kindOf goes by the code, and by the enhanced one where there is none. Words alone are a failure.
func kindOf(s Said) Kind {
	class := byte('0' + s.Code/100)
	if s.Code == 0 && s.Enhanced != "" {
		class = s.Enhanced[0]
	}
	switch class {
	case '4':
		return KindDelay
	case '2', '3':
		return KindNone
	}
	return KindBounce
}

// judge finds the rule that decides, and says whether it went by words and not by codes alone.
func (r *Rules) judge(s Said, kind Kind) (v Verdict, byWords bool) {
	text := fold(s.Text)
	if s.Stage == "" {
		s.Stage = stageIn(text)
	}
	found := newSet(len(r.list))
	r.index.search(text, found)
	host := strings.ToLower(strings.TrimSuffix(s.Host, "."))
	code, _ := parseEnhanced(s.Enhanced)
	for i := range r.list {
		if ru := &r.list[i]; (!ru.wordy || found.has(i)) && ru.fits(&s, code, host, text) {
			return ru.verdict(kind, s), ru.wordy || ru.pattern != nil
		}
	}
	v = Verdict{Kind: kind, Class: Unclassified, Action: Unclassified.action(kind)}
	return v, false
}

// verdict is what the rule means for a reply. What the server itself calls temporary is not dead, even if the one that
// reports it has given up.
func (ru *rule) verdict(kind Kind, s Said) Verdict {
	v := Verdict{Kind: kind, Class: ru.class, Action: ru.action, Rule: ru.name}
	v.Hard = ru.hard && kind == KindBounce && kindOf(s) == KindBounce
	switch {
	case v.Action != "":
	case v.Hard:
		v.Action = Suppress
	default:
		v.Action = ru.class.action(kind)
	}
	return v
}

// fits asks all conditions but the phrases, the cheap ones first.
func (ru *rule) fits(s *Said, e enhanced, host, text string) bool {
	switch {
	case len(ru.codes) > 0 && !ru.hasCode(s.Code), len(ru.enhanced) > 0 && !ru.hasEnhanced(e):
		return false
	case len(ru.hosts) > 0 && !ru.hasHost(host), len(ru.stages) > 0 && !slices.Contains(ru.stages, s.Stage):
		return false
	}
	if ru.pattern != nil && !ru.pattern.MatchString(text) {
		return false
	}
	for _, p := range ru.not {
		if p.in(text) {
			return false
		}
	}
	return true
}

func (ru *rule) hasCode(code int) bool {
	for _, c := range ru.codes {
		if c == code || c == code/100 && c < 10 {
			return true
		}
	}
	return false
}

func (ru *rule) hasEnhanced(e enhanced) bool {
	for _, want := range ru.enhanced {
		if want.covers(e) {
			return true
		}
	}
	return false
}

func (ru *rule) hasHost(host string) bool {
	for _, h := range ru.hosts {
		if rest, ok := strings.CutSuffix(host, h); ok && (rest == "" || rest[len(rest)-1] == '.') {
			return true
		}
	}
	return false
}

// enhanced is a code of RFC 3463, or a pattern of such; anyNumber fits all.
type enhanced [3]int

const anyNumber = -1

// parseEnhanced reads "5.1.1", and "*.1.*" of rules. What is no code is the zero value, which no pattern covers.
func parseEnhanced(s string) (e enhanced, ok bool) {
	for i := range e {
		part, rest, more := strings.Cut(s, ".")
		if more != (i < 2) {
			return enhanced{}, false
		}
		s = rest
		if part == "*" {
			e[i] = anyNumber
			continue
		}
		n, err := strconv.ParseUint(part, 10, 10)
		if err != nil {
			return enhanced{}, false
		}
		e[i] = int(n)
	}
	return e, e[0] != 0
}

func (e enhanced) covers(code enhanced) bool {
	for i := range e {
		if e[i] != anyNumber && e[i] != code[i] {
			return false
		}
	}
	return code[0] != 0
}
