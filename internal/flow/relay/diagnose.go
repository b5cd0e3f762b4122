package relay

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"strings"
	"syscall"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// fault makes a finding about the server.
func fault(o *route.Own, code string, found, expected, change wording.Text) *finding.Finding {
	return &finding.Finding{Severity: finding.Error, Subject: "route", Code: code, Name: o.Host, Found: found, Expected: expected, Change: change}
}

func unresolved(o *route.Own, e *smtp.Error) *finding.Finding {
	return fault(o, "no-address", wording.Say("%s", e.Text), wording.Say("a host name with an address that can be reached from here"), wording.Say("see that the name is spelt right: budkavle account route set NAME --host HOST"))
}

// diagnose says what a fault of a session means and what to do.
func (s *Service) diagnose(o *route.Own, err error, transcript *string) *finding.Finding {
	var e *outbound.Error
	if !errors.As(err, &e) {
		e = &outbound.Error{Stage: outbound.StageConnect, Err: smtp.AsError(err)}
	}
	if e.Transcript != "" {
		*transcript = e.Transcript
	}
	found := wording.Say("%s", o.Without(e.Err.Text))
	*transcript = o.Without(*transcript)
	switch {
	case e.Stage == outbound.StageConnect:
		return unreached(o, e, found)
	case e.Stage == outbound.StageTLS, e.Stage == outbound.StageGreeting && e.Reply.Code == 0, e.Stage == outbound.StageEHLO && e.Reply.Code == 0:
		return insecure(o, e, found)
	case e.Stage == outbound.StageAuth:
		return notLoggedIn(o, e, found)
	case e.Stage == outbound.StageGreeting || e.Stage == outbound.StageEHLO:
		return fault(o, "turned-away", found, wording.Say("a server that lets this node in"), wording.Say("ask who runs the server to let in the addresses that this node sends from (budkavle ip list)"))
	}
	return notTaken(o, e, found)
}

func unreached(o *route.Own, e *outbound.Error, found wording.Text) *finding.Finding {
	expected := wording.Say("a server that answers at port %d", int(o.Port))
	if errors.Is(e.Err, syscall.ECONNREFUSED) {
		return fault(o, "port-closed", found, expected, wording.Say("take the port that the server has for submission: 587 with --tls required, or 465 with --tls implicit"))
	}
	return fault(o, "not-reached", found, expected, wording.Say("see that host and port are right, and that no firewall on either side is in the way"))
}

// insecure is about TLS, and about the greeting, which fails where one side waits for TLS and the other does not.
func insecure(o *route.Own, e *outbound.Error, found wording.Text) *finding.Finding {
	var name x509.HostnameError
	var authority x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	valid := wording.Say("a certificate for %s, valid today, by an authority that this machine trusts", o.Host)
	switch {
	case errors.As(e.Err, &name):
		names := "-"
		if c := name.Certificate; c != nil && len(c.DNSNames) > 0 {
			names = strings.Join(c.DNSNames[:min(len(c.DNSNames), 5)], ", ")
		}
		return fault(o, "certificate-name", wording.Say("the certificate is for other names: %s", names), valid, wording.Say("set the host to the name in the certificate"))
	case errors.As(e.Err, &authority):
		return fault(o, "certificate-authority", found, valid, wording.Say("have the server send a certificate of a public authority, with the certificates in between; one of your own authority must be installed on this machine"))
	case errors.As(e.Err, &invalid):
		return fault(o, "certificate-invalid", found, valid, wording.Say("have the server's certificate renewed"))
	case e.Err.Enhanced == "4.7.4":
		return fault(o, "no-starttls", found, wording.Say("STARTTLS in the answer to EHLO"), wording.Say("take a port where the server offers TLS: 587 with --tls required, or 465 with --tls implicit"))
	case errors.As(e.Err, &record) && o.TLS == smtp.TLSImplicit:
		return fault(o, "not-implicit", found, wording.Say("TLS from the first octet at port %d", int(o.Port)), wording.Say("the server begins in the clear there: take --tls required"))
	case e.Stage != outbound.StageTLS:
		return fault(o, "no-greeting", found, wording.Say("a greeting in SMTP"), wording.Say("port 465 wants --tls implicit; else ask who runs the server"))
	}
	return fault(o, "tls-failed", found, wording.Say("TLS 1.2 or later"), wording.Say("ask who runs the server; its log says what it did not like"))
}

// notLoggedIn knows what the large providers say.
func notLoggedIn(o *route.Own, e *outbound.Error, found wording.Text) *finding.Finding {
	said := strings.ToLower(e.Reply.Enhanced + " " + e.Reply.Text)
	expected := wording.Say("235: the server takes user and password")
	switch {
	case e.Reply.Code == 0 && e.Err.Enhanced == "4.7.0":
		return fault(o, "no-mechanism", found, wording.Say("AUTH with PLAIN, LOGIN or SCRAM-SHA-256"), wording.Say("take the port for submission, 587 or 465; a server that logs in by OAuth alone cannot be used"))
	case strings.Contains(said, "smtpclientauthentication is disabled"):
		return fault(o, "smtp-auth-disabled", found, expected, wording.Say("in the Microsoft 365 admin center, under the user's mail and manage email apps, allow authenticated SMTP; security defaults must be off"))
	case strings.Contains(said, "5.7.139"):
		return fault(o, "basic-auth-disabled", found, expected, wording.Say("Microsoft 365 does not let the user log in with a password: allow authenticated SMTP for the mailbox, and see that no policy (security defaults, conditional access, authentication policy) forbids basic authentication"))
	case e.Reply.Code == 534, strings.Contains(said, "application-specific password"), strings.Contains(said, "5.7.9"):
		return fault(o, "app-password", found, expected, wording.Say("make an app password for the user (Google: myaccount.google.com/apppasswords, with two-step verification on) and set that instead of the usual one"))
	case e.Reply.Code == 535:
		return fault(o, "wrong-password", found, expected, wording.Say("see that user and password are right, and set them again: budkavle account route set NAME --user USER --password-file FILE"))
	case e.Reply.Code >= 400 && e.Reply.Code < 500:
		return fault(o, "login-put-off", found, expected, wording.Say("try again in some minutes"))
	}
	return fault(o, "login-refused", found, expected, wording.Say("ask who runs the server why it does not let the user log in"))
}

// notTaken is about MAIL, RCPT and the letter itself.
func notTaken(o *route.Own, e *outbound.Error, found wording.Text) *finding.Finding {
	said := strings.ToLower(e.Reply.Enhanced + " " + e.Reply.Text)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(said, w) {
				return true
			}
		}
		return false
	}
	expected := wording.Say("250: the server takes mail of this sender to anybody")
	switch {
	case e.Reply.Code == 0:
		return fault(o, "broken-off", found, expected, wording.Say("try again; if it comes back, ask who runs the server"))
	case e.Reply.Code == 530:
		return fault(o, "login-wanted", found, expected, wording.Say("set user and password: budkavle account route set NAME --user USER --password-file FILE"))
	case has("sendasdenied", "5.7.60", "not allowed to send as", "permissions to send as", "not owned by user"):
		return fault(o, "send-as-denied", found, expected, wording.Say("give the user the right to send as the addresses that you send from (Microsoft 365: Send As on the mailbox), or send as the user's own address"))
	case has("5.4.5", "limit", "quota", "too many"):
		return fault(o, "over-limit", found, expected, wording.Say("the server has a limit of its own that is reached: wait, and set limits below it with --per-minute and --per-day"))
	case has("relay"):
		return fault(o, "relaying-denied", found, expected, wording.Say("the server takes mail to its own domains only: log in with a user, or have who runs it allow this node to relay"))
	case e.Reply.Code < 500:
		return fault(o, "put-off", found, expected, wording.Say("try again in some minutes"))
	}
	return fault(o, "refused", found, expected, wording.Say("ask who runs the server why it does not take this sender or recipient"))
}
