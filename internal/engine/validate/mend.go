package validate

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// malformed tells what SMTP cannot use, and what it could if that was meant.
func (v *Validator) malformed(ctx context.Context, text string, cause error) (Result, error) {
	r := Result{Address: shown(text), Verdict: Deliverable, Risk: LowRisk}
	var e *address.Error
	if errors.As(cause, &e) {
		cause = e.Reason
	}
	r.add(Malformed, wording.Say("not an address as SMTP takes it: %s", cause))
	a, err := address.Parse(mend(text))
	if err != nil {
		return r, nil
	}
	f, err := v.about(ctx, a.Domain)
	if err != nil {
		return Result{}, err
	}
	if f.meant != "" {
		a.Domain = f.meant
	} else if f.deaf() {
		return r, nil
	}
	r.DidYouMean = a.String()
	return r, nil
}

// mend undoes what people and programs do to addresses: a link, a name before it, angle brackets, a full stop after it,
// and a comma or a space where a dot should be.
func mend(text string) string {
	if i := strings.LastIndexByte(text, '<'); i >= 0 {
		text = text[i+1:]
	}
	text = strings.Trim(text, " <>()[],;:.'\"\t\u00a0\u200b")
	text = strings.TrimPrefix(text, "mailto:")
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u200b", "", ",", ".", "@@", "@", "(at)", "@").Replace(text)
	return strings.ReplaceAll(text, "..", ".")
}

// shown is what was given, as far as it can be told back.
func shown(text string) string {
	if len(text) > maxShown {
		cut := maxShown
		for cut > maxShown-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
