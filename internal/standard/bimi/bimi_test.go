package bimi_test

import (
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/bimi"
)

func TestParse(t *testing.T) {
	const logo, mark = "https://example.org/logo.svg", "https://example.org/mark.pem"
	for _, tt := range []struct {
		txt  string
		want bimi.Record
		err  string
	}{
		{"v=BIMI1; l=" + logo, bimi.Record{Logo: logo}, ""},
		{"v=BIMI1; l=" + logo + "; a=" + mark + ";", bimi.Record{Logo: logo, Evidence: mark}, ""},
		{"v = BIMI1 ; L = " + logo + " ; avp=brand", bimi.Record{Logo: logo}, ""},
		{"v=BIMI1; l=; a=;", bimi.Record{}, ""},
		{"v=BIMI1; l=", bimi.Record{}, ""},
		{"v=BIMI1; a=" + mark, bimi.Record{}, "names no logo"},
		{"v=BIMI1", bimi.Record{}, "names no logo"},
		{"v=BIMI2; l=" + logo, bimi.Record{}, "this is not a BIMI record"},
		{"v=spf1 -all", bimi.Record{}, "this is not a BIMI record"},
		{"v=BIMI1; l=http://example.org/logo.svg", bimi.Record{}, "is not an https address"},
		{"v=BIMI1; l=logo.svg", bimi.Record{}, "is not an https address"},
		{"v=BIMI1; l=https://", bimi.Record{}, "is not an https address"},
		{"v=BIMI1; l=" + logo + "; l=" + logo, bimi.Record{}, "l stands twice"},
	} {
		got, err := bimi.Parse(tt.txt)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %+v, %v; want %+v, %q", tt.txt, got, err, tt.want, tt.err)
		}
		if err == nil && got.Declined() != (got.Logo == "") {
			t.Errorf("%s: declined %v", tt.txt, got.Declined())
		}
	}
	if got := bimi.RecordName("", "example.org"); got != "default._bimi.example.org" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=BIMI1; l=https://example.org/logo.svg; a=https://example.org/mark.pem")
	f.Add("v=BIMI1;l=;a=")
	f.Fuzz(func(t *testing.T, txt string) {
		r, err := bimi.Parse(txt)
		if err == nil && r.Logo != "" && !strings.HasPrefix(strings.ToLower(r.Logo), "https:") {
			t.Fatalf("%q: %+v", txt, r)
		}
	})
}
