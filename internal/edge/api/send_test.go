package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const messagesPath = "/v3/school.example/messages"

func TestOneMessageForAllRecipients(t *testing.T) {
	w := newWorld(t)
	id := w.send(messagesPath, pairs{
		"from", "Åsa Öberg <rektor@school.example>", "to", "Pär Ström <par@example.net>, eva@räksmörgås.example", "to", "bo@example.net",
		"cc", "Cia <cia@example.net>", "bcc", "dag@example.net", "subject", "Välkommen åter till läsåret – många ord så att raden måste brytas, och så några till",
		"text", "Hej\n\nåäö " + strings.Repeat("lång rad ", 200), "html", "<p>Hej åäö</p>", "amp-html", "<html ⚡4email></html>",
		"h:Reply-To", "Expedition å <exp@school.example>", "h:X-Termin", "Hösten är här", "v:elev", "17", "o:tag", "start", "o:tag", "höst"[:1], "o:tracking", "no", "o:dkim", "yes",
	})
	k := w.only()
	want := []string{"par@example.net", "eva@xn--rksmrgs-5wao1o.example", "bo@example.net", "cia@example.net", "dag@example.net"}
	if !slices.Equal(k.recipients, want) {
		t.Errorf("recipients %q, want %q", k.recipients, want)
	}
	if k.Meta.MessageID != id || k.Sender != "rektor@school.example" || k.Origin != "http" || k.Meta.Variables["elev"] != "17" || len(k.Meta.Tags) != 2 || k.UTF8 || k.EightBit {
		t.Errorf("stored %+v", k.Message)
	}
	for field, want := range map[string]string{
		"From": "Åsa Öberg <rektor@school.example>", "Subject": "Välkommen åter till läsåret – många ord så att raden måste brytas, och så några till",
		"X-Termin": "Hösten är här", "Reply-To": "Expedition å <exp@school.example>", "Bcc": "", "Cc": `"Cia" <cia@example.net>`,
	} {
		if got := k.mail.GetHeader(field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
	if to, err := k.mail.AddressList("To"); err != nil || len(to) != 3 || to[0].Name != "Pär Ström" || to[1].Address != "eva@xn--rksmrgs-5wao1o.example" {
		t.Errorf("To %v, %v", to, err)
	}
	if strings.ReplaceAll(k.mail.Text, "\r\n", "\n") != "Hej\n\nåäö "+strings.Repeat("lång rad ", 200) || k.mail.HTML != "<p>Hej åäö</p>" {
		t.Errorf("text %q, html %q", k.mail.Text, k.mail.HTML)
	}
	for _, line := range strings.Split(string(k.raw), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("line of %d octets", len(line))
		}
	}
	if n := strings.Count(string(k.raw), "\r\nMessage-ID:"); n != 1 || strings.Count(string(k.raw), "\r\nDate:") != 1 {
		t.Errorf("%d Message-ID fields\n%s", n, k.raw)
	}
	if strings.Index(string(k.raw), "text/x-amp-html") > strings.Index(string(k.raw), "text/html") {
		t.Error("AMP must stand before HTML")
	}
}

func TestURLEncodedAndGzip(t *testing.T) {
	w := newWorld(t)
	contentType, body := simple().urlencoded()
	var z bytes.Buffer
	g := gzip.NewWriter(&z)
	_, _ = g.Write(body)
	g.Close()
	r := httptest.NewRequest("POST", messagesPath, &z)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Content-Encoding", "gzip")
	if rec := w.do(r, w.school); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	if k := w.only(); k.mail.Text != "Hej då" {
		t.Errorf("text %q", k.mail.Text)
	}
}

func TestBatchIsAMessageEachWithOneID(t *testing.T) {
	w := newWorld(t)
	id := w.send(messagesPath, pairs{
		"from", "rektor@school.example", "to", "Anna A <anna@example.net>", "to", "bo@EXAMPLE.net", "to", "bo@example.net", "to", "cia@example.net", "cc", "kopia@example.net",
		"subject", "Hej %recipient.namn%", "text", "%recipient.namn%, %recipient.ålder% år, %recipient%: 100% %recipient.finns_ej%", "html", "<a href='/%recipient.id%'>%recipient.namn%</a>",
		"h:List-Unsubscribe", "<https://school.example/u/%recipient.id%>", "v:elev", "%recipient.id%",
		"recipient-variables", `{"anna@example.net":{"namn":"Åsa","ålder":7,"id":"a1"},"bo@example.net":{"namn":"%recipient.id%","id":"b2"}}`,
	})
	list := w.kept()
	if len(list) != 3 {
		t.Fatalf("%d messages, want 3", len(list))
	}
	want := []struct{ to, subject, text, html, unsubscribe, variable string }{
		{"anna@example.net", "Hej Åsa", "Åsa, 7 år, anna@example.net: 100% %recipient.finns_ej%", "<a href='/a1'>Åsa</a>", "<https://school.example/u/a1>", "a1"},
		{"bo@example.net", "Hej %recipient.id%", "%recipient.id%, %recipient.ålder% år, bo@example.net: 100% %recipient.finns_ej%", "<a href='/b2'>%recipient.id%</a>", "<https://school.example/u/b2>", "b2"},
		{"cia@example.net", "Hej %recipient.namn%", "%recipient.namn%, %recipient.ålder% år, cia@example.net: 100% %recipient.finns_ej%", "<a href='/%recipient.id%'>%recipient.namn%</a>", "<https://school.example/u/%recipient.id%>", "%recipient.id%"},
	}
	for i, k := range list {
		if !slices.Equal(k.recipients, []string{want[i].to, "kopia@example.net"}) || k.Meta.MessageID != id {
			t.Errorf("message %d: to %q, id %s, want %s", i, k.recipients, k.Meta.MessageID, id)
		}
		to, err := k.mail.AddressList("To")
		if err != nil || len(to) != 1 || to[0].Address != want[i].to {
			t.Errorf("message %d: To %v, %v", i, to, err)
		}
		got := []string{k.mail.GetHeader("Subject"), k.mail.Text, k.mail.HTML, k.mail.GetHeader("List-Unsubscribe"), k.Meta.Variables["elev"]}
		if !slices.Equal(got, []string{want[i].subject, want[i].text, want[i].html, want[i].unsubscribe, want[i].variable}) {
			t.Errorf("message %d: %q", i, got)
		}
	}
}

func TestAttachmentsKeepSwedishNames(t *testing.T) {
	w := newWorld(t)
	data := strings.Repeat("\x00\xff\r\n", 5000)
	w.send(messagesPath, simple("html", `<img src="cid:bild.png">`, "attachment=Läsårsplan å ä ö (höst).pdf", data, "attachment=C:\\mapp\\rapport.txt", "x", "inline=bild.png", "png"))
	k := w.only()
	if len(k.mail.Attachments) != 2 || k.mail.Attachments[0].FileName != "Läsårsplan å ä ö (höst).pdf" || string(k.mail.Attachments[0].Content) != data || k.mail.Attachments[1].FileName != "rapport.txt" {
		for _, a := range k.mail.Attachments {
			t.Errorf("attachment %q of type %s with %d octets", a.FileName, a.ContentType, len(a.Content))
		}
	}
	if len(k.mail.Inlines) != 1 || k.mail.Inlines[0].ContentID != "bild.png" {
		t.Errorf("inline %v", k.mail.Inlines)
	}
	if len(k.Meta.Attachments) != 3 || k.Meta.Attachments[0].Size != int64(len(data)) {
		t.Errorf("stored %v", k.Meta.Attachments)
	}
}

func TestMIMEWithEitherLineEnd(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		w := newWorld(t)
		raw := strings.ReplaceAll("From: R <rektor@school.example>\nTo: anna@example.net\nBcc: x@example.net\nSubject: s\n\nrad 1\n\n.\nrad 4", "\n", end)
		id := w.send(messagesPath+".mime", pairs{"to", "anna@example.net", "message=message.mime", raw, "h:X-Mer", "å", "o:tag", "m"})
		k := w.only()
		if k.Meta.MessageID != id || k.Sender != "rektor@school.example" || !strings.HasSuffix(string(k.raw), "\r\n\r\nrad 1\r\n\r\n.\r\nrad 4") || k.mail.GetHeader("X-Mer") != "å" || k.mail.GetHeader("Bcc") != "" {
			t.Errorf("%q: %s", end, k.raw)
		}
	}
}

func TestOptionsReachTheMessage(t *testing.T) {
	w := newWorld(t)
	at := time.Now().Add(25 * time.Hour).Truncate(time.Second)
	w.send(messagesPath, simple("o:testmode", "yes", "o:deliverytime", at.Format(time.RFC1123Z), "h:X-Mailgun-Variables", `{"a":1}`))
	k := w.only()
	if !k.TestMode || !k.NotBefore.Equal(at) || k.mail.GetHeader("X-Mailgun-Variables") != `{"a":1}` {
		t.Errorf("stored %+v", k.Message)
	}
}

func TestRefusalsNameTheField(t *testing.T) {
	w := newWorld(t)
	many := simple()
	for i := range 1000 {
		many = append(many, "to", fmt.Sprintf("a%d@example.net", i))
	}
	batch := pairs{"from", "rektor@school.example", "subject", "s", "text", strings.Repeat("x", 50_000), "recipient-variables", "{}"}
	for i := range 20 {
		batch = append(batch, "to", fmt.Sprintf("a%d@example.net", i))
	}
	tests := []struct {
		name   string
		form   pairs
		status int
		want   string
	}{
		{"no from", pairs{"to", "a@example.net", "text", "x"}, 400, "from parameter is missing"},
		{"no to", pairs{"from", "rektor@school.example", "text", "x"}, 400, "to parameter is missing"},
		{"no content", pairs{"from", "rektor@school.example", "to", "a@example.net"}, 400, "'text', 'html'"},
		{"bad to", simple("to", "ingen"), 400, `to: "ingen" is not a valid address`},
		{"bad cc", simple("cc", "a..b@example.net"), 400, "cc: "},
		{"two from", pairs{"from", "a@school.example, b@school.example", "to", "a@example.net", "text", "x"}, 400, "from: 2 addresses"},
		{"other's from", pairs{"from", "x@shop.example", "to", "a@example.net", "text", "x"}, 403, "x@shop.example"},
		{"from that waits", pairs{"from", "x@waiting.example", "to", "a@example.net", "text", "x"}, 403, "waiting.example, which may not send yet"},
		{"1001 recipients", many, 400, "more than 1000 recipients"},
		{"template", simple("template", "t"), 400, "template: "},
		{"template variables", simple("t:version", "2"), 400, "t:version: "},
		{"unknown", simple("sujbect", "x"), 400, "sujbect is not a parameter"},
		{"subject twice", simple("subject", "x"), 400, "subject is given 2 times"},
		{"unsubscribe", simple("html", "%unsubscribe_url%"), 400, "html: %unsubscribe_url%"},
		{"variables", simple("recipient-variables", "[]"), 400, "recipient-variables: "},
		{"variables null", simple("recipient-variables", "null"), 400, "recipient-variables: "},
		{"batch too large", batch, 413, "send to fewer recipients"},
		{"too large", simple("attachment=a", strings.Repeat("x", maxSize)), 413, "larger than"},
		{"file elsewhere", simple("bilaga=a", "x"), 400, "bilaga: a file is taken as attachment"},
		{"newline in subject", pairs{"from", "rektor@school.example", "to", "a@example.net", "text", "x", "subject", "a\r\nBcc: b@example.net"}, 400, "Subject has a line break"},
		{"newline in header", simple("h:X-A", "a\nBcc: b@example.net"), 400, "X-A has a line break"},
		{"newline from a variable", simple("h:X-A", "%recipient.a%", "recipient-variables", `{"anna@example.net":{"a":"1\r\nBcc: x"}}`), 400, "X-A has a line break"},
		{"header name", simple("h:X A", "a"), 400, "h:X A is not the name"},
		{"header To", simple("h:To", "a@example.net"), 400, "h:To: give this as the parameter to"},
		{"header Message-Id", simple("h:Message-Id", "<a@b>"), 400, "h:Message-Id: "},
		{"header Content-Type", simple("h:Content-Type", "text/plain"), 400, "h:Content-Type: "},
		{"header twice", simple("h:X-A", "a", "h:x-a", "b"), 400, "is given twice"},
		{"header Date", simple("h:Date", "i går"), 400, "h:Date: "},
		{"long word", simple("h:X-A", strings.Repeat("a", 901)), 400, "X-A has 901 characters"},
		{"11 tags", simple("o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a", "o:tag", "a"), 400, "o:tag: 11 tags"},
		{"tag", simple("o:tag", "höst"), 400, "o:tag: "},
		{"time", simple("o:deliverytime", "snart"), 400, "o:deliverytime: "},
		{"far time", simple("o:deliverytime", time.Now().Add(8*24*time.Hour).Format(time.RFC1123Z)), 400, "o:deliverytime: "},
		{"testmode", simple("o:testmode", "ja"), 400, "o:testmode: "},
		{"dkim", simple("o:dkim", "no"), 400, "o:dkim: "},
		{"tracking", simple("o:tracking-clicks", "htmlonly"), 400, "o:tracking-clicks: "},
		{"tls", simple("o:require-tls", "true"), 400, "o:require-tls: "},
		{"ip", simple("o:sending-ip", "192.0.2.1"), 400, "o:sending-ip: "},
		{"variables size", simple("v:a", strings.Repeat("x", maxVariables)), 400, "v:a: "},
		{"not UTF-8", simple("h:X-A", "\xff"), 400, "h:X-A: the value is not valid UTF-8"},
	}
	for _, test := range tests {
		contentType, body := test.form.multipart()
		rec := w.post(messagesPath, w.school, contentType, body)
		if rec.Code != test.status || !strings.Contains(messageOf(rec), test.want) {
			t.Errorf("%s: %d %s, want %d with %q", test.name, rec.Code, rec.Body, test.status, test.want)
		}
	}
	for _, test := range []struct {
		name string
		form pairs
		want string
	}{
		{"no message", pairs{"to", "a@example.net"}, "message parameter is missing"},
		{"no to", pairs{"message=m", "From: rektor@school.example\n\nx"}, "to parameter is missing"},
		{"no From", pairs{"to", "a@example.net", "message=m", "Subject: x\n\nx"}, "no From field"},
		{"bare CR", pairs{"to", "a@example.net", "message=m", "From: rektor@school.example\n\nx\rx"}, "CR or LF that stands alone"},
		{"text", pairs{"to", "a@example.net", "text", "x", "message=m", "From: rektor@school.example\n\nx"}, "text is not a parameter"},
	} {
		contentType, body := test.form.multipart()
		if rec := w.post(messagesPath+".mime", w.school, contentType, body); rec.Code != 400 || !strings.Contains(messageOf(rec), test.want) {
			t.Errorf("mime, %s: %d %s, want 400 with %q", test.name, rec.Code, rec.Body, test.want)
		}
	}
	if n := len(w.kept()); n != 0 {
		t.Errorf("%d messages were kept", n)
	}
	w.wantNothingHeld()
}

// wantNothingHeld fails if some of the memory budget was not given back.
func (w *world) wantNothingHeld() {
	w.t.Helper()
	release, err := w.submit.Hold(maxMemory)
	w.ok(err)
	release()
}

func TestWhoMayCall(t *testing.T) {
	w := newWorld(t)
	contentType, body := simple().multipart()
	tests := []struct {
		name, path, key string
		status          int
		want            string
	}{
		{"no key", messagesPath, "", 401, "Invalid private key"},
		{"wrong key", messagesPath, "key-x", 401, "Invalid private key"},
		{"another's domain", "/v3/shop.example/messages", w.school, 404, "Domain not found: shop.example"},
		{"no domain", "/v3/nowhere.example/messages", w.school, 404, "Domain not found: nowhere.example"},
		{"no domain at all", "/v3/@/messages", w.school, 404, "Domain not found: @"},
		{"waiting domain", "/v3/waiting.example/messages", w.school, 403, "Domain waiting.example is not allowed to send: it is waiting: its DNS"},
		{"operator", messagesPath, w.staff, 200, "Queued"},
		{"upper case", "/v3/School.Example/messages", w.school, 200, "Queued"},
		{"no such call", "/v3/school.example/massages", w.school, 404, "There is no call POST"},
	}
	for _, test := range tests {
		rec := w.post(test.path, test.key, contentType, body)
		if rec.Code != test.status || !strings.Contains(messageOf(rec), test.want) || rec.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", test.name, rec.Code, rec.Body)
		}
	}
	r := httptest.NewRequest("POST", messagesPath, bytes.NewReader(body))
	r.Header.Set("X-Mailgun-On-Behalf-Of", "sub")
	if rec := w.do(r, w.school); rec.Code != 400 || !strings.Contains(messageOf(rec), "X-Mailgun-On-Behalf-Of") {
		t.Errorf("on behalf: %d %s", rec.Code, rec.Body)
	}
}

func TestGuessingIsSlowedAndTheRightKeyIsNot(t *testing.T) {
	w := newWorld(t)
	last := 0
	for range failureBurst + 2 {
		last = w.do(httptest.NewRequest("GET", "/v3/school.example/events", nil), "key-wrong").Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after %d wrong keys: %d, want 429", failureBurst+2, last)
	}
	if rec := w.do(httptest.NewRequest("GET", "/v3/school.example/events", nil), w.school); rec.Code != 200 {
		t.Errorf("the right key: %d %s", rec.Code, rec.Body)
	}
	if n := strings.Count(w.log.String(), "authentication failed"); n != failureBurst || strings.Contains(w.log.String(), "key-wrong") {
		t.Errorf("%d log lines, want %d:\n%s", n, failureBurst, w.log)
	}
}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	w := newWorld(t)
	post := func(key, text string) *httptest.ResponseRecorder {
		contentType, body := simple("h:X-Text", text).multipart()
		r := httptest.NewRequest("POST", messagesPath, bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Idempotency-Key", key)
		return w.do(r, w.school)
	}
	answers := make([]string, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = post("order-17", fmt.Sprint(i)).Body.String() })
	}
	wg.Wait()
	for _, a := range answers {
		if a != answers[0] || !strings.Contains(a, "Queued") {
			t.Errorf("answers differ: %s and %s", answers[0], a)
		}
	}
	again := post("order-17", "another text")
	if again.Code != 200 || again.Body.String() != answers[0] || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Errorf("repeat: %d %v %s", again.Code, again.Header(), again.Body)
	}
	w.only()
	if rec := post(strings.Repeat("k", 256), "x"); rec.Code != 400 || !strings.Contains(messageOf(rec), "Idempotency-Key") {
		t.Errorf("long key: %d %s", rec.Code, rec.Body)
	}
	w.wantNothingHeld()
}

func TestOutOfRoomIsPutOff(t *testing.T) {
	w := newWorld(t)
	contentType, body := simple("attachment=a", strings.Repeat("x", 100_000)).multipart()
	for _, test := range []struct {
		name    string
		prepare func() (undo func())
	}{
		{"disk", func() func() { w.disk = errors.New("full"); return func() { w.disk = nil } }},
		{"memory", func() func() { release, err := w.submit.Hold(maxMemory - 100_000); w.ok(err); return release }},
	} {
		undo := test.prepare()
		rec := w.post(messagesPath, w.school, contentType, body)
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || !strings.Contains(messageOf(rec), "try again later") {
			t.Errorf("%s: %d %v %s", test.name, rec.Code, rec.Header(), rec.Body)
		}
		undo()
	}
	if rec := w.post(messagesPath, w.school, contentType, body); rec.Code != 200 {
		t.Errorf("afterwards: %d %s", rec.Code, rec.Body)
	}
	w.wantNothingHeld()
}

func TestBodiesThatAreNoForm(t *testing.T) {
	w := newWorld(t)
	var bomb bytes.Buffer
	g := gzip.NewWriter(&bomb)
	_, _ = g.Write(append([]byte("text="), make([]byte, 2*(maxSize+formRoom))...))
	g.Close()
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		name, contentType, encoding string
		body                        []byte
		status                      int
		want                        string
	}{
		{"JSON", "application/json", "", []byte("{}"), 415, "Content-Type: "},
		{"no boundary", "multipart/form-data", "", []byte("{}"), 415, "Content-Type: "},
		{"cut", "multipart/form-data; boundary=b", "", []byte("--b\r\nContent-Disposition: form-data; name=to\r\n\r\nx"), 400, "cannot be read as a form"},
		{"escape", form, "", []byte("to=%zz"), 400, "x-www-form-urlencoded"},
		{"no gzip", form, "gzip", []byte("to=a"), 400, "not gzip"},
		{"brotli", form, "br", []byte("to=a"), 415, "Content-Encoding: "},
		{"bomb", form, "gzip", bomb.Bytes(), 413, "larger than"},
		{"fields", form, "", []byte(strings.Repeat("to=a&", maxFields+1)), 400, "more than"},
	} {
		r := httptest.NewRequest("POST", messagesPath, bytes.NewReader(test.body))
		r.Header.Set("Content-Type", test.contentType)
		r.Header.Set("Content-Encoding", test.encoding)
		if rec := w.do(r, w.school); rec.Code != test.status || !strings.Contains(messageOf(rec), test.want) {
			t.Errorf("%s: %d %s, want %d with %q", test.name, rec.Code, rec.Body, test.status, test.want)
		}
	}
	w.wantNothingHeld()
}
