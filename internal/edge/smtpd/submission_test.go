package smtpd

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// office is who is who, and takes mail of accounts that are active.
type office struct {
	anna    model.Credential
	account model.Account
	broken  bool
	asked   []submit.Principal // at MAIL
	begun   []submit.Envelope
}

func newOffice() *office {
	return &office{account: model.Account{ID: 1, Name: "skolan", State: model.AccountActive}, anna: model.Credential{Username: "anna", Account: 1, Domain: 7}}
}

func (o *office) Credential(_ context.Context, name string) (model.Credential, error) {
	switch {
	case o.broken:
		return model.Credential{}, &store.Error{Kind: store.Unavailable, Op: "credential"}
	case name != "anna":
		return model.Credential{}, &store.Error{Kind: store.NotFound, Op: "credential"}
	}
	return o.anna, nil
}

func (o *office) Account(context.Context, model.AccountID) (model.Account, error) {
	if o.broken {
		return model.Account{}, &store.Error{Kind: store.Unavailable, Op: "account"}
	}
	return o.account, nil
}

func (o *office) CheckSender(_ context.Context, p submit.Principal, _ string) error {
	o.asked = append(o.asked, p)
	return policy.Account(p.Account)
}
func (o *office) CheckRecipient(context.Context, submit.Principal, string) error { return nil }
func (o *office) Begin(_ context.Context, _ submit.Principal, e submit.Envelope, _ submit.Options) (submit.Transaction, error) {
	if e.Sender == "full@skolan.example" {
		return nil, smtp.Errorf(452, "4.3.1", "Too large messages")
	}
	o.begun = append(o.begun, e)
	return paper{}, nil
}

type paper struct{}

func (paper) Write(p []byte) (int, error)                    { return len(p), nil }
func (paper) Commit(context.Context) (submit.Receipt, error) { return submit.Receipt{ID: 42}, nil }
func (paper) Abort()                                         {}

// atOffice plays with an office instead of the mailbox.
func atOffice(t *testing.T, requireTLS bool, play func(w *world, o *office)) {
	t.Helper()
	o := newOffice()
	inBubble(t, func(w *world) { play(w, o) }, func(c *Config, b *mailbox) {
		o.anna.Salt, o.anna.Iterations, o.anna.StoredKey, o.anna.ServerKey = b.secret.Salt, b.secret.Iterations, b.secret.StoredKey, b.secret.ServerKey
		c.Handler = &Submission{
			Submitter: o, Directory: o, RequireTLS: requireTLS, Secret: []byte("secret"),
			Networks: []Network{{netip.MustParsePrefix("10.0.0.0/8"), 1}, {netip.MustParsePrefix("fd00::/8"), 1}},
		}
	})
}

const hello = "S: 220 *\nC: EHLO client.example\n-- greeting\n"

func TestSubmissionWantsALogin(t *testing.T) {
	const login = "C: AUTH PLAIN AGFubmEAaGVtbGln\n"
	const mail = "C: MAIL FROM:<anna@skolan.example>\n"
	atOffice(t, true, func(w *world, o *office) {
		w.play(hello + login + "S: 538 5.7.11 *\n" + mail + "S: 530 5.7.0 Say STARTTLS and authenticate first\nC: STARTTLS\nS: 220 *\n-- tls\nC: EHLO client.example\n-- greeting\n" +
			mail + "S: 530 5.7.0 Authenticate first\nC: AUTH PLAIN AGJvAGhlbWxpZw==\nS: 535 5.7.8 *\n" + login + "S: 235 *\n" + mail + "S: 250 *\n" +
			"C: RCPT TO:<b@example.org>\nS: 250 *\nC: DATA\nS: 354 *\nC: .\nS: 250 2.0.0 Queued as " + ident.ID(42).String())
		want := []submit.Principal{{
			Account: o.account, Credential: "anna", Domain: 7, Client: netip.MustParseAddr("192.0.2.1"), Helo: "client.example",
			TLS: "TLS 1.3 TLS_AES_128_GCM_SHA256", Origin: model.OriginSMTP,
		}}
		if diff := cmp.Diff(want, o.asked, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	})
	atOffice(t, false, func(w *world, _ *office) {
		w.play(hello + mail + "S: 530 5.7.0 Authenticate first\n" + login + "S: 235 *\n" + mail + "S: 250 *")
	})
}

func TestTrustedNetworksSubmitWithoutALogin(t *testing.T) {
	atOffice(t, true, func(w *world, o *office) {
		for _, from := range []string{"10.1.2.3", "::ffff:10.1.2.3", "fd00::1"} {
			c := w.dial(from)
			c.play(hello + "C: MAIL FROM:<anna@skolan.example>\nS: 250 *")
			c.close()
		}
		w.play(hello + "C: MAIL FROM:<anna@skolan.example>\nS: 530 *")
		if len(o.asked) != 3 || o.asked[0].Credential != "" || o.asked[0].Domain != 0 || o.asked[0].Account.ID != 1 {
			t.Errorf("asked for %+v", o.asked)
		}
	})
}

// An account that is locked stops within its open sessions.
func TestLockedAccountsStopAtOnce(t *testing.T) {
	atOffice(t, false, func(w *world, o *office) {
		c := w.dial("10.0.0.1")
		defer c.close()
		c.play(hello + "C: MAIL FROM:<anna@skolan.example>\nS: 250 *\nC: RSET\nS: 250 *")
		o.account.State = model.AccountLocked
		c.play("C: MAIL FROM:<anna@skolan.example>\nS: 550 5.7.1 Account \"skolan\" is locked*")
		// Its passwords are refused with the reason, others' guesses as ever.
		d := w.dial("10.0.0.2")
		defer d.close()
		d.play(hello + "C: AUTH PLAIN " + b64("\x00anna\x00fel") + "\nS: 535 5.7.8 The user name or password is wrong\n" +
			"C: AUTH PLAIN " + b64("\x00anna\x00hemlig") + "\nS: 525 5.7.13 Account \"skolan\" is locked*\nC: NOOP\nS: 250 *")
	})
}

func TestSubmissionPutsOffWhatItCannotLookUp(t *testing.T) {
	atOffice(t, false, func(w *world, o *office) {
		c := w.dial("10.0.0.1")
		defer c.close()
		c.play(hello + "C: MAIL FROM:<full@skolan.example>\nC: RCPT TO:<b@example.org>\nC: DATA\nS: 250 *\nS: 250 *\nS: 452 4.3.1 *\nC: MAIL FROM:<anna@skolan.example>\nS: 250 *")
		o.broken = true
		const later = "S: 451 4.3.0 Your account cannot be looked up now, try again later\n"
		c.play("C: RCPT TO:<b@example.org>\n" + later)
		o.broken = false
		c.play("C: RCPT TO:<b@example.org>\nS: 250 *")
		o.broken = true
		c.play("C: DATA\n" + later + "C: AUTH PLAIN AGFubmEAaGVtbGln\nS: 454 4.7.0 *\nC: MAIL FROM:<anna@skolan.example>\n" + later)
	})
}

// Handed over, an envelope is not changed by the next transaction.
func TestEnvelopesAreNotShared(t *testing.T) {
	atOffice(t, false, func(w *world, o *office) {
		c := w.dial("10.0.0.1")
		defer c.close()
		for _, to := range []string{"b", "c"} {
			c.play(map[string]string{"b": hello}[to] + "C: MAIL FROM:<anna@skolan.example>\nS: 250 *\nC: RCPT TO:<" + to + "@example.org>\nS: 250 *\nC: DATA\nS: 354 *\nC: .\nS: 250 *")
		}
		if o.begun[0].Recipients[0].Address != "b@example.org" || o.begun[1].Recipients[0].Address != "c@example.org" {
			t.Errorf("envelopes %+v", o.begun)
		}
	})
}
