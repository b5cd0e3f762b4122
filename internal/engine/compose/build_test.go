package compose

import (
	"bytes"
	"net/mail"
	"strings"
	"testing"
	"time"
)

func TestBuiltMessageGetsOneDateAndMessageID(t *testing.T) {
	d := NewDraft(1<<20, 0, nil)
	err := Build(d, &Content{From: &mail.Address{Name: "Åsa", Address: "a@school.example"}, Subject: "a   " + strings.Repeat("b", 70) + "    " + strings.Repeat("c", 70), Text: "Hej"})
	if err != nil {
		t.Fatal(err)
	}
	in, err := d.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := d.Finish(in, Stamp{MessageID: "<1@school.example>", Trace: Trace{Hostname: "mx.example", At: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Header["Date"]) != 1 || len(m.Header["Message-Id"]) != 1 || m.Header.Get("Message-Id") != "<1@school.example>" || m.Header["To"] != nil {
		t.Errorf("header %v", m.Header)
	}
	if want := "a " + strings.Repeat("b", 70) + " " + strings.Repeat("c", 70); m.Header.Get("Subject") != want {
		t.Errorf("Subject %q, want %q", m.Header.Get("Subject"), want)
	}
}
