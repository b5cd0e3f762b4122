package parts

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func leaves(raw string) []string {
	var list []string
	Walk([]byte(strings.ReplaceAll(raw, "\n", "\r\n")), func(p *Part) bool {
		list = append(list, p.MediaType+": "+strings.TrimSpace(p.Text(1000)))
		return false
	})
	return list
}

func TestWalk(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      []string
	}{
		{"no header", "\nhej", []string{"text/plain: hej"}},
		{
			"nested", "Content-Type: multipart/report; boundary=a\n\nx\n--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--b\nContent-Type: text/html\n\n<p>2</p>\n--b--\n--a\nContent-Type: message/rfc822\n\nSubject: 3\n--a--\n",
			[]string{"text/plain: 1", "text/html: 2", "message/rfc822: Subject: 3"},
		},
		{"the boundary begins the body", "Content-Type: multipart/alternative;\n\nboundary=\"q\"\n\n--q\nContent-Type: text/plain\n\n1\n--q--\n", []string{"text/plain: 1"}},
		{"no boundary and no parts", "Content-Type: multipart/report; boundary=none\n\nwhat was\n--- a line\nsaid", []string{"text/plain: what was\n--- a line\nsaid"}},
		{"no end", "Content-Type: multipart/mixed; boundary=a\n\n--a\n\n1", []string{"text/plain: 1"}},
		{"parameters that are no MIME", "Content-Type: multipart/mixed; boundary=\"a b\"; x=y z\n\n--a b\n\n1\n--a b--", []string{"text/plain: 1"}},
		{"quoted-printable", "Content-Transfer-Encoding: quoted-printable\nContent-Type: text/plain; charset=iso-8859-1\n\nbrevl=E5da =\nfull", []string{"text/plain: brevlåda full"}},
		{"base64", "Content-Transfer-Encoding: base64\n\naGVq", []string{"text/plain: hej"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := leaves(c.raw); strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ charset, octets, want string }{
		{"iso-2022-jp", "\x1b$B%a!<%k\x1b(B", "メール"},
		{"", "\x1b$B%a!<%k\x1b(B", "メール"},
		{"shift_jis", "\x83\x81\x81[\x83\x8b", "メール"},
		{"koi8-r", "\xd0\xcf\xde\xd4\xc1", "почта"},
		{"gb2312", "\xd3\xca\xbc\xfe", "邮件"},
		{"iso-8859-2", "skrzynka pe\xb3na", "skrzynka pełna"},
		{"utf-8", "l\xe5da", "låda"}, // is not what it says
		{"x-unknown", "låda", "låda"},
	} {
		if got := decode([]byte(c.octets), c.charset); got != c.want {
			t.Errorf("%s: %q, want %q", c.charset, got, c.want)
		}
	}
}

func TestWalkIsBounded(t *testing.T) {
	var deep strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	if got := leaves(deep.String()); len(got) > 0 {
		t.Errorf("%d leaves below %d multiparts", len(got), MaxDepth)
	}
	if got := leaves("Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 1000)); len(got) >= MaxParts {
		t.Errorf("%d leaves", len(got))
	}
}

func FuzzWalk(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=koi8-r\n\n<p>x\n--b--\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		n := 0
		Walk(raw, func(p *Part) bool {
			n++
			if s := p.Text(1000); !utf8.ValidString(s) || len(s) > 4000 {
				t.Fatalf("text %q", s)
			}
			return false
		})
		if n > MaxParts {
			t.Fatalf("%d parts", n)
		}
	})
}
