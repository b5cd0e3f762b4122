package smtpd

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func inTheClear(_ *Config, b *mailbox) { b.open = true }

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestAuthentication(t *testing.T) {
	good, wrong := b64("\x00anna\x00hemlig"), b64("\x00anna\x00fel")
	tests := map[string]string{
		"PLAIN, initial response": "C: AUTH PLAIN " + good + "\nS: 235 2.7.0 *\nC: AUTH PLAIN " + good + "\nS: 503 5.5.1 You are authenticated already",
		"PLAIN, asked for":        "C: AUTH plain\nS: 334 \nC: " + good + "\nS: 235 2.7.0 *",
		"LOGIN":                   "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: " + b64("anna") + "\nS: 334 UGFzc3dvcmQ6\nC: " + b64("hemlig") + "\nS: 235 2.7.0 *",
		"LOGIN, initial response": "C: AUTH LOGIN " + b64("anna") + "\nS: 334 UGFzc3dvcmQ6\nC: " + b64("hemlig") + "\nS: 235 *",
		"as oneself":              "C: AUTH PLAIN " + b64("anna\x00anna\x00hemlig") + "\nS: 235 2.7.0 *",
		"as another":              "C: AUTH PLAIN " + b64("root\x00anna\x00hemlig") + "\nS: 535 5.7.8 *",
		"wrong password":          "C: AUTH PLAIN " + wrong + "\nS: 535 5.7.8 The user name or password is wrong\nC: AUTH PLAIN " + good + "\nS: 235 *",
		"unknown user":            "C: AUTH PLAIN " + b64("\x00bo\x00hemlig") + "\nS: 535 5.7.8 The user name or password is wrong",
		"unknown user, LOGIN":     "C: AUTH LOGIN " + b64("bo") + "\nS: 334 UGFzc3dvcmQ6\nC: " + b64("x") + "\nS: 535 5.7.8 The user name or password is wrong",
		"cancelled":               "C: AUTH LOGIN\nS: 334 *\nC: *\nS: 501 5.7.0 Authentication was cancelled\nC: NOOP\nS: 250 *",
		"no base64":               "C: AUTH PLAIN !\nS: 501 5.5.2 The response is not base64\nC: AUTH PLAIN\nS: 334 \nC: =\nS: 501 5.5.2 *",
		"empty responses":         "C: AUTH PLAIN =\nS: 501 5.5.2 *\nC: AUTH LOGIN\nS: 334 *\nC: \nS: 501 5.5.2 *",
		"too long a name":         "C: AUTH PLAIN " + b64("\x00"+strings.Repeat("a", 256)+"\x00x") + "\nS: 501 5.5.2 *",
		"a NUL in the name":       "C: AUTH LOGIN " + b64("anna\x00") + "\nS: 501 5.5.2 *",
		"the longest response":    "C: AUTH PLAIN\nS: 334 \nC: " + strings.Repeat("A", 12284) + "\nS: 501 5.5.2 *\nC: AUTH PLAIN\nS: 334 \nC: " + strings.Repeat("A", 12288) + "\nS: 500 5.5.6 *\nC: NOOP\nS: 250 *",
		"unknown mechanism":       "C: AUTH CRAM-MD5\nS: 504 5.5.4 *\nC: AUTH\nS: 504 5.5.4 *\nC: AUTH SCRAM-SHA-256-PLUS\nS: 504 5.5.4 *",
		"within a transaction":    "C: MAIL FROM:<a@example.net>\nS: 250 *\nC: AUTH PLAIN " + good + "\nS: 503 5.5.1 *",
		"pipelined":               "C: AUTH PLAIN " + good + "\nC: MAIL FROM:<a@example.net>\nS: 235 *\nS: 250 *",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + script)
				w.stop()
				if s := w.log.String(); strings.Contains(s, "hemlig") || strings.Contains(s, good) {
					t.Errorf("the password is in the log: %s", s)
				}
			}, inTheClear)
		})
	}
}

func TestAuthenticationIsRefusedInTheClear(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO x
			-- greeting
			C: AUTH PLAIN AGFubmEAaGVtbGln
			S: 538 5.7.11 *
			C: STARTTLS
			S: 220 2.0.0 *
			-- tls
			C: AUTH PLAIN AGFubmEAaGVtbGln
			S: 503 5.5.1 Say EHLO first
			C: EHLO x
			-- greeting
			C: AUTH PLAIN AGFubmEAaGVtbGln
			S: 235 *`)
	})
}

func TestAuthenticationEndsWithSTARTTLS(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO x
			-- greeting
			C: AUTH PLAIN AGFubmEAaGVtbGln
			S: 235 *
			C: MAIL FROM:<a@example.net>
			S: 250 *
			C: STARTTLS
			S: 220 *
			-- tls
			C: RCPT TO:<b@example.org>
			S: 503 5.5.1 Say MAIL first
			C: MAIL FROM:<a@example.net>
			S: 503 5.5.1 Say EHLO first
			C: EHLO x
			S: 250-mx.example
			S: 250-PIPELINING
			S: 250-SIZE *
			S: 250-8BITMIME
			S: 250-SMTPUTF8
			S: 250-CHUNKING
			S: 250-DSN
			S: 250-ENHANCEDSTATUSCODES
			S: 250 AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN
			C: RCPT TO:<b@example.org>
			S: 503 5.5.1 Say MAIL first
			C: STARTTLS
			S: 503 5.5.1 TLS is on already`)
	}, inTheClear)
}

func TestTrustedNetworkMayStillLogIn(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play(`
			S: 220 *
			C: EHLO x
			-- greeting
			C: MAIL FROM:<a@example.net>
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 *
			S: 250 *
			S: 354 *
			C: .
			S: 250 *
			C: AUTH PLAIN AGFubmEAaGVtbGln
			S: 235 *
			C: MAIL FROM:<a@example.net>
			C: RCPT TO:<b@example.org>
			C: DATA
			S: 250 *
			S: 250 *
			S: 354 *
			C: .
			S: 250 *`)
		if m := w.box.messages; m[0].peer.User.Name != "" || m[0].peer.User.Account != 2 || m[1].peer.User.Name != "anna" || m[1].peer.User.Account != 1 {
			t.Errorf("users %+v, %+v", m[0].peer.User, m[1].peer.User)
		}
	}, inTheClear, func(_ *Config, b *mailbox) { b.trusted = netip.MustParsePrefix("192.0.2.0/24") })
}

func TestStoreFaultIsNoWrongPassword(t *testing.T) {
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + strings.Repeat(
			"C: AUTH PLAIN AGFubmEAaGVtbGln\nS: 454 4.7.0 Authentication is not possible now, try again later\n", 10))
	}, inTheClear, func(_ *Config, b *mailbox) { b.broken = &fault{errors.New("connection refused")} })
}

// fault looks like a fault of the client's connection, as those of a database's do.
type fault struct{ error }

func (fault) Timeout() bool   { return true }
func (fault) Temporary() bool { return true }

// scramClient is RFC 5802 from the other side. With binding it asks for channel binding.
func scramClient(c *client, user, password string, binding []byte) {
	c.t.Helper()
	name, gs2 := "SCRAM-SHA-256", "n,,"
	if binding != nil {
		name, gs2 = "SCRAM-SHA-256-PLUS", "p=tls-exporter,,"
	}
	first := "n=" + user + ",r=fyko+d2lbbFgONRv9qkxdawL"
	c.play("C: AUTH " + name + " " + b64(gs2+first))
	challenge := answer334(c)
	fields := strings.Split(challenge, ",")
	salt, err := base64.StdEncoding.DecodeString(fields[1][2:])
	if err != nil || fields[2] != "i=4096" || !strings.HasPrefix(fields[0], "r=fyko+d2lbbFgONRv9qkxdawL") {
		c.t.Fatalf("challenge %q", challenge)
	}
	sum := func(key []byte, s string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		return m.Sum(nil)
	}
	salted, _ := pbkdf2.Key(sha256.New, password, salt, 4096, 32)
	last := "c=" + b64(gs2+string(binding)) + "," + fields[0]
	auth := first + "," + challenge + "," + last
	proof := sum(salted, "Client Key")
	stored := sha256.Sum256(proof)
	for i, b := range sum(stored[:], auth) {
		proof[i] ^= b
	}
	c.play("C: " + b64(last+",p="+b64(string(proof))))
	if want := "v=" + b64(string(sum(sum(salted, "Server Key"), auth))); password == "hemlig" && user == "anna" {
		if got := answer334(c); got != want {
			c.t.Fatalf("the server proves %q, want %q", got, want)
		}
		c.play("C: ")
	}
}

func answer334(c *client) string {
	c.t.Helper()
	line, err := c.r.ReadString('\n')
	text, ok := strings.CutPrefix(strings.TrimSpace(line), "334 ")
	b, err2 := base64.StdEncoding.DecodeString(text)
	if err != nil || err2 != nil || !ok {
		c.t.Fatalf("server says %q (%v)", line, err)
	}
	return string(b)
}

func TestScram(t *testing.T) {
	for name, tt := range map[string]struct{ user, password, want string }{
		"right":          {"anna", "hemlig", "235 2.7.0 *"},
		"wrong password": {"anna", "fel", "535 5.7.8 *"},
		"unknown user":   {"bo", "hemlig", "535 5.7.8 *"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world) {
				c := w.ehlo()
				defer c.close()
				scramClient(c, tt.user, tt.password, nil)
				c.play("S: " + tt.want)
			}, inTheClear)
		})
	}
}

func TestScramBindsTheChannel(t *testing.T) {
	inBubble(t, func(w *world) {
		for _, tt := range []struct {
			mine bool
			want string
		}{{true, "235 2.7.0 *"}, {false, "535 5.7.8 *"}} {
			c := w.ehlo()
			c.play("C: STARTTLS\nS: 220 *\n-- tls\nC: EHLO x\n-- greeting")
			state := c.conn.(*tls.Conn).ConnectionState()
			binding, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.mine { // somebody between, with a channel of their own
				binding[0] ^= 1
			}
			password := map[bool]string{true: "hemlig", false: "hemlig "}[tt.mine]
			scramClient(c, "anna", password, binding)
			c.play("S: " + tt.want)
			c.close()
		}
		// One who was told that there is no binding, where there is, was lied to.
		c := w.ehlo()
		defer c.close()
		c.play("C: STARTTLS\nS: 220 *\n-- tls\nC: EHLO x\n-- greeting\nC: AUTH SCRAM-SHA-256 " + b64("y,,n=anna,r=fyko+d2lbbFgONRv9qkxdawL") + "\nS: 535 5.7.8 *")
	})
}

func TestGuessersWaitLongerAndLonger(t *testing.T) {
	wrong := "C: AUTH PLAIN " + b64("\x00anna\x00fel") + "\n"
	inBubble(t, func(w *world) {
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + strings.Repeat(wrong+"S: 535 *\n", 4) + wrong +
			"S: 454 4.7.0 Too many failed logins; try again in 2s\n-- wait 2s\n" + wrong + "S: 535 *\n" + wrong + "S: 454 4.7.0 Too many failed logins; try again in 4s")
		// From elsewhere the user waits, others do not.
		c := w.dial("198.51.100.7")
		defer c.close()
		c.play("S: 220 *\nC: EHLO x\n-- greeting\n" + wrong + "S: 454 *\nC: AUTH PLAIN " + b64("\x00bo\x00fel") + "\nS: 535 *\n-- wait 4s\nC: AUTH PLAIN " +
			b64("\x00anna\x00hemlig") + "\nS: 235 *")
		w.play("S: 220 *\nC: EHLO x\n-- greeting\n" + wrong + "S: 535 *\n" + wrong + "S: 454 *")
		// The owner has logged in from there before, and need not wait for what others do.
		d := w.dial("198.51.100.7")
		defer d.close()
		d.play("S: 220 *\nC: EHLO x\n-- greeting\nC: AUTH PLAIN " + b64("\x00anna\x00hemlig") + "\nS: 235 *")
	}, inTheClear)
}

type fixed time.Time

func (f *fixed) Now() time.Time                       { return time.Time(*f) }
func (f *fixed) NewTimer(d time.Duration) *time.Timer { return time.NewTimer(d) }

func TestGuard(t *testing.T) {
	start := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	clk := fixed(start)
	g := newGuard(&clk)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	var waits []time.Duration
	for range 15 {
		g.failed(a, "anna")
		waits = append(waits, g.wait(a, ""))
	}
	want := []time.Duration{0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900}
	for i, d := range waits {
		if d != want[i]*time.Second {
			t.Errorf("after %d failures %v, want %v", i+1, d, want[i]*time.Second)
		}
	}
	if g.wait(b, "") != 0 || g.wait(b, "anna") != 15*time.Minute {
		t.Errorf("elsewhere: %v, as the user %v", g.wait(b, ""), g.wait(b, "anna"))
	}
	clk = fixed(start.Add(forgetAfter + time.Second))
	if g.failed(a, "anna"); g.wait(a, "anna") != 0 {
		t.Errorf("an hour later: %v", g.wait(a, "anna"))
	}
}

func TestGuardIsBounded(t *testing.T) {
	clk := fixed(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	g := newGuard(&clk)
	addr := netip.MustParseAddr("10.0.0.0")
	for i := range 2*guardEntries + 10 {
		addr = addr.Next()
		g.failed(addr, addr.String())
		g.succeeded(addr, addr.String())
		if i == guardEntries/2 {
			clk = fixed(time.Time(clk).Add(forgetAfter/2 + time.Second))
		}
	}
	for name, n := range map[string]int{"addresses": len(g.addrs), "users": len(g.users), "logins": len(g.known)} {
		if n > guardEntries || n == 0 {
			t.Errorf("%d %s", n, name)
		}
	}
	if g.wait(addr, addr.String()) != 0 || g.addrs[addr].count != 1 {
		t.Error("the latest failure is forgotten")
	}
}
