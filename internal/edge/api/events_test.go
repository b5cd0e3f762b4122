package api

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

const eventsPath = "/v3/school.example/events"

// get reads a page of events.
func (w *world) get(path string) (items []map[string]any, paging map[string]string) {
	w.t.Helper()
	rec := w.do(httptest.NewRequest("GET", path, nil), w.school)
	if rec.Code != 200 {
		w.t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	var page struct {
		Items  []map[string]any
		Paging map[string]string
	}
	w.ok(json.Unmarshal(rec.Body.Bytes(), &page))
	for k, v := range page.Paging {
		path, ok := strings.CutPrefix(v, "http://mail.example/v3/school.example/events/")
		if !ok || strings.ContainsAny(path, "/?#%") {
			w.t.Errorf("paging %s is %q", k, v)
		}
		page.Paging[k] = strings.TrimPrefix(v, "http://mail.example")
	}
	return page.Items, page.Paging
}

// all follows next to the end, with so many pages at most.
func (w *world) all(query string) (names []string) {
	w.t.Helper()
	items, paging := w.get(eventsPath + "?" + query)
	for n := 0; len(items) > 0; n++ {
		if n == 1000 {
			w.t.Fatal("the pages do not end")
		}
		for _, i := range items {
			names = append(names, fmt.Sprint(i["event"], " ", i["recipient"]))
		}
		items, paging = w.get(paging["next"])
	}
	return names
}

// note writes an event of the newest message's recipient n.
func (w *world) note(kind model.EventKind, n int, d model.EventData) {
	w.t.Helper()
	list := w.kept()
	m := list[len(list)-1]
	w.ok(w.store.NoteEvents(w.t.Context(), []model.Event{{
		ID: w.ids.Next(), Kind: kind, At: time.Now(), Account: m.Account, Domain: m.Message.Domain, Message: m.ID, N: n, Recipient: m.recipients[n], Data: d,
	}}))
}

// story sends to four recipients and lets something become of each.
func (w *world) story() (id string) {
	w.t.Helper()
	id = w.send(messagesPath, simple("to", "bo@example.net", "to", "cia@example.net", "to", "dag@example.net", "v:elev", "17", "o:tag", "start", "attachment=å.txt", "x"))
	reply := func(code int, enhanced, text string) *model.Reply {
		return &model.Reply{Code: code, Enhanced: enhanced, Text: text, Host: "mx.example.net", Addr: "192.0.2.1:25", Source: "192.0.2.2", TLS: "TLS 1.3"}
	}
	next := time.Now().Add(time.Minute)
	w.note(model.EventDeferred, 0, model.EventData{Reply: reply(451, "4.7.1", "greylisted"), Attempt: 1, NextAt: &next})
	w.note(model.EventHeld, 0, model.EventData{})
	w.note(model.EventDelivered, 0, model.EventData{Reply: reply(250, "2.0.0", "OK"), Attempt: 2, Delays: &model.Delays{Send: time.Second}})
	w.note(model.EventBounced, 1, model.EventData{Reply: reply(550, "5.1.1", "no such user"), Attempt: 1})
	w.note(model.EventExpired, 2, model.EventData{Reply: reply(452, "4.2.2", "full"), Attempt: 9, Reason: "not delivered within 5 days"})
	w.note(model.EventDelivered, 3, model.EventData{Code: 650, Attempt: 1})
	w.note(model.EventBounced, 3, model.EventData{Reply: reply(550, "5.1.1", "gone"), Delayed: true})
	return id
}

func TestEventsInMailgunsWords(t *testing.T) {
	w := newWorld(t)
	id := w.story()
	items, _ := w.get(eventsPath + "?ascending=yes")
	if len(items) != 10 {
		t.Fatalf("%d events, want 10 (held is not one of Mailgun's)", len(items))
	}
	want := []struct {
		n                       int
		event, severity, reason string
		code                    float64
	}{
		{0, "accepted", "", "", 0},
		{4, "failed", "temporary", "generic", 451},
		{5, "delivered", "", "", 250},
		{6, "failed", "permanent", "bounce", 550},
		{7, "failed", "permanent", "old", 452},
		{8, "delivered", "", "", 650},
		{9, "failed", "permanent", "bounce", 550},
	}
	text := func(v any) string {
		if v == nil {
			return ""
		}
		return fmt.Sprint(v)
	}
	for _, x := range want {
		i := items[x.n]
		status, _ := i["delivery-status"].(map[string]any)
		if text(i["event"]) != x.event || text(i["severity"]) != x.severity || text(i["reason"]) != x.reason || status != nil && status["code"] != x.code {
			t.Errorf("event %d: %v", x.n, i)
		}
		headers := i["message"].(map[string]any)["headers"].(map[string]any)
		if headers["message-id"] != id || headers["subject"] != "Hej" || i["user-variables"].(map[string]any)["elev"] != "17" || i["tags"].([]any)[0] != "start" || i["recipient-domain"] != "example.net" {
			t.Errorf("event %d: %v", x.n, i)
		}
		if seconds := i["timestamp"].(float64); time.Since(time.UnixMicro(int64(seconds*1e6))).Abs() > time.Minute {
			t.Errorf("event %d: timestamp %v", x.n, i["timestamp"])
		}
	}
	if s := items[4]["delivery-status"].(map[string]any); s["mx-host"] != "mx.example.net" || s["enhanced-code"] != "4.7.1" || s["message"] != "greylisted" || s["tls"] != true || s["retry-seconds"].(float64) < 50 {
		t.Errorf("delivery-status %v", s)
	}
	if items[9]["flags"].(map[string]any)["is-delayed-bounce"] != true || items[0]["method"] != "HTTP" {
		t.Errorf("flags %v, method %v", items[9]["flags"], items[0]["method"])
	}
}

func TestEventFilters(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, pairs{"from", "Expedition <exp@school.example>", "to", "eva@example.net", "subject", "Annat", "text", "x"})
	id := w.story()
	for _, test := range []struct {
		query string
		want  int
	}{
		{"", 11},
		{"event=failed", 4},
		{"event=failed OR delivered", 6},
		{"event=NOT accepted", 6},
		{"event=opened", 0},
		{"event=failed&event=NOT delivered", 4},
		{"event=failed&severity=permanent", 3},
		{"recipient=bo@example.net", 2},
		{"message-id=" + id, 10},
		{"message-id=<" + id + ">", 10},
		{"message-id=x@y", 0},
		{"subject=annat", 1},
		{`subject="hej"`, 10},
		{"from=exp@school", 1},
		{"to=cia@example.net", 10},
		{"to=cia AND dag", 10},
		{"to=cia AND eva", 0},
		{"tags=start", 10},
		{"attachment=å.txt", 10},
		{"size=>100", 11},
		{"size=<100", 0},
		{"pretty=no", 11},
		{"limit=2", 11},
		{"limit=2&event=failed", 4},
		{"limit=1&recipient=dag@example.net&ascending=yes", 3},
		{"limit=100000", 11},
		{"begin=1000000000&end=1000000001", 0},
		{"begin=Fri, 25 Oct 2024 23:10:10 -0000&ascending=yes", 11},
		{"begin=Fri, 25 Oct 2024 23:10:10 UTC&ascending=no", 0},
		{"begin=4000000000&end=1000000000", 11},
	} {
		values, err := url.ParseQuery(strings.ReplaceAll(test.query, "+", "%2B"))
		w.ok(err)
		if got := w.all(values.Encode()); len(got) != test.want {
			t.Errorf("%s: %d events %q, want %d", test.query, len(got), got, test.want)
		}
	}
	for query, want := range map[string]string{
		"list=a@b": "list: events cannot be searched by this", "limit=0": "limit: ", "limit=x": "limit: ", "begin=igår": "begin: ", "ascending=kanske": "ascending: ",
		"event=a OR": "event: ", "event=": "event: ", `subject="a`: "quote is not closed", "-page=next": "-page: ",
	} {
		values, err := url.ParseQuery(query)
		w.ok(err)
		rec := w.do(httptest.NewRequest("GET", eventsPath+"?"+values.Encode(), nil), w.school)
		if rec.Code != 400 || !strings.Contains(messageOf(rec), want) {
			t.Errorf("%s: %d %s, want 400 with %q", query, rec.Code, rec.Body, want)
		}
	}
}

func TestBatchIsFoundByItsID(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, simple())
	id := w.send(messagesPath, simple("to", "bo@example.net", "recipient-variables", "{}"))
	if got := w.all(url.Values{"message-id": {id}}.Encode()); !slices.Equal(got, []string{"accepted bo@example.net", "accepted anna@example.net"}) {
		t.Errorf("events %q", got)
	}
}

func TestPagesGoBothWaysAndEnd(t *testing.T) {
	w := newWorld(t)
	form := simple("recipient-variables", "{}")
	for i := range 6 {
		form = append(form, "to", fmt.Sprintf("a%d@example.net", i))
	}
	w.send(messagesPath, form)
	for _, order := range []string{"yes", "no"} {
		list := func(items []map[string]any) string {
			var names []string
			for _, i := range items {
				names = append(names, strings.TrimSuffix(i["recipient"].(string), "@example.net"))
			}
			return strings.Join(names, " ")
		}
		want := []string{"anna a0 a1", "a2 a3 a4", "a5", "a3 a4 a5"}
		if order == "no" {
			want = []string{"a5 a4 a3", "a2 a1 a0", "anna", "a1 a0 anna"}
		}
		one, p1 := w.get(eventsPath + "?limit=3&ascending=" + order)
		two, p2 := w.get(p1["next"])
		three, p3 := w.get(p2["next"])
		none, p4 := w.get(p3["next"])
		still, _ := w.get(p4["next"])
		last, _ := w.get(p2["last"])
		if got := []string{list(one), list(two), list(three), list(last)}; !slices.Equal(got, want) || len(none) != 0 || len(still) != 0 {
			t.Errorf("ascending=%s: %q, then %v, %v; want %q", order, got, none, still, want)
		}
		back, b := w.get(p3["previous"])
		first, _ := w.get(b["previous"])
		before, p5 := w.get(p1["previous"])
		again, _ := w.get(p5["next"])
		top, _ := w.get(p3["first"])
		if list(back) != want[1] || list(first) != want[0] || len(before) != 0 || list(again) != want[0] || list(top) != want[0] {
			t.Errorf("ascending=%s, backwards: %q, %q, %q, %q, %q", order, list(back), list(first), list(before), list(again), list(top))
		}
	}
}

func TestPollingGoesOnAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, simple())
	_, paging := w.get(eventsPath + "?ascending=yes")
	none, paging := w.get(paging["next"])
	w.send(messagesPath, simple())
	one, _ := w.get(paging["next"])
	if len(none) != 0 || len(one) != 1 {
		t.Errorf("%d events, then %d; want 0, then 1", len(none), len(one))
	}
}

func TestOthersPagesAndAlteredOnes(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, simple())
	_, paging := w.get(eventsPath)
	_, token, _ := strings.Cut(paging["next"], "/events/")
	if rec := w.do(httptest.NewRequest("GET", "/v3/shop.example/events/"+token, nil), w.shop); rec.Code != 200 || !strings.Contains(rec.Body.String(), `"items":[]`) {
		t.Errorf("another's page: %d %s", rec.Code, rec.Body)
	}
	for _, bad := range []string{"x", token[:len(token)-3], "LXBhZ2U9dXBw", strings.Repeat("A", maxToken+1)} {
		if rec := w.do(httptest.NewRequest("GET", eventsPath+"/"+bad, nil), w.school); rec.Code != 400 {
			t.Errorf("%.20s: %d %s", bad, rec.Code, rec.Body)
		}
	}
}

func TestASearchIsBounded(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, simple())
	k := w.only()
	w.scanSteps = 2
	evs := make([]model.Event, scanStep*w.scanSteps)
	for i := range evs {
		evs[i] = model.Event{ID: w.ids.Next(), Kind: model.EventDelivered, At: time.Now(), Account: k.Account, Domain: k.Message.Domain, Message: k.ID, Recipient: "anna@example.net"}
	}
	w.ok(w.store.NoteEvents(t.Context(), evs))
	rec := w.do(httptest.NewRequest("GET", eventsPath+"?recipient=bo@example.net", nil), w.school)
	if rec.Code != 400 || !strings.Contains(messageOf(rec), "narrow the search with begin and end") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func FuzzToken(f *testing.F) {
	s, err := parseSearch(url.Values{"event": {"failed OR delivered"}, "begin": {"1000"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.token(pageNext, ident.First(time.Now())))
	f.Add(s.token(pageFirst, 0))
	f.Fuzz(func(t *testing.T, token string) {
		s, err := parseToken(token)
		if err != nil {
			return
		}
		again, err := parseToken(s.token(s.page, s.pivot))
		if err != nil || again.page != s.page || again.pivot != s.pivot || again.limit != s.limit || !again.low.Equal(s.low) || len(again.conditions) != len(s.conditions) {
			t.Errorf("%q became %+v, then %+v, %v", token, s, again, err)
		}
		if s.limit < 1 || s.limit > maxLimit {
			t.Errorf("limit %d", s.limit)
		}
	})
}

func FuzzCondition(f *testing.F) {
	f.Add("event", `failed OR NOT "a b" AND c`, "failed")
	f.Add("size", ">=10", "11")
	f.Fuzz(func(t *testing.T, field, expression, value string) {
		c, err := parseCondition(field, expression)
		if err != nil {
			return
		}
		c.holds(value)
		c.holds()
	})
}
