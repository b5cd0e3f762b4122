package address

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// isemail is public test data that stands beside the repository.
const isemail = "../../../../shared/data/addresses/isemail.tsv"

// usable is the highest diagnosis of isemail that SMTP can carry, as the data's README says.
const usable = 15

func TestIsemailAddresses(t *testing.T) {
	data, err := os.ReadFile(isemail)
	if err != nil {
		t.Fatalf("the public test data is missing: %v", err)
	}
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n")[1:] {
		f := strings.Split(line, "\t")
		var addr string
		if err := json.Unmarshal([]byte(f[1]), &addr); err != nil {
			t.Fatalf("%s: %v", f[0], err)
		}
		value, _ := strconv.Atoi(f[4])
		seen++
		a, err := Parse(addr)
		want := value <= usable
		if (err == nil) != want {
			t.Errorf("%s %q (%s %d): %v, %v", f[0], addr, f[3], value, a, err)
		}
	}
	if seen < 160 {
		t.Errorf("only %d addresses", seen)
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"Anna.Berg@Skola.EXAMPLE", "Anna.Berg@skola.example"},
		{"anna@räksmörgås.example", "anna@xn--rksmrgs-5wao1o.example"},
		{"anna@XN--RKSMRGS-5WAO1O.example", "anna@xn--rksmrgs-5wao1o.example"},
		{"åsa@skola.example", "åsa@skola.example"},
		{`"anna"@skola.example`, "anna@skola.example"},
		{`"anna berg"@skola.example`, `"anna berg"@skola.example`},
		{`"a\"b\@c"@skola.example`, `"a\"b@c"@skola.example`},
		{"anna@[192.0.2.1]", "anna@[192.0.2.1]"},
		{"anna@[ipv6:2001:DB8::1]", "anna@[IPv6:2001:db8::1]"},
		{"anna+tag@a-b.example", "anna+tag@a-b.example"},
	} {
		a, err := Parse(tt.in)
		if err != nil || a.String() != tt.want {
			t.Errorf("Parse(%q) = %v, %v; want %s", tt.in, a, err, tt.want)
		}
	}
	if a, _ := Parse("åsa@skola.example"); !a.UTF8 {
		t.Error("a local part outside ASCII does not ask for SMTPUTF8")
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"anna", "no @"},
		{"@skola.example", "nothing before the @"},
		{"anna@", "no domain"},
		{"anna..berg@skola.example", "dot"},
		{"anna berg@skola.example", `' '`},
		{"anna@skola_example", "not a domain name"},
		{"anna@-skola.example", "not a domain name"},
		{"anna@skola..example", "not a domain name"},
		{`"anna@skola.example`, "no @"},
		{"anna@[192.0.2.300]", "address literal"},
		{"anna@[2001:db8::1]", "address literal"},
		{"anna@skola.example\r\nRCPT TO:<b@c.example>", "not a domain name"},
		{"an\x00na@skola.example", "character"},
		{strings.Repeat("a", 65) + "@skola.example", "65 octets"},
		{"a@" + strings.Repeat("aaaaaaaaa.", 26) + "example", "domain"},
		{"a\xff@b.example", "UTF-8"},
	} {
		if a, err := Parse(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q) = %v, %v; want an error with %q", tt.in, a, err, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a@b.example", `"a b"@c`, "a@[IPv6:::1]", "å@ä.ö", `"\"@b`, "a@xn--a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			return
		}
		text := a.String()
		if strings.ContainsAny(text, "\r\n\x00") || strings.ContainsAny(text, "<> ") && !strings.HasPrefix(text, `"`) || len(text) > MaxAddress || !utf8.ValidString(text) {
			t.Errorf("Parse(%q) = %q is not safe in a command", s, text)
		}
		again, err := Parse(text)
		if err != nil || again != a {
			t.Errorf("Parse(%q) = %v, again %v, %v", s, a, again, err)
		}
		// The mapping to A-labels happens once: what is stored as a name of a domain is found by it again.
		if d, err := ParseDomain(a.Domain); err != nil || d != a.Domain || !strings.EqualFold(d, DomainOf(text)) {
			t.Errorf("ParseDomain(%q) = %q, %v; DomainOf %q", a.Domain, d, err, DomainOf(text))
		}
	})
}
