package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	mailgun "github.com/mailgun/mailgun-go/v4"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// validating gives the world a validator that knows example.net and gmail.com, and lists in a folder of the test.
func (w *world) validating() {
	w.t.Helper()
	mx := []dns.MX{{Preference: 10, Host: "mx.example.net"}}
	disposable, err := validate.NewDisposable("", clock.System{}, func(error) {})
	w.ok(err)
	v := validate.New(validate.Config{Clock: clock.System{}, Disposable: disposable, Resolver: &dnstest.Fake{
		MX: map[string][]dns.MX{"example.net": mx, "gmail.com": mx}, A: map[string][]netip.Addr{"mx.example.net": {netip.MustParseAddr("192.0.2.1")}},
	}})
	jobs := validate.NewJobs(validate.JobsConfig{Dir: w.t.TempDir(), Validator: v, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler)})
	w.Validator, w.Lists = v, jobs
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- jobs.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); w.ok(<-ended) })
}

func (w *world) fetch(path, key string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest("GET", path, nil), key)
}

func TestValidateOne(t *testing.T) {
	w := newWorld(t)
	w.validating()
	const path = "/v4/address/validate"
	const want = `{"address":"info@gmial.con","is_disposable_address":false,"is_role_address":true,` +
		`"reason":["no_mx","domain_not_found","possible_typo","mailbox_is_role_address"],"result":"undeliverable","risk":"high","did_you_mean":"info@gmail.com","texts":{"en":[`
	if rec := w.fetch(path+"?address=info%40gmial.con", w.school); rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), want) || strings.Contains(rec.Body.String(), "mailbox_verification") {
		t.Errorf("GET: %d %s", rec.Code, rec.Body)
	}
	for _, encode := range []func(pairs) (string, []byte){pairs.urlencoded, pairs.multipart} {
		contentType, body := encode(pairs{"address", "info@gmial.con", "mailbox_verification", "true", "provider_lookup", "false"})
		rec := w.post(path, w.school, contentType, body)
		if rec.Code != 200 || !strings.HasPrefix(rec.Body.String(), want) || !strings.Contains(rec.Body.String(), `"mailbox_verification":"unknown"`) {
			t.Errorf("POST: %d %s", rec.Code, rec.Body)
		}
	}
	for _, tt := range []struct {
		query, key string
		status     int
		message    string
	}{
		{"", w.school, 400, "address:"},
		{"?address=" + strings.Repeat("a", 513), w.school, 400, "512 characters"},
		{"?address=a&address=b", w.school, 400, "address: give it once"},
		{"?address=a&mailbox_verification=x", w.school, 400, "mailbox_verification:"},
		{"?address=a&provider_lookup=x", w.school, 400, "provider_lookup:"},
		{"?address=a&api_key=x", w.school, 400, "api_key:"},
		{"?address=a", "wrong", 401, "Invalid private key"},
	} {
		if rec := w.fetch(path+tt.query, tt.key); rec.Code != tt.status || !strings.Contains(messageOf(rec), tt.message) {
			t.Errorf("%.40s: %d %s, want %d %s", tt.query, rec.Code, rec.Body, tt.status, tt.message)
		}
	}
	for range maxValidations {
		w.validations <- struct{}{}
	}
	if rec := w.fetch(path+"?address=a", w.school); rec.Code != 429 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("full: %d %s", rec.Code, rec.Body)
	}
	<-w.validations
	w.Validator = failing{}
	if rec := w.fetch(path+"?address=a", w.school); rec.Code != 503 {
		t.Errorf("failing: %d %s", rec.Code, rec.Body)
	}
}

type failing struct{ Lists }

func (failing) Check(context.Context, model.AccountID, string) (validate.Result, error) {
	return validate.Result{}, errors.New("the store is away")
}

func (failing) List(model.AccountID) ([]validate.Job, error) {
	return nil, errors.New("the disk is away")
}

func TestMailgunGoValidates(t *testing.T) {
	w := newWorld(t)
	w.validating()
	v := mailgun.NewEmailValidator(w.school)
	v.SetAPIBase(w.listen() + "/v4")
	got, err := v.ValidateEmail(t.Context(), "Anna@example.net", true)
	if err != nil || !got.IsValid || got.Address != "Anna@example.net" || got.Result != "deliverable" || got.Risk != "low" || got.MailboxVerification != "unknown" {
		t.Errorf("%+v, %v", got, err)
	}
	mg := mailgun.NewMailgun("school.example", w.school)
	mg.SetAPIBase(v.APIBase())
	bad, err := mg.ValidateEmail(t.Context(), "info@gmial.con", false)
	if err != nil || bad.DidYouMean != "info@gmail.com" || !bad.IsRoleAddress || bad.Result != "undeliverable" || bad.Risk != "high" || len(bad.Reason) != 4 {
		t.Errorf("%+v, %v", bad, err)
	}
}

func TestValidateList(t *testing.T) {
	w := newWorld(t)
	w.validating()
	const path = listsPath + "/host-2026"
	contentType, body := pairs{"file=list.csv", "email;namn\nanna@example.net;Anna\ninfo@gmial.con;Info\nanna@example.net;Anna\n"}.multipart()
	if rec := w.post(path, w.school, contentType, body); rec.Code != 202 || rec.Body.String() != `{"id":"host-2026","message":"The validation job was submitted."}`+"\n" {
		t.Fatalf("%d %s\n%s", rec.Code, rec.Body, w.log)
	}
	var job validationJob
	for job.Status != validate.Uploaded {
		rec := w.fetch(path, w.school)
		job = validationJob{}
		if err := json.Unmarshal(rec.Body.Bytes(), &job); rec.Code != 200 || err != nil || job.Status == validate.Failed || t.Context().Err() != nil {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	if job.Quantity != 3 || job.Processed != 3 || time.Since(time.Unix(job.CreatedAt, 0)) > time.Hour || job.Summary.Result["deliverable"] != 2 || job.Summary.Result["undeliverable"] != 1 ||
		job.Summary.Risk["high"] != 1 || job.Summary.Reason[validate.Duplicate] != 1 || job.Summary.Duplicates != 1 || job.Summary.Layout.Name != "email" {
		t.Errorf("%+v %+v", job, job.Summary)
	}
	for address, want := range map[string]string{job.DownloadURL.CSV: "3,info@gmial.con,undeliverable,high,", job.DownloadURL.JSON: `{"row":3,"address":"info@gmial.con",`} {
		u, err := url.Parse(address)
		w.ok(err)
		if rec := w.fetch(u.Path, w.school); rec.Code != 200 || !strings.Contains(rec.Body.String(), "\n"+want) || rec.Header().Get("Content-Disposition") == "" {
			t.Errorf("%s: %d %v %s", address, rec.Code, rec.Header(), rec.Body)
		}
		if rec := w.fetch(u.Path, w.shop); rec.Code != 404 {
			t.Errorf("another account's %s: %d %s", address, rec.Code, rec.Body)
		}
	}
	var page struct {
		Jobs   []validationJob
		Total  int
		Paging map[string]string
	}
	w.ok(json.Unmarshal(w.fetch(listsPath, w.school).Body.Bytes(), &page))
	if len(page.Jobs) != 1 || page.Total != 1 || page.Paging["next"] == "" {
		t.Errorf("%+v", page)
	}
	w.ok(json.Unmarshal(w.fetch(listsPath+"?page=next", w.school).Body.Bytes(), &page))
	if len(page.Jobs) != 0 {
		t.Errorf("next: %+v", page)
	}
	if rec := w.post(path, w.school, contentType, body); rec.Code != 409 {
		t.Errorf("again: %d %s", rec.Code, rec.Body)
	}
	for range 2 {
		rec := w.do(httptest.NewRequest("DELETE", path, nil), w.school)
		if job.ID != "" && rec.Code != 200 || job.ID == "" && rec.Code != 404 {
			t.Errorf("delete: %d %s", rec.Code, rec.Body)
		}
		job.ID = ""
	}
}

func TestValidateListRefuses(t *testing.T) {
	w := newWorld(t)
	w.validating()
	multi, file := pairs{"file=l.csv", "a@example.net\n"}.multipart()
	otherType, other := pairs{"datei=l.csv", "a@example.net\n"}.multipart()
	none, nothing := pairs{}.multipart()
	for _, tt := range []struct {
		name, id, contentType string
		body                  []byte
		status                int
		message               string
	}{
		{"no form", "x", "text/csv", []byte("a"), 415, "part named file"},
		{"another name", "x", otherType, other, 400, "must be named file"},
		{"no part", "x", none, nothing, 400, "file:"},
		{"bad id", ".x", multi, file, 400, "list id"},
		{"cut", "x", multi, file[:len(file)/2], 400, "file:"},
		{"cut in the file", "x", multi, file[:bytes.Index(file, []byte("@"))], 400, "cut off"},
	} {
		if rec := w.post(listsPath+"/"+tt.id, w.school, tt.contentType, tt.body); rec.Code != tt.status || !strings.Contains(messageOf(rec), tt.message) {
			t.Errorf("%s: %d %s, want %d %s", tt.name, rec.Code, rec.Body, tt.status, tt.message)
		}
	}
	if rec := w.fetch(listsPath+"/none", w.school); rec.Code != 404 {
		t.Errorf("none: %d %s", rec.Code, rec.Body)
	}
	if rec := w.fetch(listsPath, "wrong"); rec.Code != 401 {
		t.Errorf("wrong key: %d %s", rec.Code, rec.Body)
	}
	w.Lists = failing{}
	if rec := w.fetch(listsPath, w.school); rec.Code != 503 {
		t.Errorf("failing: %d %s", rec.Code, rec.Body)
	}
}
