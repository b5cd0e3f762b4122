package web

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/flow/recipient"
	"github.com/budkavle/budkavle/internal/model"
)

var update = flag.Bool("update", false, "write the golden files anew")

// people answers for one recipient, and notes what was asked.
type people struct {
	standing recipient.Standing
	sent     bool
	fault    error
	asked    []string
}

func (p *people) note(what, token string) (recipient.Standing, error) {
	p.asked = append(p.asked, what+" "+token)
	return p.standing, p.fault
}

func (p *people) Open(_ context.Context, token string) (recipient.Standing, error) {
	return p.note("open", token)
}

func (p *people) Leave(_ context.Context, token string, all bool, how string) (recipient.Standing, error) {
	if all {
		how += " all"
	}
	return p.note("leave "+how, token)
}

func (p *people) ComeBack(_ context.Context, token string) (recipient.Standing, bool, error) {
	st, err := p.note("come back", token)
	return st, p.sent, err
}

func (p *people) Peek(_ context.Context, token string) (recipient.Standing, error) {
	return p.note("peek", token)
}

func (p *people) Prove(_ context.Context, token string) (recipient.Standing, error) {
	return p.note("prove", token)
}

func standing(way recipient.Way, entries ...model.Suppression) recipient.Standing {
	for i := range entries {
		entries[i].CreatedAt = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	}
	return recipient.Standing{
		Address: "anna@sink.example", Domain: model.Domain{Name: "xn--rksmrgs-5wao1o.example"}, Tag: policy.StreamTag, Subject: "Närvaro <vecka> 47", SentAt: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC), Sending: len(entries) == 0, Entries: entries, Returns: way,
	}
}

func site(t *testing.T, p *people) *Web {
	t.Helper()
	w, err := New(Config{Recipients: p, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func ask(w *Web, r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func form(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// seen is what a reader sees of a page: its text and its buttons.
func seen(html string) string {
	_, body, _ := strings.Cut(html, "<body>")
	body = regexp.MustCompile(`<button[^>]*>([^<]*)</button>`).ReplaceAllString(body, "[ $1 ]")
	body = regexp.MustCompile(`<li>`).ReplaceAllString(body, "- ")
	body = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, "")
	body = regexp.MustCompile(`\n\s*`).ReplaceAllString(body, "\n")
	return strings.TrimSpace(strings.NewReplacer("&#39;", "'", "&amp;", "&").Replace(body)) + "\n"
}

func TestPagesGolden(t *testing.T) {
	bounce := model.Suppression{Account: 1, Kind: model.SuppressBounce, Reason: "550 5.1.1 <b>no such user</b>"}
	news := model.Suppression{Account: 1, Kind: model.SuppressUnsubscribe, Tag: "news"}
	var b strings.Builder
	for _, tt := range []struct {
		name string
		p    people
		r    func() *http.Request
	}{
		{"all is well", people{standing: standing(recipient.NoNeed)}, func() *http.Request { return httptest.NewRequest("GET", "/u/T", nil) }},
		{"one kind is stopped", people{standing: standing(recipient.AtOnce, news)}, func() *http.Request { return httptest.NewRequest("GET", "/u/T", nil) }},
		{"bulk was just stopped", people{standing: standing(recipient.AtOnce, model.Suppression{Account: 1, Kind: model.SuppressUnsubscribe, Tag: policy.StreamTag})}, func() *http.Request { return form("/u/T", "do=stop") }},
		{"everything was just stopped", people{standing: standing(recipient.AtOnce, model.Suppression{Account: 1, Kind: model.SuppressUnsubscribe})}, func() *http.Request { return form("/u/T", "do=stop-all") }},
		{"it came back", people{standing: standing(recipient.ByProof, bounce)}, func() *http.Request { return httptest.NewRequest("GET", "/u/T", nil) }},
		{"a link was sent", people{standing: standing(recipient.ByProof, bounce), sent: true}, func() *http.Request { return form("/u/T", "do=start") }},
		{"a complaint, and the operator", people{standing: standing(recipient.Operator, model.Suppression{Account: 1, Kind: model.SuppressComplaint}, model.Suppression{Kind: model.SuppressBounce, Reason: "secret"})}, func() *http.Request { return httptest.NewRequest("GET", "/u/T", nil) }},
		{"before the proof", people{standing: standing(recipient.ByProof, bounce)}, func() *http.Request { return httptest.NewRequest("GET", "/u/verify/T", nil) }},
		{"after the proof", people{standing: standing(recipient.NoNeed)}, func() *http.Request { return form("/u/verify/T", "") }},
		{"a bad link", people{fault: &recipient.Error{Class: recipient.BadLink}}, func() *http.Request { return httptest.NewRequest("GET", "/u/T", nil) }},
		{"out of time", people{fault: &recipient.Error{Class: recipient.Expired}}, func() *http.Request { return httptest.NewRequest("GET", "/u/verify/T", nil) }},
		{"used", people{fault: &recipient.Error{Class: recipient.Used}}, func() *http.Request { return form("/u/verify/T", "") }},
		{"too many", people{fault: &recipient.Error{Class: recipient.TooMany}}, func() *http.Request { return form("/u/T", "do=start") }},
		{"our fault", people{fault: errors.New("disk full")}, func() *http.Request { return form("/u/T", "do=stop") }},
		{"no form", people{}, func() *http.Request { return form("/u/T", "do=dance") }},
	} {
		for _, lang := range languages() {
			r := tt.r()
			r.Header.Set("Accept-Language", lang+", de;q=0.5")
			rec := ask(site(t, &tt.p), r)
			b.WriteString("== " + tt.name + " (" + lang + "): " + http.StatusText(rec.Code) + "\n" + seen(rec.Body.String()) + "\n")
			if strings.Contains(rec.Body.String(), "<b>no such") || strings.Contains(rec.Body.String(), "secret") || strings.Contains(rec.Body.String(), "disk full") {
				t.Errorf("%s shows what it must not:\n%s", tt.name, rec.Body)
			}
			if h := rec.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Set-Cookie") != "" || h.Get("Content-Language") != lang {
				t.Errorf("%s: header %v", tt.name, h)
			}
		}
	}
	golden := filepath.Join("testdata", "recipient.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if diff := cmp.Diff(string(want), b.String()); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestOneClick posts what RFC 8058 3.2 says, in both encodings; the answer needs no cookie and no redirect.
func TestOneClick(t *testing.T) {
	multi := "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"
	for name, r := range map[string]*http.Request{
		"urlencoded": form("/u/T", "List-Unsubscribe=One-Click"),
		"multipart":  httptest.NewRequest(http.MethodPost, "/u/T", strings.NewReader(multi)),
	} {
		if name == "multipart" {
			r.Header.Set("Content-Type", `multipart/form-data; boundary=x`)
		}
		p := &people{}
		rec := ask(site(t, p), r)
		if rec.Code != 200 || rec.Body.String() != "unsubscribed\n" || len(p.asked) != 1 || p.asked[0] != "leave one click T" || rec.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %q, asked %q", name, rec.Code, rec.Body, p.asked)
		}
	}
	for class, want := range map[recipient.Class]int{recipient.BadLink: 404, recipient.Unavailable: 503} {
		if rec := ask(site(t, &people{fault: &recipient.Error{Class: class}}), form("/u/T", "List-Unsubscribe=One-Click")); rec.Code != want {
			t.Errorf("%s: %d", class, rec.Code)
		}
	}
}

// TestLookingChangesNothing: scanners and previews open every link.
func TestLookingChangesNothing(t *testing.T) {
	p := &people{standing: standing(recipient.NoNeed)}
	w := site(t, p)
	for _, path := range []string{"/u/T", "/u/T?do=stop&List-Unsubscribe=One-Click", "/u/verify/T", "/u/verify/T?do=start"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if rec := ask(w, httptest.NewRequest(method, path, nil)); rec.Code != 200 {
				t.Errorf("%s %s: %d", method, path, rec.Code)
			}
		}
	}
	for _, what := range p.asked {
		if !strings.HasPrefix(what, "open ") && !strings.HasPrefix(what, "peek ") {
			t.Errorf("a look did %q", what)
		}
	}
	if rec := ask(w, form("/u/T?do=stop", "")); rec.Code != http.StatusBadRequest || strings.HasPrefix(p.asked[len(p.asked)-1], "leave") {
		t.Errorf("a query is not a form: %d, %q", rec.Code, p.asked)
	}
}

func TestLargeFormsAreRefused(t *testing.T) {
	p := &people{}
	if rec := ask(site(t, p), form("/u/T", "do=stop&x="+strings.Repeat("a", maxForm))); rec.Code != http.StatusBadRequest || len(p.asked) != 0 {
		t.Errorf("%d, %q", rec.Code, p.asked)
	}
}

func TestTheReaderChoosesTheLanguage(t *testing.T) {
	for _, tt := range []struct{ query, accept, want string }{
		{"", "", "en"},
		{"", "sv-SE,sv;q=0.9,en;q=0.8", "sv"},
		{"", "nb, da", "en"},
		{"", "en-GB", "en"},
		{"", "\xff", "en"},
		{"sv", "en", "sv"},
		{"en", "sv", "en"},
		{"xx", "sv", "sv"},
	} {
		r := httptest.NewRequest("GET", "/u/T?lang="+url.QueryEscape(tt.query), nil)
		r.Header.Set("Accept-Language", tt.accept)
		if got := languageOf(r); got != tt.want {
			t.Errorf("lang=%s, Accept-Language %q: %s, want %s", tt.query, tt.accept, got, tt.want)
		}
	}
}
