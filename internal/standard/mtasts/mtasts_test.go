package mtasts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/standard/mtasts"
)

func TestParseRecord(t *testing.T) {
	for _, tt := range []struct {
		name string
		txt  []string
		id   string
		want string // of the error
	}{
		{"as in the standard", []string{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z", ""},
		{"no closing semicolon, spaces", []string{"v=STSv1 ;  id=a1"}, "a1", ""},
		{"others beside it", []string{"v=spf1 -all", "v=STSv1; id=a1", "v=STSv2; id=b"}, "a1", ""},
		{"unknown fields", []string{"v=STSv1; x=y; id=a1; id=b2"}, "a1", ""},
		{"none", nil, "", "there is no MTA-STS record"},
		{"another text", []string{"hello"}, "", "there is no MTA-STS record"},
		{"two", []string{"v=STSv1; id=a", "v=STSv1; id=b"}, "", "there are 2 MTA-STS records"},
		{"no id", []string{"v=STSv1;"}, "", `the id of the MTA-STS record is ""`},
		{"a bad id", []string{"v=STSv1; id=2026-11-24"}, "", `is "2026-11-24"`},
		{"a long id", []string{"v=STSv1; id=" + strings.Repeat("a", 33)}, "", "write 1 to 32"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := mtasts.ParseRecord(tt.txt)
			check(t, err, tt.want)
			if r.ID != tt.id {
				t.Errorf("id %q, want %q", r.ID, tt.id)
			}
		})
	}
}

func check(t *testing.T, err error, want string) {
	t.Helper()
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

const good = "version: STSv1\nmode: enforce\nmx: mail.example.org\nmx: *.example.net\nmax_age: 604800\n"

func TestParsePolicy(t *testing.T) {
	long := strings.Repeat("x: y\n", mtasts.MaxPolicy/5)
	for _, tt := range []struct{ name, text, want string }{
		{"good", good, ""},
		{"CRLF", strings.ReplaceAll(good, "\n", "\r\n"), ""},
		{"no spaces, no line end", strings.TrimSpace(strings.ReplaceAll(good, ": ", ":")), ""},
		{"unknown and repeated fields", "x: y\n" + good + "mode: none\n", ""},
		{"empty", "", "the policy's version"},
		{"HTML", "<html>", "line 1 of the policy"},
		{"another version", strings.Replace(good, "STSv1", "STSv2", 1), `version is "STSv2"`},
		{"no mode", strings.Replace(good, "mode", "node", 1), `mode is ""`},
		{"a bad mode", strings.Replace(good, "enforce", "force", 1), `mode is "force"`},
		{"no mx", "version: STSv1\nmode: testing\nmax_age: 1\n", "names no mx"},
		{"an mx that is none", good + "mx: mail.*.example.org\n", "line 6 of the policy"},
		{"an address", good + "mx: user@example.org\n", "line 6 of the policy"},
		{"no age", strings.Replace(good, "604800", "", 1), `max_age is ""`},
		{"negative", strings.Replace(good, "604800", "-1", 1), `max_age is "-1"`},
		{"too long an age", strings.Replace(good, "604800", "31557601", 1), "at most 31557600"},
		{"many mx", good + strings.Repeat("mx: a.example\n", 1000), "more than 1000 lines"},
		{"long", good + long, "longer than 65536 octets"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := mtasts.ParsePolicy(tt.text)
			check(t, err, tt.want)
			if tt.want == "" && (p.Mode != mtasts.Enforce || len(p.MX) != 2 || p.MaxAge != 7*24*time.Hour) {
				t.Errorf("%+v", p)
			}
		})
	}
	if p, err := mtasts.ParsePolicy("version: STSv1\nmode: none\nmax_age: 86400\n"); err != nil || p.Mode != mtasts.None {
		t.Errorf("mode none: %+v, %v", p, err)
	}
}

func TestAllows(t *testing.T) {
	p, err := mtasts.ParsePolicy(good)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"mail.example.org": true, "MAIL.Example.org.": true, "mx1.example.net": true, "example.net": false, "a.mx1.example.net": false,
		"xexample.net": false, "mx.mail.example.org": false, "": false, "mail.example.com": false,
	} {
		if got := p.Allows(host); got != want {
			t.Errorf("%q: %v, want %v", host, got, want)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(good)
	f.Add("version: STSv1\r\nmode: none\r\nmax_age: 1\r\nmx: *.a\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := mtasts.ParsePolicy(text)
		if err != nil {
			return
		}
		if p.MaxAge < 0 || p.MaxAge > mtasts.MaxAge || p.Mode != mtasts.None && len(p.MX) == 0 {
			t.Fatalf("%+v", p)
		}
		for _, mx := range p.MX {
			if !p.Allows(strings.Replace(mx, "*", "a", 1)) {
				t.Fatalf("%q does not allow itself", mx)
			}
		}
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add("v=STSv1; id=20160831085700Z;")
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := mtasts.ParseRecord([]string{text}); err == nil && (r.ID == "" || len(r.ID) > 32) {
			t.Fatalf("%q", r.ID)
		}
	})
}
