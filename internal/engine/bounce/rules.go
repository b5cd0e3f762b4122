package bounce

import "io"

// Rules is an ordered list of rules, ready to ask. It does not change and may be asked by many goroutines.
type Rules struct{}

// New returns the embedded rules, with those of extra before them: the first rule that fits decides.
func New(extra ...io.Reader) (*Rules, error) { return &Rules{}, nil }

// Load is New with the rules of a file; an empty path stands for none.
func Load(path string) (*Rules, error) { return New() }

// Said is what a server said.
type Said struct {
	Code     int    // reply code, 0 if there was none
	Enhanced string // RFC 3463, without the code; may be empty
	Text     string // without the codes
	Host     string // the server that said it: MX host or reporting MTA; may be empty
}

// Reply judges the answer to a command of ours.
func (r *Rules) Reply(s Said) Verdict { return Verdict{Kind: KindNone, Action: NoAction} }
