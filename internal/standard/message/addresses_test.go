package message

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want string // joined by spaces
	}{
		{"anna@skola.example", "anna@skola.example"},
		{"Anna Berg <anna@skola.example>", "anna@skola.example"},
		{`"Berg, Anna" <anna@skola.example>, bo@skola.example`, "anna@skola.example bo@skola.example"},
		{"Skolan (rektor) <info@skola.example> (inte (svar) )", "info@skola.example"},
		{"(a@b.example) info@skola.example", "info@skola.example"},
		{"skola.example <info@skola.example>", "info@skola.example"},
		{"info@skola.example <info@skola.example>", "info@skola.example"},
		{"=?windows-1252?Q?=C5sa?= <asa@skola.example>", "asa@skola.example"},
		{"=?x-unknown?q?a?= <a@b.example>", "a@b.example"},
		{"\xc5sa <asa@skola.example>", "asa@skola.example"},
		{"Åsa <åsa@skola.example>", "åsa@skola.example"},
		{"=?utf-8?q?a=40b.example=2C?= <c@d.example>", "c@d.example"}, // what is encoded has no meaning for the list, RFC 2047 5
		{"Lärare: a@b.example, B <b@b.example>;", "a@b.example b@b.example"},
		{"Inga:;, a@b.example", "a@b.example"},
		{"a@b.example,, ,", "a@b.example"}, // RFC 5322 4.4
		{"<@relay.example:a@b.example>", "a@b.example"},
		{"a@[192.0.2.1], <b@[IPv6:2001:db8::1]>, c@[IPv6:::1]", "a@[192.0.2.1] b@[IPv6:2001:db8::1] c@[IPv6:::1]"},
		{"\u2000a@b.example ", "\u2000a@b.example"}, // only space and tab are white space
		{`"<x@y.example>,"@b.example`, `"<x@y.example>,"@b.example`},
		{`"a\",b" <"c\">d"@e.example>`, `"c\">d"@e.example`},
	} {
		got, err := Addresses(tt.in)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("Addresses(%q) = %q, %v; want %s", tt.in, got, err, tt.want)
		}
	}
}

func TestAddressesSayWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", "there is no address"},
		{"Inga:;", "there is no address"},
		{",", "there is no address"},
		{"Berg, Anna <anna@skola.example>", `"Berg" is not an address; put a name with a comma in quotes`},
		{"<>", `"" is not an address`},
		{`"Anna <anna@skola.example>`, "a quote is not closed"},
		{"Anna (x <anna@skola.example>", "a comment is not closed"},
		{"Anna <anna@skola.example", "an angle bracket is not closed"},
		{"a@[192.0.2.1", "a square bracket is not closed"},
		{"<a@b.example> <c@d.example>", "two addresses without a comma"},
		{"<a@b.example> c@d.example", `"c@d.example" stands behind an address`},
		{"<a@b.example<c@d.example>>", `'<' stands within angle brackets`},
		{"G: a@b.example", "a group is not closed"},
		{"G: H: a@b.example;", "a colon stands where no group can begin"},
		{"a@b.example;", "a semicolon ends no group"},
	} {
		if got, err := Addresses(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Addresses(%q) = %q, %v; want an error with %s", tt.in, got, err, tt.want)
		}
	}
}

// FuzzAddresses compares with net/mail: what both read must be the same addresses, or one reader could be shown
// another sender than the one that was checked.
func FuzzAddresses(f *testing.F) {
	for _, s := range []string{
		"a@b.example", "A <a@b.example>, c@d.example", `"x, y" <a@b.example>`, "G: a@b, c@d;", "a@[192.0.2.1]", "(c) <a@b.example> (d)",
		`"a\"b"@c.example`, "=?utf-8?q?a?= <a@b.example>", "<@x:a@b>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Addresses(s)
		if err != nil {
			if got != nil || err.Error() == "" {
				t.Errorf("Addresses(%q) = %q, %v", s, got, err)
			}
			return
		}
		theirs, err := mail.ParseAddressList(s)
		if err != nil || len(theirs) == 0 {
			return
		}
		var want []string
		for _, a := range theirs {
			want = append(want, a.Address)
		}
		plain := make([]string, len(got))
		for i, a := range got {
			if plain[i] = a; strings.ContainsAny(a, "\" \t\r\n\\()") {
				return // net/mail gives the local part without its quotes
			}
		}
		if d := cmp.Diff(want, plain); d != "" {
			t.Errorf("Addresses(%q) (-net/mail +ours):\n%s", s, d)
		}
	})
}
