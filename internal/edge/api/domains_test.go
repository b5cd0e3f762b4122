package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	mailgun "github.com/mailgun/mailgun-go/v4"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// published answers checks with one state for everything that is asked for.
type published proof.State

func (p published) Domain(_ context.Context, e proof.Expected) proof.Report {
	s := proof.State(p)
	r := proof.Report{Domain: e.Domain, At: time.Now(), Ownership: s, SPF: s, ReturnPath: s, DMARC: s, Keys: map[string]proof.State{}}
	for _, k := range e.Keys {
		r.Keys[k.Selector] = s
	}
	for _, want := range proof.Wanted(e, nil) {
		r.Records = append(r.Records, proof.Answered{Record: want, State: s, Found: []string{"as found"}})
	}
	return r
}

// asks makes a call as an account and gives the status and the document.
func (w *world) asks(key, method, path string, form url.Values) (int, map[string]any) {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.SetBasicAuth("api", key)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	var doc map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		w.t.Fatalf("%s %s: %d %s", method, path, rec.Code, rec.Body)
	}
	return rec.Code, doc
}

func newDomainWorld(t *testing.T) *world {
	w := newWorld(t)
	w.desk.Settings = onboard.Settings{ReturnLabel: "bounce", ReturnTarget: "bounce.operator.example", Include: "spf.operator.example", ReportTo: "dmarc@bounce.operator.example", KeyZone: "keys.operator.example"}
	w.desk.Checker = published(proof.Missing)
	return w
}

func TestADomainsWayByHTTP(t *testing.T) {
	w := newDomainWorld(t)
	code, doc := w.asks(w.school, "POST", "/v4/domains", url.Values{"name": {"Räksmörgås.Example"}, "spam_action": {"disabled"}})
	if code != 200 || doc["message"] != "Domain has been created" {
		t.Fatalf("%d %v", code, doc)
	}
	d := doc["domain"].(map[string]any)
	if d["name"] != "xn--rksmrgs-5wao1o.example" || d["state"] != "unverified" || d["progress"] != "added" {
		t.Errorf("%v", d)
	}
	code, doc = w.asks(w.school, "PUT", "/v4/domains/xn--rksmrgs-5wao1o.example/verify", nil)
	if d := doc["domain"].(map[string]any); code != 200 || d["state"] != "unverified" || d["progress"] != "waiting" || len(d["lacks"].([]any)) != 4 {
		t.Errorf("%d %v", code, doc["domain"])
	}
	types := map[string]int{}
	for _, r := range doc["sending_dns_records"].([]any) {
		r := r.(map[string]any)
		types[r["record_type"].(string)+" "+r["valid"].(string)]++
		if strings.HasSuffix(r["name"].(string), ".") || strings.HasSuffix(r["value"].(string), ".") || r["is_active"] != false {
			t.Errorf("record %v", r)
		}
	}
	if types["TXT invalid"] != 5 || types["CNAME invalid"] != 1 {
		t.Errorf("records %v", types)
	}
	w.desk.Checker = published(proof.Proved)
	code, doc = w.asks(w.school, "POST", "/api/v1/domains/xn--rksmrgs-5wao1o.example/verify", nil)
	if code != 200 || doc["ready"] != true || doc["report"].(map[string]any)["ownership"] != "proved" {
		t.Errorf("%d %v", code, doc)
	}
	if _, doc = w.asks(w.school, "GET", "/v4/domains/xn--rksmrgs-5wao1o.example", nil); doc["domain"].(map[string]any)["state"] != "active" {
		t.Errorf("%v", doc["domain"])
	}
	code, doc = w.asks(w.school, "POST", "/api/v1/domains/xn--rksmrgs-5wao1o.example/rotate", nil)
	if coming := strings.Count(text(doc), `"key":"coming"`); code != 200 || coming != 2 {
		t.Errorf("%d, %d keys are coming: %v", code, coming, doc)
	}
	if code, doc = w.asks(w.school, "DELETE", "/v3/domains/xn--rksmrgs-5wao1o.example", nil); code != 200 || doc["message"] != "Domain has been deleted" {
		t.Errorf("%d %v", code, doc)
	}
	if code, _ = w.asks(w.school, "GET", "/v4/domains/xn--rksmrgs-5wao1o.example", nil); code != 404 {
		t.Errorf("after its removal %d", code)
	}
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

func TestDomainCallsAreRefused(t *testing.T) {
	w := newDomainWorld(t)
	for _, tt := range []struct {
		name, key, method, path string
		form                    url.Values
		code                    int
		says                    string
	}{
		{"no name", w.school, "POST", "/v4/domains", url.Values{"wildcard": {"false"}}, 400, "name: give the domain"},
		{"no domain", w.school, "POST", "/v4/domains", url.Values{"name": {"not a domain"}}, 400, "is not a domain name"},
		{"another's", w.shop, "POST", "/v4/domains", url.Values{"name": {"school.example"}}, 400, "belongs to another account"},
		{"below another's", w.shop, "POST", "/v4/domains", url.Values{"name": {"a.school.example"}}, 400, "which belongs to another account"},
		{"for another", w.shop, "POST", "/v4/domains", url.Values{"name": {"x.example"}, "account": {"school"}}, 403, "only an operator's key"},
		{"for nobody", w.staff, "POST", "/v4/domains", url.Values{"name": {"x.example"}, "account": {"none"}}, 404, "there is none"},
		{"what is not done here", w.school, "POST", "/v4/domains", url.Values{"name": {"x.example"}, "wildcard": {"true"}}, 400, "wildcard: it cannot be set to"},
		{"a password", w.school, "POST", "/v4/domains", url.Values{"name": {"x.example"}, "smtp_password": {"secret"}}, 400, "smtp_password: it cannot be set"},
		{"setup", w.school, "PUT", "/api/v1/domains/school.example", url.Values{"setup": {"pigeon"}}, 400, "setup: "},
		{"another's sheet", w.shop, "GET", "/api/v1/domains/school.example", nil, 404, "Domain not found"},
		{"another's check", w.shop, "PUT", "/v4/domains/school.example/verify", nil, 404, "Domain not found"},
		{"another's removal", w.shop, "DELETE", "/v4/domains/school.example", nil, 404, "Domain not found"},
		{"a filter that is none", w.school, "GET", "/v4/domains?colour=red", nil, 400, "colour: there is no such parameter"},
		{"a number that is none", w.school, "GET", "/v4/domains?limit=many", nil, 400, "limit: "},
	} {
		code, doc := w.asks(tt.key, tt.method, tt.path, tt.form)
		if message, _ := doc["message"].(string); code != tt.code || !strings.Contains(message, tt.says) {
			t.Errorf("%s: %d %v, want %d with %q", tt.name, code, doc, tt.code, tt.says)
		}
	}
	if err := deskFault(&store.Error{Kind: store.Unavailable, Err: errors.New("gone")}, "x"); refusalOf(err).status != http.StatusServiceUnavailable {
		t.Errorf("a store that is gone: %v", err)
	}
}

func TestAnOperatorAddsForOthers(t *testing.T) {
	w := newDomainWorld(t)
	if code, doc := w.asks(w.staff, "POST", "/v3/domains", url.Values{"name": {"new.example"}, "account": {"shop"}, "setup": {"cname"}}); code != 200 || !strings.Contains(text(doc), "keys.operator.example") {
		t.Fatalf("%d %v", code, doc)
	}
	d, err := w.store.Domain(t.Context(), "new.example")
	w.ok(err)
	if a, err := w.store.AccountByID(t.Context(), d.Account); err != nil || a.Name != "shop" || d.Setup != model.SetupCNAME {
		t.Errorf("%+v of %+v, %v", d, a, err)
	}
}

// TestMailgunGoDomains takes domains through the official client.
func TestMailgunGoDomains(t *testing.T) {
	w := newDomainWorld(t)
	w.desk.Sources = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	base := w.listen()
	mg := mailgun.NewMailgun("school.example", w.school)
	mg.SetAPIBase(base + "/v3")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	made, err := mg.CreateDomain(ctx, "news.school.example", &mailgun.CreateDomainOptions{SpamAction: mailgun.SpamActionDisabled})
	w.ok(err)
	if made.Domain.Name != "news.school.example" || made.Domain.State != "unverified" || len(made.SendingDNSRecords) == 0 || time.Time(made.Domain.CreatedAt).IsZero() {
		t.Errorf("%+v", made)
	}
	w.desk.Checker = published(proof.Proved)
	state, err := mg.VerifyDomain(ctx, "news.school.example")
	w.ok(err)
	if state != "active" && !strings.Contains(state, "checked") {
		t.Errorf("verify says %q", state)
	}
	got, err := mg.GetDomain(ctx, "news.school.example")
	w.ok(err)
	if got.Domain.State != "active" {
		t.Errorf("%+v", got.Domain)
	}
	it := mg.ListDomains(&mailgun.ListOptions{Limit: 2})
	var names []string
	var page []mailgun.Domain
	for pages := 0; it.Next(ctx, &page) && pages < 10; pages++ {
		for _, d := range page {
			names = append(names, d.Name)
		}
	}
	if err := it.Err(); err != nil || strings.Join(names, " ") != "news.school.example school.example waiting.example" {
		t.Errorf("listed %v, %v", names, err)
	}
	w.ok(mg.DeleteDomain(ctx, "news.school.example"))
	if _, err := mg.GetDomain(ctx, "news.school.example"); mailgun.GetStatusFromErr(err) != 404 {
		t.Errorf("after its removal: %v", err)
	}
}
