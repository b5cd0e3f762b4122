package listheaders

import (
	"strings"
	"testing"
)

func TestFields(t *testing.T) {
	want := Unsubscribe{URI: "https://mail.example.org/u/abc_-1", Mailto: "mailto:unsubscribe@bounce.example.org?subject=abc_-1"}
	var raw strings.Builder
	for _, f := range want.Fields() {
		raw.Write(f.Raw)
	}
	if got := raw.String(); got != "List-Unsubscribe: <https://mail.example.org/u/abc_-1>,\r\n <mailto:unsubscribe@bounce.example.org?subject=abc_-1>\r\n"+
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" {
		t.Errorf("%q", got)
	}
}
