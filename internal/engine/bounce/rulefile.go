package bounce

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Bounds of rules. The embedded ones have a twentieth of them.
const (
	maxFile  = 4 << 20
	maxRules = 5000
)

// ruleFile is the form of the files of rules; rules/0-form.toml explains it.
type ruleFile struct {
	Rule []ruleText `toml:"rule"`
	Mail []mailText `toml:"mail"`
}

type ruleText struct {
	Name     string   `toml:"name"`
	Host     []string `toml:"host"`
	Code     []int    `toml:"code"`
	Enhanced []string `toml:"enhanced"`
	Stage    []string `toml:"stage"`
	Text     []string `toml:"text"`
	Pattern  string   `toml:"pattern"`
	Not      []string `toml:"not"`
	Class    Class    `toml:"class"`
	Hard     *bool    `toml:"hard"`
	Action   Action   `toml:"action"`
	Examples []string `toml:"examples"`
}

// example is a reply, or a whole mail, that a rule has to decide.
type example struct {
	rule, file string
	line       int
	text       string
	host       string
	mail       bool
}

// decidedBy names the rule that decides the example.
func (e *example) decidedBy(r *Rules) string {
	if e.mail {
		return r.kindOfMail(open([]byte(e.text))).name
	}
	s := ParseReply(e.text)
	s.Host = e.host
	return r.Reply(s).Rule
}

// load adds the rules of a file behind those already there.
func (r *Rules) load(file, text string) ([]example, error) {
	var f ruleFile
	md, err := toml.Decode(text, &f)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return nil, wording.Errorf("rules %s, line %d: %s", file, pe.Position.Line, pe.Message)
		}
		return nil, wording.Errorf("rules %s: %w", file, err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return nil, wording.Errorf("rules %s: unknown key %q; a rule has name, host, code, enhanced, stage, text, pattern, not, class, hard, action and examples", file, unknown[0].String())
	}
	if n := len(r.list) + len(f.Rule); n > maxRules {
		return nil, wording.Errorf("rules %s: %d rules are too many, at most %d", file, n, maxRules)
	}
	var examples []example
	lines := linesOf(text, "[[rule]]")
	for i := range f.Rule {
		t := &f.Rule[i]
		if err := r.add(t); err != nil {
			return nil, wording.Errorf("rules %s, line %d, rule %q: %w", file, lines(i), t.Name, err)
		}
		host := ""
		if len(t.Host) > 0 {
			host = t.Host[0]
		}
		for _, s := range t.Examples {
			examples = append(examples, example{t.Name, file, lines(i), s, host, false})
		}
	}
	lines = linesOf(text, "[[mail]]")
	for i := range f.Mail {
		t := &f.Mail[i]
		if err := r.addMail(t); err != nil {
			return nil, wording.Errorf("rules %s, line %d, rule %q: %w", file, lines(i), t.Name, err)
		}
		for _, s := range t.Examples {
			examples = append(examples, example{t.Name, file, lines(i), s, "", true})
		}
	}
	return examples, nil
}

// linesOf numbers the lines where the tables of an array begin. The library gives no position for what it decoded.
func linesOf(text, head string) func(i int) int {
	var lines []int
	for n, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), head) {
			lines = append(lines, n+1)
		}
	}
	return func(i int) int {
		if i < len(lines) {
			return lines[i]
		}
		return 1
	}
}

// add checks a rule and makes it ready.
func (r *Rules) add(t *ruleText) error {
	ru := rule{name: t.Name, codes: t.Code, stages: t.Stage, class: t.Class, action: t.Action, hard: t.Class.dead(), wordy: len(t.Text) > 0}
	switch {
	case !ruleName.MatchString(t.Name):
		return wording.Errorf("the name must be of small letters, digits and hyphens, at most 64")
	case slices.ContainsFunc(r.list, func(o rule) bool { return o.name == t.Name }):
		return wording.Errorf("the name is taken by a rule before it")
	case !slices.Contains(classes(), t.Class):
		return wording.Errorf("class %q is none of: %s", string(t.Class), joined(classes()))
	case t.Action != "" && !slices.Contains(actions(), t.Action):
		return wording.Errorf("action %q is none of: %s", string(t.Action), joined(actions()))
	case len(t.Host)+len(t.Code)+len(t.Enhanced)+len(t.Stage)+len(t.Text) == 0 && t.Pattern == "":
		return wording.Errorf("it has no condition; give host, code, enhanced, stage, text or pattern")
	case len(t.Examples) == 0:
		return wording.Errorf("it has no example; give a reply that it is to decide")
	}
	if t.Hard != nil {
		if ru.hard = *t.Hard; ru.hard && !t.Class.dead() && t.Class != Inactive {
			return wording.Errorf("class %q can not be hard: only a dead address or domain is", string(t.Class))
		}
	}
	for _, h := range t.Host {
		ru.hosts = append(ru.hosts, strings.ToLower(strings.Trim(h, ".")))
	}
	for _, c := range t.Code {
		if c != 4 && c != 5 && (c < 400 || c > 599) {
			return wording.Errorf("code %d is no reply code of a failure; give 400 to 599, or 4 or 5 for all of them", c)
		}
	}
	for _, s := range t.Enhanced {
		e, ok := parseEnhanced(s)
		if !ok {
			return wording.Errorf("enhanced %q is no status code; write them as 5.1.1 or *.1.1", s)
		}
		ru.enhanced = append(ru.enhanced, e)
	}
	return r.addWords(&ru, t)
}

// addWords makes phrases and pattern ready, and enters the rule.
func (r *Rules) addWords(ru *rule, t *ruleText) error {
	if t.Pattern != "" {
		p, err := regexp.Compile(t.Pattern)
		if err != nil {
			return wording.Errorf("pattern %q: %w", t.Pattern, err)
		}
		ru.pattern = p
	}
	for _, s := range t.Not {
		p, err := checkedPhrase(s)
		if err != nil {
			return err
		}
		ru.not = append(ru.not, p)
	}
	for _, s := range t.Text {
		p, err := checkedPhrase(s)
		if err != nil {
			return err
		}
		r.index.add(p, len(r.list))
	}
	r.list = append(r.list, *ru)
	return nil
}

// checkedPhrase reads a phrase. Its first part must be long enough for the index, the others for sense.
func checkedPhrase(s string) (phrase, error) {
	p := parsePhrase(s)
	for i, part := range p {
		if i == 0 && len(part) < minPhrase || part == "" {
			return nil, wording.Errorf("text %q is too short; at least %d octets must stand before a *, and something behind it", s, minPhrase)
		}
	}
	return p, nil
}

// prove lets every rule decide its examples: one that cannot, because a rule before it takes them, would never be asked.
func (r *Rules) prove(examples []example) error {
	for i := range examples {
		e := &examples[i]
		if got := e.decidedBy(r); got != e.rule {
			return wording.Errorf("rules %s, line %d, rule %q: its example %q is decided by rule %q; sharpen its conditions, or put it before that one",
				e.file, e.line, e.rule, e.text, got)
		}
	}
	return nil
}

var ruleName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func joined[T ~string](list []T) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(s))
	}
	return b.String()
}
