package message

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, tt := range []struct {
		name, block string
		want        [][2]string // name, value
	}{
		{"nothing", "", nil},
		{"one field", "From: a@b.example\r\n", [][2]string{{"From", "a@b.example"}}},
		{"folded by space and tab", "Subject: one\r\n two\r\n\tthree\r\nTo: x\r\n", [][2]string{{"Subject", "one two\tthree"}, {"To", "x"}}},
		{"a folded line of white space alone, RFC 5322 4.2", "Subject: a\r\n \r\nTo: x\r\n", [][2]string{{"Subject", "a"}, {"To", "x"}}},
		{"space before the colon, RFC 5322 4.5", "From \t: a\r\n", [][2]string{{"From", "a"}}},
		{"empty value", "Subject:\r\nTo: \r\n", [][2]string{{"Subject", ""}, {"To", ""}}},
		{"colons in the value", "X-A: b: c\r\n", [][2]string{{"X-A", "b: c"}}},
		{"a line over 998 octets", "X: " + long + "\r\n", [][2]string{{"X", long}}},
		{"the last line has no end", "A: b\r\nC: d", [][2]string{{"A", "b"}, {"C", "d"}}},
		{"octets above 127", "Subject: \xe5\r\n", [][2]string{{"Subject", "\xe5"}}},
	} {
		h, err := Parse([]byte(tt.block))
		if err != nil || len(h) != len(tt.want) {
			t.Errorf("%s: %d fields, %v; want %d", tt.name, len(h), err, len(tt.want))
			continue
		}
		var all []byte
		for i, f := range h {
			if f.Name != tt.want[i][0] || f.Value() != tt.want[i][1] {
				t.Errorf("%s: field %d is %q: %q", tt.name, i, f.Name, f.Value())
			}
			all = append(all, f.Raw...)
		}
		if string(all) != tt.block {
			t.Errorf("%s: the fields together are %q", tt.name, all)
		}
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	for _, tt := range []struct{ block, want string }{
		{"A: b\r\nC: d\r\n e\r\nnonsense\r\n", `header line 4: "nonsense\r\n" is not a header field: there is no name and colon`},
		{" folded: at once\r\n", "header line 1: \" folded: at once\\r\\n\" is not a header field: its name has a space"},
		{": no name\r\n", "header line 1"},
		{"My Field: x\r\n", "its name has a space or a special character"},
		{"From anna Mon Nov 23 09:00:00 2026\r\n", "its name has a space"},
		{"N\xe5: x\r\n", "special character"},
	} {
		if h, err := Parse([]byte(tt.block)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q) = %v, %v; want an error with %s", tt.block, h, err, tt.want)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	for name, block := range map[string][]byte{
		"octets": append(bytes.Repeat([]byte("a"), MaxHeader), ": b\r\n"...),
		"fields": bytes.Repeat([]byte("A: b\r\n"), MaxFields+1),
	} {
		if _, err := Parse(block); !errors.Is(err, ErrTooLong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if h, err := Parse(bytes.Repeat([]byte("A: b\r\n"), MaxFields)); err != nil || len(h) != MaxFields {
		t.Errorf("%d fields, %v", len(h), err)
	}
}

func TestHeader(t *testing.T) {
	h, err := Parse([]byte("Received: 1\r\nSubject: s\r\nreceived: 2\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if h.Get("RECEIVED") != "1" || h.Get("To") != "" || !h.Has("subject") || h.Has("To") || len(h.All("Received")) != 2 || len(h.All("To")) != 0 {
		t.Errorf("%v", h)
	}
}

func TestDecode(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", "plain"},
		{"Närvaro", "Närvaro"},
		{"=?utf-8?q?N=C3=A4rvaro?= vecka 47", "Närvaro vecka 47"},
		{"=?UTF-8?B?csOka3Ntw7ZyZ8Olcw==?=", "räksmörgås"},
		{"=?iso-8859-1?Q?=C5sa_=D6berg?=", "Åsa Öberg"},
		{"=?windows-1252?Q?5_=80?=", "5 €"},
		{"=?utf-8?q?sm=C3?= =?utf-8?q?=B6r?=", "smör"}, // broken writers split within a character
		{"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"},          // RFC 2047 6.2: white space between encoded words does not count
		{"=?x-unknown?q?a?=", "=?x-unknown?q?a?="},
		{"=?utf-8?q?a", "=?utf-8?q?a"},
		{"=?utf-8?x?a?=", "=?utf-8?x?a?="},
		{"=?utf-8?b?!!!?=", "=?utf-8?b?!!!?="},
		{"=?utf-8?q?=FF?=", "\ufffd"},
		{"N\xe4rvaro", "Närvaro"}, // Latin-1 without any encoding
	} {
		if got := Decode(tt.in); got != tt.want {
			t.Errorf("Decode(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"kort", "Subject: kort\r\n"},
		{"", "Subject: \r\n"},
		{"två ord", "Subject: =?utf-8?q?tv=C3=A5_ord?=\r\n"},
		{"a\r\nBcc: b@c.example", "Subject: a Bcc: b@c.example\r\n"},
		{"a\x00b", "Subject: =?utf-8?q?a=00b?=\r\n"},
		{
			strings.Repeat("abcdefghi ", 9) + "slut", "Subject: abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi abcdefghi\r\n" +
				" abcdefghi abcdefghi slut\r\n",
		},
	} {
		if got := string(Fold("Subject", tt.value)); got != tt.want {
			t.Errorf("Fold(%q) =\n%q, want\n%q", tt.value, got, tt.want)
		}
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"a", "räksmörgås", strings.Repeat("ord ", 60), strings.Repeat("å", 200), "a  b", strings.Repeat(" ", 99) + "x", "\x00\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		raw := Fold("Subject", value)
		h, err := Parse(raw)
		if err != nil || len(h) != 1 {
			t.Fatalf("Fold(%q) = %q: %d fields, %v", value, raw, len(h), err)
		}
		for _, line := range strings.SplitAfter(strings.TrimSuffix(string(raw), "\r\n"), "\r\n") {
			if strings.TrimSpace(line) == "" {
				t.Errorf("Fold(%q) = %q has a line of white space", value, raw)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "A: b\r\n", "A: b\r\n c\r\nD : e", "\r\n", " x", "A:\n", ":", "From: =?utf-8?q?=C3=A5?= <a@b>\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		h, err := Parse(block)
		if err != nil {
			if !errors.Is(err, ErrTooLong) && !strings.Contains(err.Error(), "header") {
				t.Errorf("Parse(%q): %v", block, err)
			}
			return
		}
		var all []byte
		for _, f := range h {
			all = append(all, f.Raw...)
			if f.Name == "" || strings.ContainsAny(f.Name, " \t\r\n:") {
				t.Errorf("name %s", strconv.Quote(f.Name))
			}
			Decode(f.Value())
			if got := h.Get(f.Name); got == "" && f.Value() != "" && len(h.All(f.Name)) == 1 {
				t.Errorf("Get(%q) does not find %q", f.Name, f.Value())
			}
		}
		if !bytes.Equal(all, block) {
			t.Errorf("Parse(%q) lost octets: %q", block, all)
		}
	})
}
