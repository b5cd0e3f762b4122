package cli

import (
	"fmt"
	"maps"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/engine/validate"
)

// words gives every text a person sees in one language. The English text is the key, so the source reads
// plainly; a test checks that each has its Swedish.
type words struct {
	swedish map[string]string // nil: English
}

// wordsFor takes a language tag or a POSIX locale; all but Swedish gets English.
func wordsFor(lang string) words {
	if strings.HasPrefix(strings.ToLower(lang), "sv") {
		sv := swedish()
		maps.Copy(sv, swedishHelp())
		maps.Copy(sv, swedishErrors())
		maps.Copy(sv, swedishLab())
		maps.Copy(sv, swedishSPF())
		maps.Copy(sv, swedishDomain())
		maps.Copy(sv, swedishSPFLint())
		maps.Copy(sv, swedishBounce())
		maps.Copy(sv, swedishAddress())
		maps.Copy(sv, validate.Swedish())
		maps.Copy(sv, swedishIPCheck())
		maps.Copy(sv, swedishIP())
		maps.Copy(sv, reputation.Swedish())
		maps.Copy(sv, swedishSPFBuild())
		maps.Copy(sv, swedishDomainCheck())
		maps.Copy(sv, swedishProof())
		maps.Copy(sv, swedishDMARC())
		maps.Copy(sv, swedishReport())
		maps.Copy(sv, swedishFeedback())
		maps.Copy(sv, swedishDomainReports())
		maps.Copy(sv, swedishSuppression())
		maps.Copy(sv, swedishShaping())
		maps.Copy(sv, swedishLimits())
		maps.Copy(sv, swedishRoute())
		return words{swedish: sv}
	}
	return words{}
}

// T is the text in the reader's language, with its arguments set in.
func (w words) T(english string, args ...any) string {
	text := english
	if sv, ok := w.swedish[english]; ok {
		text = sv
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// translateHelp puts the help of a command, its flags, arguments and sub-commands into the language.
func (w words) translateHelp(n *kong.Node) {
	n.Help = w.T(n.Help)
	for _, f := range n.Flags {
		f.Help = w.T(f.Help)
	}
	for _, p := range n.Positional {
		p.Help = w.T(p.Help)
	}
	for _, c := range n.Children {
		w.translateHelp(c)
	}
}
