package validate

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// Suppressions knows which addresses an account's mail is not sent to; store.Store does.
type Suppressions interface {
	Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error)
}

// Config is what a Validator is made of.
type Config struct {
	Resolver     dns.Resolver
	Clock        clock.Clock
	Disposable   *Disposable
	Suppressions Suppressions // nil: none is known of
}

// Validator checks addresses. It is safe for concurrent use and remembers nothing: the resolver caches.
type Validator struct {
	config  Config
	speller *speller
	roles   map[string]bool // whether somebody reads it
}

// New makes a Validator.
func New(c Config) *Validator {
	return &Validator{config: c, speller: newSpeller(), roles: roles()}
}

// Result is what is known of one address. As JSON it is Mailgun's answer, with texts in both languages.
type Result struct {
	Address    string // as it was given, without spaces around it, at most maxShown octets of it
	Verdict    Verdict
	Risk       Risk
	Reasons    []Reason // what was found, in the order it was looked for
	Disposable bool
	Role       bool
	DidYouMean string // the whole address
}

// maxShown is how many octets of what was given are told back; an address has 254 at most.
const maxShown = 512

// Check looks at one address. The error is that of the context or of the suppressions; the address itself never is one.
func (v *Validator) Check(ctx context.Context, account model.AccountID, text string) (Result, error) {
	text = strings.TrimSpace(text)
	a, err := address.Parse(text)
	if err != nil {
		return v.malformed(ctx, text, err)
	}
	f, err := v.about(ctx, a.Domain)
	if err != nil {
		return Result{}, err
	}
	return v.judge(ctx, account, text, a, &f)
}

// facts are what all addresses of a domain share.
type facts struct {
	standing
	disposable bool
	odd        bool   // letters that pass for others
	meant      string // the domain that was probably meant
	known      bool   // meant is not a guess
}

// about finds the facts of a domain.
func (v *Validator) about(ctx context.Context, domain string) (facts, error) {
	if strings.HasPrefix(domain, "[") {
		return facts{standing: standing{code: Literal}}, nil
	}
	s, err := v.lookUp(ctx, domain)
	if err != nil {
		return facts{}, err
	}
	f := facts{standing: s, disposable: v.config.Disposable.Contains(domain)}
	var latin string
	latin, f.odd = disguise(domain)
	switch {
	case v.speller.typos[domain] != "":
		f.meant, f.known = v.speller.typos[domain], true
	case v.speller.known[latin]:
		f.meant = latin
	case s.deaf() || s.code == ImplicitMX:
		if f.meant = v.speller.nearest(domain); f.meant == "" {
			f.meant, err = v.mended(ctx, domain)
		}
	}
	return f, err
}

// mended gives a domain under an ending that does not exist the ending that was meant, if mail is taken there.
func (v *Validator) mended(ctx context.Context, domain string) (string, error) {
	meant := mendTLD(domain)
	if meant == domain {
		return "", nil
	}
	s, err := v.lookUp(ctx, meant)
	if err != nil || !s.takesMail() {
		return "", err
	}
	return meant, nil
}

// judge puts together what is known of the domain and of the part before the @.
func (v *Validator) judge(ctx context.Context, account model.AccountID, text string, a address.Address, f *facts) (Result, error) {
	r := Result{Address: shown(text), Verdict: Deliverable, Risk: LowRisk}
	r.addStanding(a.Domain, f)
	if f.disposable {
		r.Disposable = true
		r.add(IsDisposable, wording.Say("mailboxes at %s are thrown away after use", a.Domain))
	}
	if f.odd {
		r.add(Lookalike, wording.Say("the domain %s has letters that pass for those of another alphabet", a.Domain))
	}
	if f.meant != "" {
		code, said := PossibleTypo, wording.Say("%s is probably a misspelling of %s", a.Domain, f.meant)
		if f.known {
			code, said = KnownTypo, wording.Say("%s is a well-known misspelling of %s", a.Domain, f.meant)
		}
		r.add(code, said)
		r.DidYouMean = address.Address{Local: a.Local, Domain: f.meant}.String()
	}
	if read, ok := v.roles[strings.ToLower(a.Local)]; ok {
		r.Role = true
		r.add(IsRole, wording.Say("%s is a role and not a person", a.Local))
		if !read {
			r.add(NotRead, wording.Say("nobody reads mail to %s", a.Local))
		}
	}
	if a.UTF8 {
		r.add(NeedsUTF8, wording.Say("the part before the @ needs SMTPUTF8, which not every server takes"))
	}
	return r, v.addSuppression(ctx, &r, account, a)
}

func (v *Validator) addSuppression(ctx context.Context, r *Result, account model.AccountID, a address.Address) error {
	if v.config.Suppressions == nil {
		return nil
	}
	found, err := v.config.Suppressions.Suppressed(ctx, account, []string{model.SuppressionKey(a.String())})
	for i := range found {
		since := found[i].CreatedAt.UTC().Format("2006-01-02")
		switch e := &found[i]; {
		case e.Kind == model.SuppressBounce:
			r.add(Suppressed, wording.Say("mail to the address came back on %s", since))
		case e.Kind == model.SuppressComplaint:
			r.add(Suppressed, wording.Say("mail to the address was reported as spam on %s", since))
		case e.Kind == model.SuppressUnsubscribe && e.Tag == "":
			r.add(Suppressed, wording.Say("the recipient unsubscribed on %s", since))
		default: // never dead, or unsubscribed from some of the mail
			continue
		}
		break
	}
	return err
}

// addStanding says how the domain stands in DNS.
func (r *Result) addStanding(domain string, f *facts) {
	if f.deaf() {
		r.add(NoMX, wording.Say("no server takes mail for %s", domain))
	}
	switch f.code {
	case NoDomain:
		r.add(NoDomain, wording.Say("the domain %s does not exist", domain))
	case NullMX:
		r.add(NullMX, wording.Say("%s says that it takes no mail (null MX, RFC 7505)", domain))
	case DeadMX:
		r.add(DeadMX, wording.Say("the mail servers that %s names have no address", domain))
	case ImplicitMX:
		r.add(ImplicitMX, wording.Say("%s has no MX records, so its own address is tried (RFC 5321 5.1)", domain))
	case Literal:
		r.add(Literal, wording.Say("mail to the address literal %s is refused nearly everywhere", domain))
	case DNSFailure:
		r.add(DNSFailure, wording.Say("DNS gives no answer for %s (%s); try again later", domain, string(f.kind)))
	}
}
