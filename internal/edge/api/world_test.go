package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// world is an API over a store on disk, with the accounts school (school.example, and waiting.example, which is not
// live) and shop (shop.example), and the operator's.
type world struct {
	*API
	t                   testing.TB
	store               store.Store
	submit              *submit.Service
	ids                 *ident.Source
	school, shop, staff string // keys
	log                 *bytes.Buffer
	disk                error
	desk                *onboard.Service
}

const maxSize, maxMemory = 256 << 10, 64 << 20

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, log: &bytes.Buffer{}, ids: ident.NewSource(clock.System{}, 1)}
	st, err := sqlite.Open(context.Background(), sqlitetest.File(t), clock.System{})
	w.ok(err)
	t.Cleanup(func() { st.Close() })
	w.store = st
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	log := slog.New(slog.NewTextHandler(w.log, nil))
	engine, err := dkim.LoadEngine()
	if err != nil {
		t.Log(err) // signing is slower then
	}
	directory := submit.NewDirectory(st, ring, engine)
	w.submit = submit.New(submit.Config{
		Store: st, Directory: directory, Queue: waiting{}, Clock: clock.System{}, Random: rand.Reader, IDs: w.ids, Log: slog.New(slog.DiscardHandler), Hostname: "mx.example",
		MaxSize: maxSize, MaxMemory: maxMemory, Expire: 5 * 24 * time.Hour, ExpireBulk: 24 * time.Hour, DiskCheck: func() error { return w.disk },
	})
	w.API = New(Config{
		Submit: w.submit, Store: st, Directory: directory, Clock: clock.System{}, Log: log, BaseURL: "http://mail.example/", MaxSize: maxSize,
	})
	desk := onboard.New(st, ring, clock.System{}, rand.Reader, w.ids)
	w.desk = desk
	w.Desk = desk
	for _, a := range []struct {
		name, domain string
		operator     bool
		key          *string
	}{{"school", "school.example", false, &w.school}, {"shop", "", false, &w.shop}, {"staff", "", true, &w.staff}} {
		_, err := desk.AddAccount(t.Context(), model.Account{Name: a.name, Operator: a.operator})
		w.ok(err)
		if a.domain != "" {
			_, err = desk.AddDomain(t.Context(), a.name, a.domain, "test")
			w.ok(err)
		}
		_, *a.key, err = desk.AddKey(t.Context(), a.name, "test")
		w.ok(err)
	}
	// These two send nothing, so they have no keys, which take long to make.
	for account, d := range map[string]model.Domain{
		"school": {Name: "waiting.example", State: model.DomainWaiting, Reason: "its DNS records are not proved yet"},
		"shop":   {Name: "shop.example", State: model.DomainLive},
	} {
		owner, err := st.Account(t.Context(), account)
		w.ok(err)
		d.Account = owner.ID
		_, err = st.AddDomain(t.Context(), d, nil, model.Event{ID: w.ids.Next(), Kind: model.EventDomain, At: time.Now(), Account: d.Account})
		w.ok(err)
	}
	return w
}

// waiting takes no reservations: everything waits in the store.
type waiting struct{}

func (waiting) Reserve(model.Lane) (int64, time.Time, bool)        { return 0, time.Time{}, false }
func (waiting) Accepted(*model.Message, []byte, []model.Recipient) {}
func (waiting) Forget([]model.Recipient)                           {}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// pairs are form fields in order: name, value, name, value.
type pairs []string

func (p pairs) urlencoded() (contentType string, body []byte) {
	v := url.Values{}
	for i := 0; i < len(p); i += 2 {
		v.Add(p[i], p[i+1])
	}
	return "application/x-www-form-urlencoded", []byte(v.Encode())
}

// multipart writes a name such as attachment=å.txt as a file.
func (p pairs) multipart() (contentType string, body []byte) {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i < len(p); i += 2 {
		name, file, ok := strings.Cut(p[i], "=")
		h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"`}}
		if ok {
			h = textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + name + `"; filename="` + file + `"`}, "Content-Type": {"application/octet-stream"}}
		}
		part, _ := m.CreatePart(h)
		_, _ = part.Write([]byte(p[i+1]))
	}
	m.Close()
	return m.FormDataContentType(), b.Bytes()
}

// simple is the smallest form that is taken, with more.
func simple(more ...string) pairs {
	return append(pairs{"from", "Rektor <rektor@school.example>", "to", "anna@example.net", "subject", "Hej", "text", "Hej då"}, more...)
}

// do makes a call with a key and returns status and body.
func (w *world) do(r *http.Request, key string) *httptest.ResponseRecorder {
	if key != "" {
		r.SetBasicAuth("api", key)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

func (w *world) post(path, key string, contentType string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", path, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	return w.do(r, key)
}

// send posts a form as multipart and wants it taken; it returns the id without angle brackets.
func (w *world) send(path string, p pairs) string {
	w.t.Helper()
	contentType, body := p.multipart()
	rec := w.post(path, w.school, contentType, body)
	if rec.Code != http.StatusOK {
		w.t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	var q queued
	w.ok(json.Unmarshal(rec.Body.Bytes(), &q))
	if q.Message != "Queued. Thank you." || !strings.HasPrefix(q.ID, "<") || !strings.HasSuffix(q.ID, "@school.example>") {
		w.t.Fatalf("answered %s", rec.Body)
	}
	return strings.Trim(q.ID, "<>")
}

// kept is one message in the store.
type kept struct {
	model.Message
	raw        []byte
	recipients []string
	mail       *enmime.Envelope
}

// kept returns what the store has, oldest first.
func (w *world) kept() []kept {
	w.t.Helper()
	evs, err := w.store.ListEvents(w.t.Context(), store.EventFilter{Kinds: []model.EventKind{model.EventAccepted}, Ascending: true, Limit: 10_000})
	w.ok(err)
	var list []kept
	for _, ev := range evs {
		if n := len(list); n > 0 && list[n-1].ID == ev.Message {
			list[n-1].recipients = append(list[n-1].recipients, ev.Recipient)
			continue
		}
		k := kept{recipients: []string{ev.Recipient}}
		k.Message, err = w.store.Message(w.t.Context(), ev.Message)
		w.ok(err)
		k.raw, err = w.store.Body(w.t.Context(), ev.Message)
		w.ok(err)
		k.mail, err = enmime.ReadEnvelope(bytes.NewReader(k.raw))
		w.ok(err)
		if len(k.mail.Errors) > 0 {
			w.t.Errorf("enmime finds fault: %v\n%s", k.mail.Errors, k.raw)
		}
		list = append(list, k)
	}
	return list
}

// only is the one message in the store.
func (w *world) only() kept {
	w.t.Helper()
	list := w.kept()
	if len(list) != 1 {
		w.t.Fatalf("%d messages in the store, want 1", len(list))
	}
	return list[0]
}

// messageOf is the message of a JSON answer.
func messageOf(rec *httptest.ResponseRecorder) string {
	var m struct{ Message string }
	_ = json.Unmarshal(rec.Body.Bytes(), &m)
	return m.Message
}
