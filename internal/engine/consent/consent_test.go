package consent

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/model"
)

var now = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

func links(t interface{ Fatal(...any) }, key byte) *Links {
	ring, err := keyring.New(bytes.Repeat([]byte{key}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return NewLinks(ring)
}

func TestTokensComeBack(t *testing.T) {
	l, others := links(t, 7), links(t, 8)
	rapid.Check(t, func(t *rapid.T) {
		c := Claim{
			Purpose: rapid.SampledFrom([]Purpose{Leave, Return}).Draw(t, "purpose"), Account: model.AccountID(rapid.Int64Range(1, 1<<40).Draw(t, "account")),
			Domain: model.DomainID(rapid.Int64Range(0, 1<<40).Draw(t, "domain")), Message: ident.ID(rapid.Int64Range(0, 1<<62).Draw(t, "message")),
			Tag: rapid.StringN(0, 30, 128).Draw(t, "tag"), Address: rapid.StringN(1, 60, 254).Draw(t, "address"),
		}
		if rapid.Bool().Draw(t, "expires") {
			c.Expires = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "in")) * time.Hour).Local()
		}
		token, err := l.Make(c)
		if err != nil || len(token) > MaxToken || strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			t.Fatalf("token %q, %v", token, err)
		}
		got, err := l.Read(token, c.Purpose, now)
		if err != nil || got != c {
			t.Fatalf("%+v came back as %+v, %v", c, got, err)
		}
		if _, err := l.Read(token, 'u'+'v'-c.Purpose, now); err != ErrToken {
			t.Fatalf("for another purpose: %v", err)
		}
		if _, err := others.Read(token, c.Purpose, now); err != ErrToken {
			t.Fatalf("under another key: %v", err)
		}
		i := rapid.IntRange(0, len(token)-1).Draw(t, "i")
		ch := rapid.SampledFrom([]byte("abcXYZ019-_=.")).Draw(t, "c")
		altered := token[:i] + string(ch) + token[i+1:]
		if _, err := l.Read(altered, c.Purpose, now); altered != token && err != ErrToken {
			t.Fatalf("altered %q was taken: %v", altered, err)
		}
	})
}

func TestTokensRunOut(t *testing.T) {
	l := links(t, 7)
	token, err := l.Make(Claim{Purpose: Return, Account: 1, Address: "anna@a.example", Expires: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Read(token, Return, now); err != nil {
		t.Errorf("in time: %v", err)
	}
	if c, err := l.Read(token, Return, now.Add(time.Second)); err != ErrExpired || c.Address != "anna@a.example" {
		t.Errorf("too late: %+v, %v", c, err)
	}
	for _, bad := range []string{"", "x", strings.Repeat("a", MaxToken), strings.Repeat("a", MaxToken+1), token + "\n", token[:20]} {
		if _, err := l.Read(bad, Return, now); err != ErrToken {
			t.Errorf("%q: %v", bad, err)
		}
	}
	again, err := l.Make(Claim{Purpose: Return, Account: 1, Address: "anna@a.example", Expires: now})
	if err != nil || again == token {
		t.Error("two tokens of one claim are alike, so that one tells of the other")
	}
}

func FuzzRead(f *testing.F) {
	l := links(f, 7)
	token, err := l.Make(Claim{Purpose: Leave, Account: 1, Address: "anna@a.example"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := l.Read(s, Leave, now); err == nil && s != token {
			t.Errorf("%q was taken", s)
		}
	})
}
