package validate

import (
	"slices"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Verdict is Mailgun's "result".
type Verdict string

// Verdicts. Mailgun's catch_all is not among them: only a probe could tell.
const (
	Deliverable   Verdict = "deliverable"   // a server takes mail for the domain
	Unknown       Verdict = "unknown"       // DNS did not answer
	DoNotSend     Verdict = "do_not_send"   // mail might arrive and does harm
	Undeliverable Verdict = "undeliverable" // mail cannot arrive
)

// Verdicts lists them, the worst last.
func Verdicts() []Verdict { return []Verdict{Deliverable, Unknown, DoNotSend, Undeliverable} }

// Risk is what sending does to the sender's reputation.
type Risk string

// Risks.
const (
	LowRisk     Risk = "low"
	MediumRisk  Risk = "medium"
	UnknownRisk Risk = "unknown"
	HighRisk    Risk = "high"
)

// Risks lists them, the worst last.
func Risks() []Risk { return []Risk{LowRisk, MediumRisk, UnknownRisk, HighRisk} }

// Code is a word of "reason".
type Code string

// Codes. The first three are Mailgun's own words.
const (
	NoMX         Code = "no_mx" // no server takes mail for the domain; a second reason may say why
	IsRole       Code = "mailbox_is_role_address"
	IsDisposable Code = "mailbox_is_disposable_address"
	Malformed    Code = "malformed_address"
	Literal      Code = "address_literal"
	NoDomain     Code = "domain_not_found"
	NullMX       Code = "null_mx"
	DeadMX       Code = "mx_not_found"
	ImplicitMX   Code = "implicit_mx"
	DNSFailure   Code = "dns_failure"
	PossibleTypo Code = "possible_typo"
	KnownTypo    Code = "known_typo"
	NotRead      Code = "mailbox_is_not_read"
	NeedsUTF8    Code = "smtputf8_needed"
	Lookalike    Code = "lookalike_domain"
	Suppressed   Code = "suppressed"
	Duplicate    Code = "duplicate" // of an address further up in the file
)

// Codes of rows that have no address and so no verdict.
const (
	NoAddress  Code = "no_address"
	QuoteOpen  Code = "quote_not_closed"
	RowTooLong Code = "row_too_long"
)

// brokenText says what is wrong with a row.
func (c Code) brokenText() wording.Text {
	switch c {
	case QuoteOpen:
		return wording.Say("a quote is not closed within %d lines, so the row cannot be read; double the quotes within a field", maxLines)
	case RowTooLong:
		return wording.Say("the row has more than %d octets", maxRecord)
	default:
		return wording.Say("there is nothing in the column of addresses")
	}
}

// effect is what a reason makes of result and risk by itself.
func (c Code) effect() (Verdict, Risk) {
	switch c {
	case NoMX, Malformed, NoDomain, NullMX, DeadMX:
		return Undeliverable, HighRisk
	case Literal, IsDisposable, KnownTypo, NotRead, Suppressed:
		return DoNotSend, HighRisk
	case DNSFailure:
		return Unknown, UnknownRisk
	case IsRole, ImplicitMX, PossibleTypo, NeedsUTF8, Lookalike:
		return Deliverable, MediumRisk
	default: // Duplicate: the same as the first
		return Deliverable, LowRisk
	}
}

// Reason is one thing found, with words for people.
type Reason struct {
	Code Code
	Text wording.Text
}

// add notes a reason; the worst decides.
func (r *Result) add(code Code, text wording.Text) {
	r.Reasons = append(r.Reasons, Reason{code, text})
	verdict, risk := code.effect()
	r.Verdict = worse(Verdicts(), r.Verdict, verdict)
	r.Risk = worse(Risks(), r.Risk, risk)
}

func worse[T comparable](order []T, a, b T) T {
	if slices.Index(order, a) >= slices.Index(order, b) {
		return a
	}
	return b
}
