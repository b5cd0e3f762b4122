package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	mailgun "github.com/mailgun/mailgun-go/v4"
	"github.com/mailgun/mailgun-go/v4/events"
)

// listen serves the API on loopback and says where.
func (w *world) listen() string {
	s := httptest.NewUnstartedServer(w.API)
	w.t.Cleanup(s.Close)
	w.BaseURL = "http://" + s.Listener.Addr().String()
	s.Start()
	return s.URL
}

func TestMailgunGo(t *testing.T) {
	w := newWorld(t)
	mg := mailgun.NewMailgun("school.example", w.school)
	mg.SetAPIBase(w.listen() + "/v3")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	send := func(m *mailgun.Message) string {
		t.Helper()
		text, id, err := mg.Send(ctx, m)
		if err != nil || text != "Queued. Thank you." {
			t.Fatalf("%q, %v", text, err)
		}
		return id
	}
	const from = "Åsa Öberg <rektor@school.example>"
	simple := mailgun.NewMessage(from, "Läsårets start", "Hej då", "Pär <par@example.net>", "bo@example.net")
	simple.SetHTML("<p>Hej då</p>")
	simple.AddHeader("X-Termin", "Höst")
	w.ok(simple.AddTag("start", "go"))
	w.ok(simple.AddVariable("elev", map[string]int{"nummer": 17}))
	simple.SetTracking(false)
	simple.SetDKIM(true)
	simple.AddBufferAttachment("Läsårsplan åäö.pdf", []byte("%PDF-1.4"))
	id := send(simple)

	batch := mailgun.NewMessage(from, "Hej %recipient.namn%", "Till %recipient.namn%")
	for who, name := range map[string]string{"anna@example.net": "Åsa", "cia@example.net": "Cia"} {
		w.ok(batch.AddRecipientAndVariables(who, map[string]any{"namn": name}))
	}
	send(batch)
	send(mailgun.NewMIMEMessage(io.NopCloser(strings.NewReader("From: rektor@school.example\nSubject: mime\n\nrad\n")), "dag@example.net"))

	w.note(model.EventDeferred, 0, model.EventData{Reply: &model.Reply{Code: 451, Enhanced: "4.7.1", Text: "greylisted", Host: "mx.example.net", Addr: "192.0.2.1:25"}, Attempt: 1})

	list := w.kept()
	if len(list) != 4 || list[0].mail.GetHeader("Subject") != "Läsårets start" || list[0].mail.GetHeader("X-Termin") != "Höst" ||
		len(list[0].mail.Attachments) != 1 || list[0].mail.Attachments[0].FileName != "Läsårsplan åäö.pdf" || list[0].Meta.Variables["elev"] != `{"nummer":17}` {
		t.Fatalf("kept %d messages, the first:\n%s", len(list), list[0].raw)
	}
	names := []string{list[1].mail.GetHeader("Subject"), list[2].mail.GetHeader("Subject")}
	if slices.Sort(names); !slices.Equal(names, []string{"Hej Cia", "Hej Åsa"}) {
		t.Errorf("batch %q", names)
	}

	it := mg.ListEvents(&mailgun.ListEventOptions{Limit: 2, Begin: time.Now().Add(-time.Hour), ForceAscending: true})
	var page []mailgun.Event
	var got []string
	for pages := 0; it.Next(ctx, &page); pages++ {
		if pages == 20 {
			t.Fatal("the pages do not end")
		}
		for _, e := range page {
			got = append(got, e.GetName())
			if f, ok := e.(*events.Failed); ok && (f.Severity != "temporary" || f.DeliveryStatus.Code != 451 || f.DeliveryStatus.MxHost != "mx.example.net") {
				t.Errorf("failed %+v", f)
			}
			if a, ok := e.(*events.Accepted); ok && e.GetTimestamp().After(time.Now().Add(time.Minute)) {
				t.Errorf("accepted %+v", a)
			}
		}
	}
	if it.Err() != nil || !slices.Equal(got, []string{"accepted", "accepted", "accepted", "accepted", "accepted", "failed"}) {
		t.Errorf("events %q, %v", got, it.Err())
	}
	one := mg.ListEvents(&mailgun.ListEventOptions{Filter: map[string]string{"message-id": strings.Trim(id, "<>"), "recipient": "bo@example.net"}})
	if !one.Next(ctx, &page) || len(page) != 1 || page[0].(*events.Accepted).Message.Headers.Subject != "Läsårets start" {
		t.Errorf("one event: %v, %v", page, one.Err())
	}

	_, _, err := mg.Send(ctx, mailgun.NewMessage("x@shop.example", "s", "t", "a@example.net"))
	var refused *mailgun.UnexpectedResponseError
	if !errors.As(err, &refused) || refused.Actual != 403 || !strings.Contains(string(refused.Data), "x@shop.example") {
		t.Errorf("another's From: %v", err)
	}
}

func TestMailgunJS(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "client.js"} {
		b, err := os.ReadFile(filepath.Join("testdata", "mailgunjs", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(name string, args ...string) []byte {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		var out, errs bytes.Buffer
		c := exec.CommandContext(ctx, name, args...)
		c.Dir, c.Stdout, c.Stderr = dir, &out, &errs
		if err := c.Run(); err != nil {
			t.Fatalf("%s: %v (make deps installs node and npm)\n%s%s", name, err, &out, &errs)
		}
		return out.Bytes()
	}
	run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries", "5")

	w := listWorld(t)
	var got struct {
		Sent []struct {
			ID, Message string
			Status      int
		}
		Pages   int
		Events  []string
		Refusal struct {
			Details string
			Status  int
		}
		WrongKey     int
		Suppressions map[string]listedJS
		Validated    struct {
			Result     string
			DidYouMean string `json:"did_you_mean"`
		}
		List struct {
			Created, Destroyed struct {
				Message string
				Status  int
			}
			Job struct {
				Quantity    int
				DownloadURL struct{ CSV, JSON string }
				Summary     struct{ Result, Risk map[string]int }
			}
			All struct {
				Jobs  []struct{ ID string }
				Total int
			}
		}
	}
	w.validating()
	w.ok(json.Unmarshal(run("node", "client.js", w.listen(), w.school, "school.example"), &got))
	for _, s := range got.Sent {
		if s.Status != 200 || s.Message != "Queued. Thank you." || !strings.HasSuffix(s.ID, "@school.example>") {
			t.Errorf("sent %+v", s)
		}
	}
	want := []string{"accepted par@example.net", "accepted bo@example.net", "accepted anna@example.net", "accepted cia@example.net", "accepted dag@example.net"}
	if len(got.Sent) != 3 || !slices.Equal(got.Events, want) || got.Pages != 3 {
		t.Errorf("sent %v, events %q on %d pages", got.Sent, got.Events, got.Pages)
	}
	if got.Refusal.Status != 400 || !strings.Contains(got.Refusal.Details, `to: "ingen"`) || got.WrongKey != 401 {
		t.Errorf("refusals: %+v, wrong key %d", got.Refusal, got.WrongKey)
	}
	if got.Validated.Result != "undeliverable" || got.Validated.DidYouMean != "info@gmail.com" {
		t.Errorf("validated %+v", got.Validated)
	}
	if l := got.List; l.Created.Status != 202 || l.Job.Quantity != 2 || l.Job.Summary.Result["undeliverable"] != 1 || l.Job.Summary.Risk["low"] != 1 || l.Job.DownloadURL.CSV == "" ||
		len(l.All.Jobs) != 1 || l.All.Jobs[0].ID != "js" || l.All.Total != 1 || l.Destroyed.Status != 200 {
		t.Errorf("list %+v", l)
	}
	checkListsJS(t, got.Suppressions)
	first := w.kept()[0]
	if first.mail.GetHeader("Subject") != "Läsårets start – åäö" || first.mail.Attachments[0].FileName != "Läsårsplan åäö.pdf" || !first.TestMode || len(first.Meta.Tags) != 2 {
		t.Errorf("kept %s", first.raw)
	}
}

// TestPythonReadsWhatWeBuild asks a reader of mail that is not written in Go.
func TestPythonReadsWhatWeBuild(t *testing.T) {
	w := newWorld(t)
	w.send(messagesPath, pairs{
		"from", "Åsa Öberg <rektor@school.example>", "to", "Pär Ström-Långnamnsson <par@example.net>", "subject", strings.Repeat("Räksmörgås ", 30),
		"text", "Hej åäö\n" + strings.Repeat("å", 3000), "html", "<b>åäö</b>", "h:X-Termin", "Höst", "attachment=Läsårsplan åäö.pdf", "\x00\xff", "inline=bild.png", "p",
	})
	const script = `
import email, email.policy, json, sys
m = email.message_from_binary_file(sys.stdin.buffer, policy=email.policy.default)
print(json.dumps({
  "from": m["from"].addresses[0].display_name, "to": m["to"].addresses[0].display_name, "subject": m["subject"].strip(), "termin": m["x-termin"],
  "text": m.get_body(("plain",)).get_content(), "html": m.get_body(("html",)).get_content(),
  "files": [p.get_filename() for p in m.walk() if p.get_filename()],
  "defects": [str(d) for p in m.walk() for d in p.defects] + [str(d) for v in m.values() for d in getattr(v, "defects", [])]}))`
	c := exec.CommandContext(t.Context(), "python3", "-c", script)
	c.Stdin = bytes.NewReader(w.only().raw)
	out, err := c.Output()
	w.ok(err)
	var got struct {
		From, To, Subject, Termin, Text, HTML string
		Files, Defects                        []string
	}
	w.ok(json.Unmarshal(out, &got))
	if got.From != "Åsa Öberg" || got.To != "Pär Ström-Långnamnsson" || got.Subject != strings.TrimSpace(strings.Repeat("Räksmörgås ", 30)) || got.Termin != "Höst" ||
		strings.TrimSpace(got.Text) != "Hej åäö\n"+strings.Repeat("å", 3000) || strings.TrimSpace(got.HTML) != "<b>åäö</b>" || len(got.Defects) > 0 ||
		!slices.Equal(got.Files, []string{"bild.png", "Läsårsplan åäö.pdf"}) {
		t.Errorf("Python reads %s", out)
	}
}
