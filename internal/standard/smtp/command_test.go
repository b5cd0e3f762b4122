package smtp

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestParseCommand(t *testing.T) {
	for line, want := range map[string]Command{
		"QUIT":                     {"QUIT", ""},
		"quit ":                    {"QUIT", ""},
		"MAIL FROM:<a@b>  SIZE=1 ": {"MAIL", "FROM:<a@b>  SIZE=1"},
		"NOOP\twith tab":           {"NOOP\tWITH", "tab"},
		"EHLO å.example":           {"EHLO", "å.example"},
		"":                         {},
		" QUIT":                    {},
		"QUIT\r":                   {},
		"QUIT\nNOOP":               {},
		"NOOP \x00":                {},
		"NOOP \x7f":                {},
	} {
		got, err := ParseCommand(line)
		if got != want || (err == nil) != (want.Verb != "") || err != nil && AsError(err).Code != 500 {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

func TestParsePath(t *testing.T) {
	tests := map[string]*Path{
		"FROM:<>":                            {},
		"from:<a@example.net>":               {Mailbox: "a@example.net"},
		"FROM:  <a@example.net>":             {Mailbox: "a@example.net"},
		`FROM:<"a b\">"@example.net> SIZE=1`: {Mailbox: `"a b\">"@example.net`, Params: []Param{{"SIZE", "1"}}},
		"FROM:<å@example.net> SMTPUTF8":      {Mailbox: "å@example.net", Params: []Param{{"SMTPUTF8", ""}}},
		"FROM:<@x,@y:a@example.net>":         {Mailbox: "a@example.net"},
		"FROM:<a@b>  size=1  x-y=a=b":        {Mailbox: "a@b", Params: []Param{{"SIZE", "1"}, {"X-Y", "a=b"}}},
		"FROM:<a b@c>":                       {Mailbox: "a b@c"}, // what a mailbox is, package address knows
		"FROM":                               nil,
		"FROM:":                              nil,
		"FROM <a@b>":                         nil,
		"TO:<a@b>":                           nil,
		"FROM:a@b":                           nil,
		"FROM:<a@b":                          nil,
		"FROM:<<a@b>>":                       nil,
		`FROM:<"a@b>`:                        nil,
		"FROM:<@x>":                          nil,
		"FROM:<a@b>SIZE=1":                   nil,
		"FROM:<a@b> =1":                      nil,
		"FROM:<a@b> -X=1":                    nil,
		"FROM:<a@b> SIZE=1 size=2":           nil,
	}
	for in, want := range tests {
		got, err := ParsePath(in, "FROM")
		if want == nil {
			if err == nil || AsError(err).Code != 501 {
				t.Errorf("%q: %+v, %v", in, got, err)
			}
			continue
		}
		if diff := cmp.Diff(*want, got); diff != "" || err != nil {
			t.Errorf("%q: %v\n%s", in, err, diff)
		}
	}
}

func TestXtextComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[ -~]*`).Draw(t, "s")
		x := string(AppendXtext(nil, s))
		if got, err := DecodeXtext(x); err != nil || got != s {
			t.Fatalf("%q came back from %q as %q, %v", s, x, got, err)
		}
	})
}

func TestDecodeXtext(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "a+2Bb+3D": "a+b=", "+20": " ", "~!": "~!",
		"a=b": "!", "a b": "!", "+2b": "!", "+": "!", "+2": "!", "+GG": "!", "a+0Ab": "!", "+7F": "!", "+C3+A5": "!", "å": "!",
	} {
		got, err := DecodeXtext(in)
		if (want == "!" && in != "~!") != (err != nil) || err == nil && got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestParseORcpt(t *testing.T) {
	for in, want := range map[string][2]string{
		"rfc822;a+2Bb@example.org":           {"rfc822", "a+b@example.org"},
		"utf-8;åsa@example.org":              {"utf-8", "åsa@example.org"},
		"UTF-8;\\x{E5}sa@example.org":        {"UTF-8", "\\x{E5}sa@example.org"},
		"x400;/C=se":                         {},
		"rfc822;åsa@example.org":             {},
		"utf-8;\xff":                         {},
		"utf-8;a\u0085b":                     {},
		"rfc822;a+0D+0ABcc:x":                {},
		"rfc822":                             {},
		";a@example.org":                     {},
		"rfc822;":                            {},
		"rfc 822;a":                          {},
		"rfc822;" + strings.Repeat("a", 500): {},
	} {
		kind, address, err := ParseORcpt(in)
		if (err == nil) != (want[0] != "") || err == nil && (kind != want[0] || address != want[1]) {
			t.Errorf("%q: %q %q, %v", in, kind, address, err)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	for _, s := range []string{
		"EHLO x", "MAIL FROM:<a@b> SIZE=1 BODY=8BITMIME", `RCPT TO:<"a\">"@b> ORCPT=rfc822;a+2Bb`, "MAIL FROM:<@a,@b:c@d>", "RCPT TO:<\xff>", "mail from:<>", "\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		cmd, err := ParseCommand(line)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if strings.ContainsAny(cmd.Verb+cmd.Rest, "\r\n\x00") || cmd.Verb == "" {
			t.Errorf("command %+v", cmd)
		}
		for _, keyword := range []string{"FROM", "TO"} {
			p, err := ParsePath(cmd.Rest, keyword)
			if err != nil {
				checkRefusal(t, err)
				continue
			}
			// Written out again it says the same.
			again := keyword + ":<" + p.Mailbox + ">"
			for _, q := range p.Params {
				if again += " " + q.Key; q.Value != "" {
					again += "=" + q.Value
				}
				if _, err := DecodeXtext(q.Value); err != nil {
					checkRefusal(t, err)
				}
				if _, address, err := ParseORcpt(q.Value); err != nil {
					checkRefusal(t, err)
				} else if !utf8.ValidString(address) || strings.ContainsAny(address, "\r\n\x00") {
					t.Errorf("ORCPT %q", address)
				}
			}
			if strings.HasPrefix(p.Mailbox, "@") {
				continue // what followed a source route looks like another one
			}
			if q, err := ParsePath(again, keyword); err != nil || !reflect.DeepEqual(p, q) {
				t.Errorf("%q: %+v, again %q: %+v, %v", line, p, again, q, err)
			}
		}
	})
}

func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if e := AsError(err); e.Code < 500 || e.Class != Permanent || !ValidEnhanced(e.Enhanced) || e.Text == "" {
		t.Errorf("refusal %#v", e)
	}
}

func TestError(t *testing.T) {
	inner := Errorf(550, "5.7.1", "Two\nlines")
	if inner.Error() != "550 5.7.1 Two lines" || inner.Class != Permanent {
		t.Errorf("%v, %s", inner, inner.Class)
	}
	outer := Wrap(inner, 451, "4.3.0", "Later")
	if outer.Error() != "451 4.3.0 Later: 550 5.7.1 Two lines" || outer.Class != Temporary || outer.Unwrap() != error(inner) {
		t.Errorf("%v, %s", outer, outer.Class)
	}
	if e := AsError(strings.NewReader("").UnreadByte()); e.Code != 451 || e.Err == nil {
		t.Errorf("unknown: %v", e)
	}
	if AsError(outer) != outer {
		t.Error("an *Error is not kept")
	}
}
