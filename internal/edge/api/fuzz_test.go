package api

import (
	"bytes"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/flow/submit"
)

func FuzzReplace(f *testing.F) {
	f.Add("%recipient.namn% %recipient% %recipient.x%%", `{"a@example.net":{"namn":"Åsa","x":7}}`)
	f.Add("%recipient.%recipient%", `{"a@example.net":{"":null,"a":{"b":[1]}}}`)
	f.Fuzz(func(t *testing.T, text, given string) {
		vs, err := parseVariables(given)
		if err != nil {
			return
		}
		values := vs["a@example.net"]
		out := replace(text, "a@example.net", values)
		if !strings.Contains(text, "%recipient") && out != text {
			t.Errorf("%q became %q", text, out)
		}
		if len(values) == 0 && strings.ReplaceAll(out, "a@example.net", "%recipient%") != strings.ReplaceAll(text, "a@example.net", "%recipient%") {
			t.Errorf("without values %q became %q", text, out)
		}
	})
}

// unlimited holds whatever is asked for, and counts it.
type unlimited struct {
	Submitter
	held int64
}

func (u *unlimited) Hold(octets int64) (func(), error) {
	u.held += octets
	return func() { u.held -= octets }, nil
}

func FuzzForm(f *testing.F) {
	for _, p := range []pairs{simple("o:tag", "a", "v:x", "y"), simple("attachment=å.txt", "x", "recipient-variables", "{}"), {"to", "a@example.net", "message=m", "From: a@b\n\nx"}} {
		for _, form := range []func() (string, []byte){p.multipart, p.urlencoded} {
			contentType, body := form()
			f.Add(contentType, "", body)
		}
	}
	f.Add("application/x-www-form-urlencoded", "gzip", []byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte) {
		u := &unlimited{}
		a := &API{Config: Config{Submit: u, MaxSize: maxSize}}
		r := httptest.NewRequest("POST", "/", bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Content-Encoding", encoding)
		form, err := a.readForm(r)
		if err == nil {
			_, _ = form.sending(submit.Options{})
			_, _ = mimeMessages(form, submit.Options{})
			form.close()
		} else if s := refusalOf(err).status; s != 400 && s != 413 && s != 415 {
			t.Errorf("status %d: %v", s, err)
		}
		if u.held != 0 {
			t.Errorf("%d octets are still held", u.held)
		}
	})
}
