package listheaders

import (
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/message"
)

func TestFieldsComeBack(t *testing.T) {
	want := Unsubscribe{URI: "https://mail.example.org/u/abc_-1", Mailto: "mailto:unsubscribe@bounce.example.org?subject=abc_-1"}
	var raw strings.Builder
	for _, f := range want.Fields() {
		raw.Write(f.Raw)
	}
	if got := raw.String(); got != "List-Unsubscribe: <https://mail.example.org/u/abc_-1>,\r\n <mailto:unsubscribe@bounce.example.org?subject=abc_-1>\r\n"+
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" {
		t.Errorf("%q", got)
	}
	h, err := message.Parse([]byte(raw.String()))
	if got, oneClick := Read(h); err != nil || got != want || !oneClick {
		t.Errorf("%+v, %v, %v", got, oneClick, err)
	}
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		header, uri, mailto string
		oneClick            bool
	}{
		{"", "", "", false},
		{"List-Unsubscribe: <mailto:leave@list.example>\r\n", "", "mailto:leave@list.example", false},
		{"List-Unsubscribe: <mailto:a@b.example>, <https://b.example/x>\r\n", "https://b.example/x", "mailto:a@b.example", false},
		{"list-unsubscribe: (how) <HTTPS://b.example/\r\n x?y>\r\nlist-unsubscribe-post: list-unsubscribe=one-click\r\n", "HTTPS://b.example/x?y", "", true},
		{"List-Unsubscribe: <https://first.example>, <https://second.example>\r\nList-Unsubscribe-Post: yes\r\n", "https://first.example", "", false},
		{"List-Unsubscribe: https://b.example/x\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", "", false},
		{"List-Unsubscribe: <ftp://b.example>, <https://b.example\r\n", "", "", false},
	} {
		h, err := message.Parse([]byte(tt.header))
		if err != nil {
			t.Fatal(err)
		}
		if u, oneClick := Read(h); u.URI != tt.uri || u.Mailto != tt.mailto || oneClick != tt.oneClick {
			t.Errorf("%q: %+v, %v", tt.header, u, oneClick)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("<https://a.example>, <mailto:b@c.example>", OneClick)
	f.Fuzz(func(t *testing.T, value, post string) {
		h := message.Header{{Name: UnsubscribeName, Raw: []byte(UnsubscribeName + ": " + value)}, {Name: PostName, Raw: []byte(PostName + ": " + post)}}
		u, oneClick := Read(h)
		if strings.ContainsAny(u.URI+u.Mailto, "<> \t\r\n") && !strings.Contains(u.URI+u.Mailto, "<") || oneClick && u.URI == "" {
			t.Errorf("%q gives %+v", value, u)
		}
	})
}
