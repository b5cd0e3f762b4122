package sasl

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// pencil is the verifier of RFC 7677 3: user "user", password "pencil".
func pencil(t testing.TB) Verifier {
	t.Helper()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	v, err := derive("pencil", salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func users(t testing.TB) LookUp {
	v := pencil(t)
	return func(name string) (Verifier, error) {
		switch name {
		case "user", "a,b=c":
			return v, nil
		case "broken":
			return Verifier{}, io.ErrClosedPipe
		}
		return Decoy([]byte("secret"), name), nil
	}
}

// An exchange is what a client says and hears in turn: "-" is no initial response. It ends with "done", "failed",
// "malformed" or another error's text.
func TestExchanges(t *testing.T) {
	find := users(t)
	tests := []struct {
		name, mechanism string
		exchange        string // steps parted by |
		user            string
	}{
		{"plain", Plain, "\x00user\x00pencil|done", "user"},
		{"plain, asked for", Plain, "-||\x00user\x00pencil|done", "user"},
		{"plain, wrong", Plain, "\x00user\x00pen|failed", "user"},
		{"plain, empty password", Plain, "\x00user\x00|failed", "user"},
		{"plain, unknown", Plain, "\x00nobody\x00pencil|failed", "nobody"},
		{"plain, as oneself", Plain, "user\x00user\x00pencil|done", "user"},
		{"plain, as another", Plain, "root\x00user\x00pencil|failed", "user"},
		{"plain, store broken", Plain, "\x00broken\x00pencil|io: read/write on closed pipe", "broken"},
		{"plain, no NUL", Plain, "user|malformed", ""},
		{"plain, empty", Plain, "|malformed", ""},
		{"plain, more NULs", Plain, "\x00user\x00pen\x00cil|malformed", ""},
		{"plain, no name", Plain, "\x00\x00pencil|malformed", ""},
		{"plain, name too long", Plain, "\x00" + strings.Repeat("u", 256) + "\x00pencil|malformed", ""},
		{"plain, password too long", Plain, "\x00user\x00" + strings.Repeat("p", 1025) + "|malformed", "user"},
		{"plain, no UTF-8", Plain, "\x00\xff\x00pencil|malformed", ""},
		{"login", Login, "-|Username:|user|Password:|pencil|done", "user"},
		{"login, initial response", "login", "user|Password:|pencil|done", "user"},
		{"login, wrong", Login, "user|Password:|pen|failed", "user"},
		{"login, control in name", Login, "us\ner|malformed", ""},
		{"login, empty name", Login, "|malformed", ""},
		{"scram, wrong", ScramSHA256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO|r=*|c=biws,r=x,p=" + strings.Repeat("A", 43) + "=|failed", "user"},
		{"scram, no proof", ScramSHA256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO|r=*|c=biws,r=x|malformed", "user"},
		{"scram, short proof", ScramSHA256, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO|r=*|c=biws,r=x,p=AAAA|malformed", "user"},
		{"scram, name with comma", ScramSHA256, "n,,n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO|r=*|*|malformed", "a,b=c"},
		{"scram, as oneself", ScramSHA256, "n,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO|r=*|*|malformed", "a,b=c"},
		{"scram, as another", ScramSHA256, "n,a=root,n=user,r=rOprNGfwEbeRWgbNEkqO|failed", ""},
		{"scram, bad escape", ScramSHA256, "n,,n=a=2cb,r=rOprNGfwEbeRWgbNEkqO|malformed", ""},
		{"scram, extension", ScramSHA256, "n,,m=x,n=user,r=rOprNGfwEbeRWgbNEkqO|malformed", ""},
		{"scram, no nonce", ScramSHA256, "n,,n=user|malformed", ""},
		{"scram, no binding to be had", ScramSHA256, "y,,n=user,r=rOprNGfwEbeRWgbNEkqO|r=*|*|malformed", "user"},
		{"scram, binding without plus", ScramSHA256, "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO|malformed", ""},
		{"scram, store broken", ScramSHA256, "n,,n=broken,r=rOprNGfwEbeRWgbNEkqO|io: read/write on closed pipe", "broken"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, ok := New(tt.mechanism, find, rand.Reader, nil)
			if !ok {
				t.Fatal("not offered")
			}
			steps := strings.Split(tt.exchange, "|")
			for len(steps) > 1 {
				var response []byte
				if steps[0] != "-" {
					response = []byte(steps[0])
				}
				challenge, done, err := m.Next(response)
				got := string(challenge)
				switch {
				case errors.Is(err, ErrFailed):
					got = "failed"
				case errors.Is(err, ErrMalformed):
					got = "malformed"
				case err != nil:
					got = err.Error()
				case done:
					got = "done"
				}
				if prefix, open := strings.CutSuffix(steps[1], "*"); got != steps[1] && !(open && strings.HasPrefix(got, prefix)) {
					t.Fatalf("after %q: %q, want %q", steps[0], got, steps[1])
				}
				steps = steps[2:]
			}
			if m.Username() != tt.user {
				t.Errorf("user %q, want %q", m.Username(), tt.user)
			}
		})
	}
}

func TestOffered(t *testing.T) {
	for name, want := range map[string][2]bool{
		Plain: {true, true}, "login": {true, true}, "Scram-Sha-256": {true, true}, ScramSHA256Plus: {false, true}, "CRAM-MD5": {}, "": {},
	} {
		_, without := New(name, nil, nil, nil)
		_, with := New(name, nil, nil, Binding("x"))
		if without != want[0] || with != want[1] {
			t.Errorf("%q: without binding %v, with %v", name, without, with)
		}
	}
}

// The dialogue of RFC 7677 3. The server's part of the nonce there is no base64, so it is set by hand.
func TestScramOfRFC7677(t *testing.T) {
	const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	s := &scram{find: users(t), random: rand.Reader}
	if c, done, err := s.Next(nil); string(c) != "" || done || err != nil {
		t.Fatalf("at first %q, %v, %v", c, done, err)
	}
	c, _, err := s.Next([]byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"))
	if err != nil || !strings.HasPrefix(string(c), "r=rOprNGfwEbeRWgbNEkqO") || !strings.HasSuffix(string(c), ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096") {
		t.Fatalf("server first %q, %v", c, err)
	}
	s.serverFirst, s.nonce = "r="+nonce+",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", nonce
	c, done, err := s.Next([]byte("c=biws,r=" + nonce + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="))
	if string(c) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" || done || err != nil {
		t.Fatalf("server final %q, %v, %v", c, done, err)
	}
	if _, done, err := s.Next([]byte{}); !done || err != nil || s.Username() != "user" {
		t.Errorf("at last %v, %v, user %q", done, err, s.Username())
	}
	if _, _, err := s.Next([]byte{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("afterwards %v", err)
	}
}

func TestScramFlags(t *testing.T) {
	find := users(t)
	for _, tt := range []struct {
		mechanism string
		binding   Binding
		flag      string
		want      error
	}{
		{ScramSHA256, nil, "n", nil},
		{ScramSHA256, nil, "y", nil},
		{ScramSHA256, Binding("x"), "n", nil}, // a client that cannot bind
		{ScramSHA256, Binding("x"), "y", ErrFailed},
		{ScramSHA256Plus, Binding("x"), "p=tls-exporter", nil},
		{ScramSHA256Plus, Binding("x"), "p=tls-unique", ErrMalformed},
		{ScramSHA256Plus, Binding("x"), "n", ErrMalformed},
		{ScramSHA256Plus, Binding("x"), "y", ErrFailed},
	} {
		m, ok := New(tt.mechanism, find, rand.Reader, tt.binding)
		if !ok {
			t.Fatal(tt.mechanism)
		}
		if _, _, err := m.Next([]byte(tt.flag + ",,n=user,r=rOprNGfwEbeRWgbNEkqO")); !errors.Is(err, tt.want) || err == nil != (tt.want == nil) {
			t.Errorf("%s with %q: %v, want %v", tt.mechanism, tt.flag, err, tt.want)
		}
	}
}

func TestVerifier(t *testing.T) {
	v, err := NewVerifier(rand.Reader, "lösenord")
	if err != nil || v.Iterations < 4096 || len(v.Salt) != saltSize || !v.Check("lösenord") || v.Check("losenord") || v.Check("") {
		t.Errorf("%+v, %v", v, err)
	}
	if w, err := NewVerifier(rand.Reader, "lösenord"); err != nil || bytes.Equal(v.Salt, w.Salt) || bytes.Equal(v.StoredKey, w.StoredKey) {
		t.Error("two verifiers of one password are alike")
	}
	if _, err := NewVerifier(iotest.ErrReader(io.ErrNoProgress), "x"); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("without random numbers: %v", err)
	}
}

// A user that does not exist must look like one that does: the same salt each time, the same work, no password.
func TestDecoy(t *testing.T) {
	a, again, b, other := Decoy([]byte("k"), "anna"), Decoy([]byte("k"), "anna"), Decoy([]byte("k"), "bo"), Decoy([]byte("l"), "anna")
	if !bytes.Equal(a.Salt, again.Salt) || bytes.Equal(a.Salt, b.Salt) || bytes.Equal(a.Salt, other.Salt) {
		t.Error("salts do not follow the name and the secret")
	}
	if v := pencil(t); len(a.Salt) != len(v.Salt) || len(a.StoredKey) != len(v.StoredKey) || len(a.ServerKey) != len(v.ServerKey) || a.Iterations != iterations {
		t.Errorf("a decoy looks like %+v", a)
	}
	if a.Check("") || a.Check("pencil") {
		t.Error("a decoy has a password")
	}
}

// FuzzMechanisms lets a client say anything. It is never taken for a user without the password.
func FuzzMechanisms(f *testing.F) {
	for i, s := range []string{
		"\x00user\x00pen", "user|pen", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO|c=biws,r=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=|",
		"p=tls-exporter,a=x,n=a=2Cb,r=rOprNGfwEbeRWgbNEkqO|c=,r=,p=", "y,,n=user", "|||", "n,,n=\xff,r=12345678",
	} {
		f.Add(byte(i), s)
	}
	v := Verifier{Salt: make([]byte, saltSize), Iterations: 1, StoredKey: make([]byte, 32), ServerKey: make([]byte, 32)}
	f.Fuzz(func(t *testing.T, which byte, says string) {
		name := []string{Plain, Login, ScramSHA256, ScramSHA256Plus}[which%4]
		find := func(user string) (Verifier, error) {
			if !validName(user) {
				t.Errorf("asks for %q", user)
			}
			return v, nil
		}
		m, _ := New(name, find, bytes.NewReader(make([]byte, nonceSize)), Binding("binding"))
		var response []byte
		for _, word := range append(strings.Split(says, "|"), "", "", "") {
			challenge, done, err := m.Next(response)
			if done {
				t.Fatalf("%s: %q has logged in", name, says)
			}
			if m.Username() != "" && !validName(m.Username()) {
				t.Errorf("user %q", m.Username())
			}
			if err != nil {
				if !errors.Is(err, ErrFailed) && !errors.Is(err, ErrMalformed) {
					t.Errorf("%s: %v", name, err)
				}
				return
			}
			if len(challenge) > 9000 {
				t.Errorf("challenge of %d octets", len(challenge))
			}
			response = []byte(word)
		}
	})
}
