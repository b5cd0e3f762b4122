package smtp

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestReadReply(t *testing.T) {
	tests := map[string]struct {
		in   string
		want Reply
	}{
		"one line":              {"250 Ok\r\n", Reply{250, "", "Ok"}},
		"enhanced":              {"550 5.1.1 No such user\r\n", Reply{550, "5.1.1", "No such user"}},
		"enhanced alone":        {"250 2.0.0\r\n", Reply{250, "2.0.0", ""}},
		"enhanced of no class":  {"250 5.1.1 odd\r\n", Reply{250, "", "5.1.1 odd"}},
		"number in text":        {"550 5.1 users\r\n", Reply{550, "", "5.1 users"}},
		"four digits":           {"550 5.1000.1 x\r\n", Reply{550, "", "5.1000.1 x"}},
		"code alone":            {"354\r\n", Reply{354, "", ""}},
		"bare LF":               {"250 Ok\n", Reply{250, "", "Ok"}},
		"lines":                 {"250-a\r\n250-b\r\n250 c\r\n", Reply{250, "", "a\nb\nc"}},
		"lines, enhanced":       {"550-5.7.1 a\r\n550 5.7.1 b\r\n", Reply{550, "5.7.1", "a\nb"}},
		"lines, last code wins": {"250-a\r\n550 b\r\n", Reply{550, "", "a\nb"}},
		"empty last line":       {"250-a\r\n250\r\n", Reply{250, "", "a\n"}},
		"control characters":    {"550 a\x00b\x1bc\r\n", Reply{550, "", "a?b?c"}},
		"not UTF-8":             {"550 \xe5ngstr\xf6m\r\n", Reply{550, "", "?ngstr?m"}},
		"UTF-8":                 {"550 Ångström\r\n", Reply{550, "", "Ångström"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := bufio.NewReader(strings.NewReader(tt.in + "NEXT"))
			got, err := ReadReply(r)
			if err != nil || got != tt.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tt.want)
			}
			if rest, _ := io.ReadAll(r); string(rest) != "NEXT" {
				t.Errorf("left %q unread", rest)
			}
		})
	}
}

func TestReadReplyRefuses(t *testing.T) {
	tests := map[string]struct {
		in   string
		want error
	}{
		"nothing":        {"", io.EOF},
		"half a line":    {"250 O", io.ErrUnexpectedEOF},
		"half a reply":   {"250-Ok\r\n", io.ErrUnexpectedEOF},
		"no code":        {"Hello\r\n", ErrMalformedReply},
		"code too low":   {"150 x\r\n", ErrMalformedReply},
		"code too high":  {"650 x\r\n", ErrMalformedReply},
		"no separator":   {"250x\r\n", ErrMalformedReply},
		"empty line":     {"\r\n", ErrMalformedReply},
		"line too long":  {"250 " + strings.Repeat("x", 5000) + "\r\n", ErrMalformedReply},
		"too many lines": {strings.Repeat("250-x\r\n", 200) + "250 x\r\n", ErrMalformedReply},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ReadReply(bufio.NewReader(strings.NewReader(tt.in)))
			if !errors.Is(err, tt.want) {
				t.Errorf("got %+v, %v, want %v", got, err, tt.want)
			}
		})
	}
}

func TestReadReplyKeepsBoundedText(t *testing.T) {
	in := strings.Repeat("550-"+strings.Repeat("x", 1000)+"\r\n", 100) + "550 end\r\n"
	got, err := ReadReply(bufio.NewReader(strings.NewReader(in)))
	if err != nil || got.Code != 550 || len(got.Text) > maxReplyText+maxReplyLines || len(got.Text) < 8000 {
		t.Errorf("got %d octets of text, code %d, %v", len(got.Text), got.Code, err)
	}
}

func FuzzReadReply(f *testing.F) {
	for _, s := range []string{"250 Ok\r\n", "250-a\r\n250 5.1.1 b\r\n", "550 \xff\x00\r\n", "250", "-\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ReadReply(bufio.NewReader(strings.NewReader(string(in))))
		if err != nil {
			return
		}
		if got.Code < 200 || got.Code > 599 || !utf8.ValidString(got.Text) || strings.ContainsAny(got.Text, "\r\x00") {
			t.Errorf("got %+v", got)
		}
		if got.Enhanced != "" && !ValidEnhanced(got.Enhanced) {
			t.Errorf("enhanced %q", got.Enhanced)
		}
	})
}
