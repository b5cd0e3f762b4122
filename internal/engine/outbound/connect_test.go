package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

const secureGreeting = `
	S: 220 mx.example.org
	C: EHLO out.example.net
	S: 250-mx.example.org
	S: 250 STARTTLS
	C: STARTTLS
	S: 220 go
	-- tls
	C: EHLO out.example.net
`

func TestConnect(t *testing.T) {
	auth := &Auth{Username: "user", Password: "pass word"}
	with := func(change func(*Target)) Target {
		tt := target()
		change(&tt)
		return tt
	}
	required := with(func(t *Target) { t.TLS = smtp.TLSRequired })
	implicit := with(func(t *Target) { t.TLS = smtp.TLSImplicit })
	stranger := with(func(t *Target) { t.TLS, t.Host = smtp.TLSRequired, "other.example.org" })
	login := with(func(t *Target) { t.Auth = auth })
	local := with(func(t *Target) {
		t.Auth, t.TLS, t.Addr = auth, smtp.TLSNone, netip.MustParseAddrPort("127.0.0.1:25")
	})
	const hello = "S: 220 mx\nC: EHLO out.example.net\n"
	tests := map[string]struct {
		target  Target
		servers []string
		want    string // "ok", "ok tls", or the fault
	}{
		"plain":                   {target(), []string{plainGreeting}, "ok"},
		"nobody listens":          {target(), nil, "connect 451 4.4.1 temporary +lost"},
		"greets with 554":         {target(), []string{"S: 554 5.3.2 no mail here\n"}, "greeting 554 5.3.2 permanent"},
		"greets with 421":         {target(), []string{"S: 421 4.3.2 busy\n"}, "greeting 421 4.3.2 temporary +closing"},
		"greets with 250":         {target(), []string{"S: 250 hi\n"}, "greeting 451 4.5.0 temporary +lost"},
		"greets with lines":       {target(), []string{"S: 220-a\nS: 220 b\nC: EHLO out.example.net\nS: 250 mx\n"}, "ok"},
		"closes at once":          {target(), []string{"-- close"}, "greeting 451 4.4.2 temporary +lost"},
		"speaks something else":   {target(), []string{"S: SSH-2.0-OpenSSH\n"}, "greeting 451 4.5.0 temporary +lost"},
		"is silent":               {target(), []string{"-- wait 6m\n-- close\n"}, "greeting 451 4.4.2 temporary +lost"},
		"EHLO unknown, HELO":      {target(), []string{hello + "S: 502 what\nC: HELO out.example.net\nS: 250 mx\n"}, "ok"},
		"EHLO and HELO refused":   {target(), []string{hello + "S: 550 5.7.1 bad name\nC: HELO out.example.net\nS: 550 5.7.1 bad name\n"}, "ehlo 550 5.7.1 permanent"},
		"EHLO deferred":           {target(), []string{hello + "S: 451 later\n"}, "ehlo 451 4.0.0 temporary"},
		"EHLO lost":               {target(), []string{hello + "-- close\n"}, "ehlo 451 4.4.2 temporary +lost"},
		"STARTTLS":                {target(), []string{secureGreeting + "S: 250-mx.example.org\nS: 250 PIPELINING\n"}, "ok tls"},
		"STARTTLS refused":        {target(), []string{hello + "S: 250-mx\nS: 250 starttls\nC: STARTTLS\nS: 454 4.7.0 no TLS now\n"}, "ok"},
		"STARTTLS, 421":           {target(), []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 421 4.7.0 bye\n"}, "tls 421 4.7.0 temporary +closing"},
		"STARTTLS broken":         {target(), []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n-- close", plainGreetingWithTLS}, "ok"},
		"STARTTLS silent":         {target(), []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n-- eat", plainGreetingWithTLS}, "ok"},
		"STARTTLS broken, gone":   {target(), []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n-- close"}, "connect 451 4.4.1 temporary +lost"},
		"required":                {required, []string{secureGreeting + "S: 250 mx.example.org\n"}, "ok tls"},
		"required, not offered":   {required, []string{plainGreeting}, "tls 451 4.7.4 temporary"},
		"required, refused":       {required, []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 502 no\n"}, "tls 451 4.7.4 temporary"},
		"required, broken":        {required, []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n-- close"}, "tls 451 4.7.5 temporary +lost"},
		"required, another name":  {stranger, []string{hello + "S: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n-- tls\n"}, "tls 451 4.7.5 temporary +lost"},
		"implicit":                {implicit, []string{"-- tls\n" + plainGreeting}, "ok tls"},
		"implicit, broken":        {implicit, []string{"-- close\n"}, "tls 451 4.7.5 temporary +lost"},
		"AUTH PLAIN":              {login, []string{secureGreeting + "S: 250-mx\nS: 250 AUTH LOGIN PLAIN\nC: AUTH PLAIN AHVzZXIAcGFzcyB3b3Jk\nS: 235 2.7.0 welcome\n"}, "ok tls"},
		"AUTH LOGIN":              {login, []string{secureGreeting + "S: 250-mx\nS: 250 AUTH=LOGIN\nC: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: cGFzcyB3b3Jk\nS: 235 ok\n"}, "ok tls"},
		"AUTH LOGIN without end":  {login, []string{secureGreeting + "S: 250-mx\nS: 250 AUTH LOGIN\nC: AUTH LOGIN\nS: 334 eA==\nC: dXNlcg==\nS: 334 eA==\nC: cGFzcyB3b3Jk\nS: 334 eA==\n"}, "auth 451 4.4.2 temporary +lost"},
		"AUTH refused":            {login, []string{secureGreeting + "S: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AHVzZXIAcGFzcyB3b3Jk\nS: 535 5.7.8 wrong\n"}, "auth 535 5.7.8 temporary"},
		"AUTH unknown mechanisms": {login, []string{secureGreeting + "S: 250-mx\nS: 250 AUTH GSSAPI\n"}, "auth 451 4.7.0 temporary"},
		"AUTH in the clear":       {login, []string{hello + "S: 250-mx\nS: 250 AUTH PLAIN LOGIN\n"}, "auth 451 4.7.0 temporary"},
		"AUTH in the clear, here": {local, []string{hello + "S: 250-mx\nS: 250 AUTH PLAIN\nC: AUTH PLAIN AHVzZXIAcGFzcyB3b3Jk\nS: 235 ok\n"}, "ok"},
		"AUTH, SCRAM first":       {login, []string{hello + "S: 250-mx\nS: 250 AUTH PLAIN SCRAM-SHA-256\nC: AUTH SCRAM-SHA-256 *\nS: 535 5.7.8 no\n"}, "auth 535 5.7.8 temporary"},
		"AUTH, SCRAM cut short":   {login, []string{hello + "S: 250-mx\nS: 250 AUTH SCRAM-SHA-256\nC: AUTH SCRAM-SHA-256 *\nS: 235 come in\n"}, "auth 451 4.4.2 temporary +lost"},
		"AUTH, not base64":        {login, []string{hello + "S: 250-mx\nS: 250 AUTH SCRAM-SHA-256\nC: AUTH SCRAM-SHA-256 *\nS: 334 %%%\n"}, "auth 451 4.4.2 temporary +lost"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := New(Config{Dial: serving(t, tt.servers...), TLS: trusting(t)})
				s, err := c.Connect(t.Context(), tt.target)
				got := "ok"
				if err != nil {
					var e *Error
					if !errors.As(err, &e) || !e.Stage.Handshake() {
						t.Fatalf("got %v", err)
					}
					if greeted := e.Stage == StageEHLO || e.Stage == StageAuth; greeted && !strings.Contains(e.Transcript, "S: 220") {
						t.Errorf("transcript:\n%s", e.Transcript)
					}
					got = outcome(Result{Err: e})
					if strings.Contains(e.Transcript+e.Error(), "AHVz") || strings.Contains(e.Transcript, "cGFz") {
						t.Errorf("the password shows:\n%s", e.Transcript)
					}
				} else {
					defer s.Close()
					if s.TLS() != "" {
						got += " tls"
					}
				}
				if got != tt.want {
					t.Errorf("got %s, want %s (%v)", got, tt.want, err)
				}
			})
		})
	}
}

// plainGreetingWithTLS offers TLS, and expects that nobody takes it.
const plainGreetingWithTLS = `
	S: 220 mx.example.org
	C: EHLO out.example.net
	S: 250-mx.example.org
	S: 250 STARTTLS
`

func TestOctetsInTheClearAfterSTARTTLSAreAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			buf := make([]byte, 100)
			for _, say := range []string{"220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n250 injected\r\n"} {
				_, _ = theirs.Write([]byte(say))
				_, _ = theirs.Read(buf)
			}
		}()
		dialled := 0
		c := New(Config{Dial: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) { dialled++; return ours, nil }})
		_, err := c.Connect(t.Context(), target())
		var e *Error
		if !errors.As(err, &e) || outcome(Result{Err: e}) != "tls 451 4.5.0 temporary +lost" || dialled != 1 {
			t.Errorf("got %v after %d dials", err, dialled)
		}
	})
}

func TestBrokenTLSIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := "S: 220 mx\nC: EHLO out.example.net\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\n-- close"
		c := New(Config{Dial: serving(t, broken, plainGreetingWithTLS, plainGreetingWithTLS, secureGreeting+"S: 250 mx\n"), TLS: trusting(t)})
		for i, wait := range []time.Duration{0, brokenFor - time.Minute, time.Minute} {
			time.Sleep(wait)
			s, err := c.Connect(t.Context(), target())
			if err != nil {
				t.Fatal(err)
			}
			if secure := s.TLS() != ""; secure != (i == 2) {
				t.Errorf("session %d: TLS %q", i, s.TLS())
			}
			s.Close()
		}
	})
}

func TestBrokenTLSIsBounded(t *testing.T) {
	b := newBrokenTLS(clock.System{})
	for i := range maxBroken + 100 {
		b.add(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 25))
	}
	if len(b.until) != maxBroken {
		t.Errorf("%d addresses remembered", len(b.until))
	}
}

func TestContextCutsTheConnection(t *testing.T) {
	silentAt := map[string]string{
		"greeting": "-- eat",
		"ehlo":     "S: 220 mx\n-- eat",
		"mail":     plainGreeting + "-- eat",
		"end":      plainGreeting + "C: MAIL *\nS: 250 ok\nC: RCPT *\nS: 250 ok\nC: DATA\nS: 354 go\nC: *\nC: *\nC: *\nC: .\n-- eat",
	}
	for stage, script := range silentAt {
		t.Run(stage, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				begin := time.Now()
				s, err := New(Config{Dial: serving(t, script)}).Connect(ctx, target())
				if err == nil {
					defer s.Close()
					err = s.Send(ctx, mailTo("b@example.org")).Recipients[0].Err
				}
				var e *Error
				if !errors.As(err, &e) || string(e.Stage) != stage || !errors.Is(err, context.DeadlineExceeded) || e.Stale {
					t.Errorf("got %v", err)
				}
				if time.Since(begin) != 10*time.Second {
					t.Errorf("took %v", time.Since(begin))
				}
			})
		})
	}
}

func TestTimeLimits(t *testing.T) {
	const transaction = plainGreeting + "C: MAIL *\nS: 250 ok\nC: RCPT *\nS: 250 ok\nC: DATA\n"
	tests := map[Stage]struct {
		script string
		limit  time.Duration
	}{
		StageMail: {plainGreeting + "C: MAIL *\n-- eat", 5 * time.Minute},
		StageRcpt: {plainGreeting + "C: MAIL *\n-- wait 4m\nS: 250 ok\nC: RCPT *\n-- eat", 9 * time.Minute},
		StageData: {transaction + "-- eat", 2 * time.Minute},
		StageBody: {transaction + "S: 354 go\n-- wait 4m\n-- close", 3 * time.Minute},
		StageEnd:  {transaction + "S: 354 go\nC: *\nC: *\nC: *\nC: .\n-- eat", 10 * time.Minute},
	}
	for stage, tt := range tests {
		t.Run(string(stage), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := connect(t, tt.script)
				defer s.Close()
				begin := time.Now()
				r := s.Send(t.Context(), mailTo("b@example.org")).Recipients[0]
				if r.Err == nil || r.Err.Stage != stage || !r.Err.Lost || s.Usable() {
					t.Errorf("got %v", r.Err)
				}
				if took := time.Since(begin); took < tt.limit || took > tt.limit+repliesAfterReset {
					t.Errorf("took %v, want %v", took, tt.limit)
				}
			})
		})
	}
}

func TestSCRAM(t *testing.T) {
	s := newSCRAM(&Auth{Username: "user", Password: "pencil"}) // RFC 7677 3
	s.nonce = "rOprNGfwEbeRWgbNEkqO"
	s.bare = "n=user,r=" + s.nonce
	if got := string(s.first()); got != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" {
		t.Error(got)
	}
	got, err := s.next([]byte("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	want := "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	if s.done() {
		t.Error("done before the server proved itself")
	}
	if got, err = s.next([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err != nil || len(got) != 0 || !s.done() {
		t.Errorf("got %s, %v", got, err)
	}
	if _, err := s.next(nil); err == nil {
		t.Error("a message too many was answered")
	}
}

func TestSCRAMDistrusts(t *testing.T) {
	for _, first := range []string{
		"", "r=short,s=c2FsdA==,i=4096", "r=%s,s=c2FsdA==,i=4096", "r=%sx,s=,i=4096", "r=%sx,s=c2FsdA==,i=1", "r=%sx,s=c2FsdA==,i=99999999",
		"m=x,r=%sx,s=c2FsdA==,i=4096",
	} {
		s := newSCRAM(&Auth{Username: "us=er,", Password: "p"})
		if strings.Contains(first, "%s") {
			first = fmt.Sprintf(first, s.nonce)
		}
		if _, err := s.next([]byte(first)); err == nil {
			t.Errorf("%q was answered", first)
		}
	}
	s := newSCRAM(&Auth{Username: "u", Password: "p"})
	if _, err := s.next([]byte("r=" + s.nonce + "x,s=c2FsdA==,i=4096")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.next([]byte("v=AAAA")); err == nil || s.done() {
		t.Error("a server that does not know the password was believed")
	}
}

func TestNetDialUsesTheSource(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	to := netip.MustParseAddrPort(ln.Addr().String())
	conn, err := NetDial(t.Context(), netip.MustParseAddr("127.0.0.9"), to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := netip.MustParseAddrPort(conn.LocalAddr().String()).Addr().String(); got != "127.0.0.9" {
		t.Error(got)
	}
}
