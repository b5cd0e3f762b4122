package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mailgun "github.com/mailgun/mailgun-go/v4"
	"github.com/mailgun/mailgun-go/v4/events"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/model"
)

// listWorld is a world with its lists.
func listWorld(t *testing.T) *world {
	w := newWorld(t)
	w.Suppressions = suppression.New(suppression.Config{Store: w.store, Clock: clock.System{}, IDs: w.ids, Log: slog.New(slog.DiscardHandler)})
	return w
}

// list puts an entry on a list of a domain of the account; the empty domain is all of them.
func (w *world) list(account, domain string, kind model.SuppressionKind, address, tag string, at time.Time) {
	w.t.Helper()
	a, err := w.store.Account(w.t.Context(), account)
	w.ok(err)
	e := model.Suppression{
		Account: a.ID, Kind: kind, Key: model.SuppressionKey(address), Address: address, Tag: tag, Code: "550", Reason: "no such user", Count: 2, CreatedAt: at,
	}
	if domain != "" {
		d, err := w.store.Domain(w.t.Context(), domain)
		w.ok(err)
		e.Domain = d.ID
	}
	w.ok(w.store.AddSuppressions(w.t.Context(), []model.Suppression{e}))
}

func (w *world) read(path, key string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest("GET", path, nil), key)
}

func (w *world) delete(path string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest("DELETE", path, nil), w.school)
}

func (w *world) form(path string, p ...string) *httptest.ResponseRecorder {
	contentType, body := pairs(p).urlencoded()
	return w.post(path, w.school, contentType, body)
}

func (w *world) json(path, body string) *httptest.ResponseRecorder {
	return w.post(path, w.school, "application/json", []byte(body))
}

// answered compares an answer's status and JSON.
func answered(t *testing.T, rec *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	var got, want any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != status {
		t.Fatalf("%d %s, %v; want %d", rec.Code, rec.Body, err, status)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("- wanted, + answered:\n%s", d)
	}
}

var listedAt = time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC)

func TestSuppressionItemsAreMailguns(t *testing.T) {
	w := listWorld(t)
	w.list("school", "school.example", model.SuppressBounce, "Anna@b.example", "", listedAt)
	w.list("school", "school.example", model.SuppressUnsubscribe, "bo+x@b.example", "", listedAt)
	w.list("school", "school.example", model.SuppressUnsubscribe, "bo+x@b.example", "stream:bulk", listedAt)
	w.list("school", "", model.SuppressComplaint, "cia@b.example", "", listedAt)
	w.list("school", "school.example", model.SuppressAllow, "@b.example", "", listedAt)
	w.list("school", "waiting.example", model.SuppressUnsubscribe, "other@b.example", "", listedAt) // another domain's
	w.list("shop", "shop.example", model.SuppressBounce, "anna@c.example", "", listedAt)
	const created = `"created_at":"Mon, 02 Nov 2026 09:30:00 UTC"`
	for path, want := range map[string]string{
		"bounces/anna%40b.example":      `{"address":"Anna@b.example","code":"550","error":"no such user",` + created + `}`,
		"bounces/ANNA@b.example":        `{"address":"Anna@b.example","code":"550","error":"no such user",` + created + `}`,
		"unsubscribes/bo+x@b.example":   `{"address":"bo+x@b.example","tags":["*","stream:bulk"],` + created + `}`,
		"unsubscribes/bo%2Bx@b.example": `{"address":"bo+x@b.example","tags":["*","stream:bulk"],` + created + `}`,
		"complaints/cia@b.example":      `{"address":"cia@b.example","count":2,` + created + `}`,
		"whitelists/b.example":          `{"type":"domain","value":"b.example","reason":"no such user","createdAt":"Mon, 02 Nov 2026 09:30:00 UTC"}`,
	} {
		answered(t, w.read("/v3/school.example/"+path, w.school), 200, want)
	}
	for path, message := range map[string]string{
		"bounces/bo@b.example": "Address not found in bounces table", "bounces/anna@c.example": "Address not found in bounces table", "bounces/nobody": "Address not found in bounces table",
		"unsubscribes/other@b.example": "Address not found in unsubscribers table", "complaints/bo@b.example": "No spam complaints found for this address",
		"whitelists/c.example": "Address/Domain not found in whitelists table",
	} {
		answered(t, w.read("/v3/school.example/"+path, w.school), 404, `{"message":"`+message+`"}`)
		answered(t, w.delete("/v3/school.example/"+path), 404, `{"message":"`+message+`"}`)
	}
	answered(t, w.read("/v3/school.example/bounces", w.shop), 404, `{"message":"Domain not found: school.example"}`)
	if rec := w.read("/v3/school.example/complaints", w.staff); rec.Code != 200 || !strings.Contains(rec.Body.String(), "cia@b.example") {
		t.Errorf("the operator reads %d %s", rec.Code, rec.Body)
	}
}

func TestSuppressionsAreAddedAndRemoved(t *testing.T) {
	w := listWorld(t)
	const base = "/v3/school.example/"
	answered(t, w.form(base+"bounces", "address", "Anna@B.example", "error", "gone", "created_at", "Mon, 02 Nov 2026 10:30:00 +0100"), 200,
		`{"message":"Address has been added to the bounces table","address":"Anna@b.example"}`)
	answered(t, w.read(base+"bounces/anna@b.example", w.school), 200,
		`{"address":"Anna@b.example","code":"550","error":"gone","created_at":"Mon, 02 Nov 2026 09:30:00 UTC"}`)
	answered(t, w.json(base+"bounces", `[{"address":"bo@b.example","code":550,"error":"x"},{"address":"cia@b.example","code":"551"}]`), 200, `{"message":"2 addresses have been added to the bounces table"}`)
	answered(t, w.json(base+"bounces", `{"address":"dag@b.example"}`), 200, `{"message":"Address has been added to the bounces table","address":"dag@b.example"}`)
	contentType, body := pairs{"address", "eva@b.example", "tag", "news", "tag", "offers"}.multipart()
	if rec := w.post(base+"unsubscribes", w.school, contentType, body); rec.Code != 200 {
		t.Errorf("multipart: %d %s", rec.Code, rec.Body)
	}
	answered(t, w.delete(base+"unsubscribes/eva@b.example?tag=offers"), 200, `{"message":"Unsubscribe event has been removed","address":"eva@b.example"}`)
	w.form(base+"unsubscribes", "address", "eva@b.example", "tag", "*")
	if rec := w.read(base+"unsubscribes/eva@b.example", w.school); !strings.Contains(rec.Body.String(), `"tags":["*","news"]`) {
		t.Errorf("%s", rec.Body)
	}
	w.delete(base + "unsubscribes/eva@b.example?tag=*")
	if rec := w.read(base+"unsubscribes/eva@b.example", w.school); !strings.Contains(rec.Body.String(), `"tags":["news"]`) {
		t.Errorf("%s", rec.Body)
	}
	answered(t, w.form(base+"whitelists", "domain", "Bücher.example", "reason", "ours"), 200,
		`{"message":"Address/Domain has been added to the whitelists table","type":"domain","value":"xn--bcher-kva.example"}`)
	answered(t, w.form(base+"bounces", "address", "x@bücher.example"), 200, `{"message":"Address is on the whitelist, so it was not added to the bounces table","address":"x@xn--bcher-kva.example"}`)
	answered(t, w.delete(base+"whitelists/xn--bcher-kva.example"), 200, `{"message":"Whitelist address/domain has been removed","value":"xn--bcher-kva.example"}`)

	// A dead address comes back for the whole account, whichever domain found it.
	w.list("school", "waiting.example", model.SuppressBounce, "anna@b.example", "", listedAt)
	answered(t, w.delete(base+"bounces/Anna%40b.example"), 200, `{"message":"Bounced address has been removed","address":"Anna@b.example"}`)
	answered(t, w.read("/v3/waiting.example/bounces/anna@b.example", w.school), 404, `{"message":"Address not found in bounces table"}`)

	w.list("school", "", model.SuppressUnsubscribe, "fia@b.example", "", listedAt)
	answered(t, w.delete(base+"unsubscribes"), 200, `{"message":"Unsubscribe addresses for this domain have been removed"}`)
	rec := w.read(base+"unsubscribes", w.school)
	if !strings.Contains(rec.Body.String(), "fia@") || strings.Contains(rec.Body.String(), "eva@") {
		t.Errorf("those of the whole account stay, the domain's own go: %s", rec.Body)
	}
}

func TestSuppressionCallsRefuse(t *testing.T) {
	w := listWorld(t)
	const base = "/v3/school.example/"
	for _, tt := range []struct {
		path, contentType, body string
		status                  int
		message                 string
	}{
		{"bounces", "application/x-www-form-urlencoded", "", 400, "there is no address"},
		{"bounces", "application/x-www-form-urlencoded", "address=nobody", 400, `"nobody" is not an e-mail address`},
		{"bounces", "application/x-www-form-urlencoded", "address=a@b.example&address=b@b.example", 400, "give it once"},
		{"bounces", "application/x-www-form-urlencoded", "address=a@b.example&code=bad", 400, `code "bad"`},
		{"bounces", "application/x-www-form-urlencoded", "address=a@b.example&created_at=now", 400, "created_at"},
		{"bounces", "application/x-www-form-urlencoded", "address=a@b.example&tag=x", 400, "tag"},
		{"bounces", "application/x-www-form-urlencoded", "address=a@b.example&colour=x", 400, "colour"},
		{"bounces", "text/plain", "address=a@b.example", 415, "Content-Type"},
		{"bounces", "application/json", `[]`, 400, "0 addresses"},
		{"bounces", "application/json", ``, 400, "JSON"},
		{"bounces", "application/json", `[{"address":"a@b.example"},{"address":"x"}]`, 400, `Address 2 of 2, "x"`},
		{"bounces", "application/json", "[" + strings.Repeat(`{"address":"a@b.example"},`, 1000) + `{"address":"a@b.example"}]`, 400, "1001 addresses"},
		{"unsubscribes", "application/x-www-form-urlencoded", "address=a@b.example&tag=" + strings.Repeat("x", 129), 400, "tag"},
		{"bounces/import", "text/csv", "a@b.example", 415, "multipart"},
	} {
		rec := w.post(base+tt.path, w.school, tt.contentType, []byte(tt.body))
		if rec.Code != tt.status || !strings.Contains(messageOf(rec), tt.message) {
			t.Errorf("%s %.60s: %d %s", tt.path, tt.body, rec.Code, rec.Body)
		}
	}
	for _, query := range []string{"limit=0", "limit=x", "page=middle", "skip=1", "address=" + strings.Repeat("x", 600)} {
		if rec := w.read(base+"bounces?"+query, w.school); rec.Code != 400 {
			t.Errorf("?%s: %d %s", query, rec.Code, rec.Body)
		}
	}
	if rec := w.read(base+"bounces", w.school); !strings.Contains(rec.Body.String(), `"items":[]`) {
		t.Errorf("something was added: %s", rec.Body)
	}
}

// pageOf reads a page: the addresses, and where the others are.
func (w *world) pageOf(address string) (addresses []string, paging map[string]string) {
	w.t.Helper()
	u, err := url.Parse(address)
	w.ok(err)
	rec := w.read(u.RequestURI(), w.school)
	var p struct {
		Items  []struct{ Address string }
		Paging map[string]string
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil || rec.Code != 200 {
		w.t.Fatalf("%s: %d %s", address, rec.Code, rec.Body)
	}
	for _, i := range p.Items {
		addresses = append(addresses, i.Address)
	}
	return addresses, p.Paging
}

func TestSuppressionPages(t *testing.T) {
	w := listWorld(t)
	var want []string
	for i := range 7 {
		address := fmt.Sprintf("a%d+b@b.example", i)
		domain := "school.example"
		if i%2 == 1 {
			domain = "" // for every domain of the account
		}
		w.list("school", domain, model.SuppressUnsubscribe, address, "news", listedAt)
		w.list("school", domain, model.SuppressUnsubscribe, address, "offers", listedAt)
		want = append(want, address)
	}
	w.list("school", "", model.SuppressUnsubscribe, "a2+b@b.example", "", listedAt) // in both
	w.list("school", "school.example", model.SuppressUnsubscribe, "z@b.example", "", listedAt)
	const first = "/v3/school.example/unsubscribes?limit=3&term=a"
	var got []string
	at := first
	var paging map[string]string
	for range 3 {
		var page []string
		page, paging = w.pageOf(at)
		got = append(got, page...)
		at = paging["next"]
	}
	if !slices.Equal(got, want) || !strings.HasPrefix(at, "http://mail.example/v3/school.example/unsubscribes?") {
		t.Errorf("forward %v; next %s", got, at)
	}
	if page, p := w.pageOf(at); len(page) != 0 || p["next"] != at {
		t.Errorf("behind the end: %v, %v", page, p)
	}
	got = nil
	at = paging["last"]
	for range 4 {
		page, p := w.pageOf(at)
		got = append(slices.Clone(page), got...)
		at = p["previous"]
		paging = p
	}
	if !slices.Equal(got, want) || len(w.first(paging["next"])) != 3 {
		t.Errorf("backward %v; %v", got, paging)
	}
	if page, _ := w.pageOf("/v3/school.example/unsubscribes?term=a2%2Bb@b.example"); !slices.Equal(page, []string{"a2+b@b.example"}) {
		t.Errorf("the whole address as term: %v", page)
	}
	rec := w.read("/v3/school.example/unsubscribes/a2+b@b.example", w.school)
	if !strings.Contains(rec.Body.String(), `"tags":["*","news","offers"]`) {
		t.Errorf("%s", rec.Body)
	}
}

func (w *world) first(address string) []string {
	page, _ := w.pageOf(address)
	return page
}

func TestSuppressionsAreImported(t *testing.T) {
	w := listWorld(t)
	w.list("school", "school.example", model.SuppressAllow, "@kept.example", "", listedAt)
	contentType, body := pairs{"file=bounces.csv", "address,code,error,created_at\nanna@b.example,550,\"gone, long ago\",\"Mon, 02 Nov 2026 09:30:00 UTC\"\nnobody,550,x,\nx@kept.example,550,,\n"}.multipart()
	answered(t, w.post("/v3/school.example/bounces/import", w.school, contentType, body), 202, `{"message":"file uploaded successfully","rows":3,"listed":1,"allowed":1,"refused":1,
		"refused_rows":[{"row":3,"text":"nobody,550,x,","message":"\"nobody\" is not an e-mail address: there is no @"}]}`)
	answered(t, w.read("/v3/school.example/bounces/anna@b.example", w.school), 200,
		`{"address":"anna@b.example","code":"550","error":"gone, long ago","created_at":"Mon, 02 Nov 2026 09:30:00 UTC"}`)
	contentType, body = pairs{"file=list.txt", "bo@b.example\ncia@b.example\n"}.multipart()
	if rec := w.post("/v3/school.example/complaints/import", w.school, contentType, body); rec.Code != 202 || !strings.Contains(rec.Body.String(), `"listed":2`) {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestMailgunGoLists keeps lists with Mailgun's own client, which has no calls for whitelists in this version.
func TestMailgunGoLists(t *testing.T) {
	w := listWorld(t)
	mg := mailgun.NewMailgun("school.example", w.school)
	mg.SetAPIBase(w.listen() + "/v3")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var want []string
	var bounces []mailgun.Bounce
	var unsubscribes []mailgun.Unsubscribe
	for i := range 5 {
		address := fmt.Sprintf("user+%d@b.example", i)
		want = append(want, address)
		bounces = append(bounces, mailgun.Bounce{Address: address, Code: "550", Error: "no such user"})
		unsubscribes = append(unsubscribes, mailgun.Unsubscribe{Address: address, Tags: []string{"news"}})
	}
	w.ok(mg.AddBounces(ctx, bounces[1:]))
	w.ok(mg.AddBounce(ctx, want[0], "550", "no such user"))
	w.ok(mg.CreateUnsubscribes(ctx, unsubscribes[1:]))
	w.ok(mg.CreateUnsubscribe(ctx, want[0], "news"))
	w.ok(mg.CreateComplaints(ctx, want[1:]))
	w.ok(mg.CreateComplaint(ctx, want[0]))

	o := &mailgun.ListOptions{Limit: 2}
	var got []string
	var bs []mailgun.Bounce
	for it := mg.ListBounces(o); it.Next(ctx, &bs) && len(got) <= len(want); {
		for _, b := range bs {
			got = append(got, b.Address)
			if b.Code != "550" || b.Error != "no such user" || time.Since(time.Time(b.CreatedAt)) > time.Hour {
				t.Errorf("%+v", b)
			}
		}
	}
	var us []mailgun.Unsubscribe
	for it := mg.ListUnsubscribes(o); it.Next(ctx, &us) && len(got) <= 2*len(want); {
		for _, u := range us {
			got = append(got, u.Address)
			if !slices.Equal(u.Tags, []string{"news"}) {
				t.Errorf("%+v", u)
			}
		}
	}
	var cs []mailgun.Complaint
	it := mg.ListComplaints(o)
	for it.Next(ctx, &cs) && len(got) <= 3*len(want) {
		for _, c := range cs {
			got = append(got, c.Address)
			if c.Count != 1 {
				t.Errorf("%+v", c)
			}
		}
	}
	if !slices.Equal(got, slices.Concat(want, want, want)) || it.Err() != nil {
		t.Errorf("listed %q, %v", got, it.Err())
	}
	if !it.Last(ctx, &cs) || len(cs) != 2 || !it.Previous(ctx, &cs) || cs[0].Address != want[1] || !it.First(ctx, &cs) || cs[0].Address != want[0] {
		t.Errorf("pages %v, %v", cs, it.Err())
	}

	b, err := mg.GetBounce(ctx, want[0])
	if err != nil || b.Address != want[0] {
		t.Errorf("%+v, %v", b, err)
	}
	u, err := mg.GetUnsubscribe(ctx, want[0])
	if err != nil || u.Address != want[0] {
		t.Errorf("%+v, %v", u, err)
	}
	c, err := mg.GetComplaint(ctx, want[0])
	if err != nil || c.Address != want[0] {
		t.Errorf("%+v, %v", c, err)
	}
	w.ok(mg.DeleteUnsubscribeWithTag(ctx, want[0], "news"))
	w.ok(mg.DeleteUnsubscribe(ctx, want[1]))
	w.ok(mg.DeleteBounce(ctx, want[0]))
	w.ok(mg.DeleteComplaint(ctx, want[0]))
	_, berr := mg.GetBounce(ctx, want[0])
	_, uerr := mg.GetUnsubscribe(ctx, want[0])
	_, cerr := mg.GetComplaint(ctx, want[0])
	if mailgun.GetStatusFromErr(berr) != 404 || mailgun.GetStatusFromErr(uerr) != 404 || mailgun.GetStatusFromErr(cerr) != 404 {
		t.Errorf("after they were removed: %v, %v, %v", berr, uerr, cerr)
	}
	w.ok(mg.DeleteBounceList(ctx))
	if it := mg.ListBounces(nil); it.Next(ctx, &bs) || it.Err() != nil {
		t.Errorf("the list is empty: %v, %v", bs, it.Err())
	}
}

// listedJS is what mailgun.js got of one list.
type listedJS struct {
	Created         struct{ Message string }
	Items           []string
	Found           map[string]any
	Destroyed, Gone int
}

func checkListsJS(t *testing.T, got map[string]listedJS) {
	t.Helper()
	year := float64(time.Now().UTC().Year())
	want := map[string]listedJS{
		"bounces":      {Found: map[string]any{"code": float64(550), "year": year}},
		"unsubscribes": {Found: map[string]any{"tags": []any{"news"}, "year": year}},
		"complaints":   {Found: map[string]any{"year": year}},
		"whitelists":   {Found: map[string]any{"reason": "ours"}},
	}
	for kind, o := range want {
		o.Created.Message = "3 addresses have been added to the " + kind + " table"
		o.Items, o.Destroyed, o.Gone = []string{"a+1@example.net", "b@example.net", "c@example.net"}, 200, 404
		if kind == "whitelists" {
			o.Created.Message, o.Items = "Address/Domain has been added to the whitelists table", []string{"example.net"}
		}
		if d := cmp.Diff(o, got[kind]); d != "" {
			t.Errorf("%s with mailgun.js: - wanted, + got:\n%s", kind, d)
		}
	}
}

// TestWhatRecipientsSayIsEvents: Mailgun's client reads them, and no server is said to have spoken.
func TestWhatRecipientsSayIsEvents(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, simple("o:tag", "start"))
	w.note(model.EventUnsubscribed, 0, model.EventData{Reason: "one click", Tag: "start"})
	w.note(model.EventComplained, 0, model.EventData{})
	w.note(model.EventReturned, 0, model.EventData{}) // which Mailgun has no word for
	mg := mailgun.NewMailgun("school.example", w.school)
	mg.SetAPIBase(w.listen() + "/v3")
	var page []mailgun.Event
	it := mg.ListEvents(&mailgun.ListEventOptions{ForceAscending: true})
	if !it.Next(t.Context(), &page) || len(page) != 3 {
		t.Fatalf("%v, %v", page, it.Err())
	}
	unsubscribed, ok := page[1].(*events.Unsubscribed)
	if !ok || unsubscribed.Recipient != "anna@example.net" || !slices.Equal(unsubscribed.Tags, []string{"start"}) || unsubscribed.Message.Headers.MessageID == "" {
		t.Errorf("%+v", page[1])
	}
	if complained, ok := page[2].(*events.Complained); !ok || complained.Recipient != "anna@example.net" {
		t.Errorf("%+v", page[2])
	}
	if rec := w.read("/v3/school.example/events?event=unsubscribed", w.school); strings.Contains(rec.Body.String(), "delivery-status") || strings.Contains(rec.Body.String(), "envelope") {
		t.Errorf("%s", rec.Body)
	}
}
