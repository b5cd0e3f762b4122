package dsn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/parts"
)

// shared is where test data stands that is not part of the project.
const shared = "../../../../shared/data"

func report(status string) string {
	return "From: x\nContent-Type: multipart/report; boundary=b\n\npreamble\n--b\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n" + status +
		"\n--b\nContent-Type: message/rfc822\n\nSubject: s\n\n--b--\n"
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      Report
	}{
		{"RFC 3464 4.1 in short, CRLF", strings.ReplaceAll(report("Reporting-MTA: dns; cs.utk.edu\nOriginal-Envelope-Id: QQ314159\nArrival-Date: Thu, 7 Jul 1994 17:15:49 -0400\n\n"+
			"Original-Recipient: rfc822;louisl@larry.slip.umd.edu\nFinal-Recipient: rfc822;louisl@larry.slip.umd.edu\nAction: failed\nStatus: 4.0.0\n"+
			"Diagnostic-Code: smtp; 426 connection\n timed out\nRemote-MTA: DNS; larry.example\nFinal-Log-ID: 7\n"), "\n", "\r\n"), Report{
			ReportingMTA: Typed{"dns", "cs.utk.edu"}, EnvelopeID: "QQ314159", Arrival: time.Date(1994, 7, 7, 21, 15, 49, 0, time.UTC),
			Recipients: []Recipient{{
				Original: Typed{"rfc822", "louisl@larry.slip.umd.edu"}, Final: Typed{"rfc822", "louisl@larry.slip.umd.edu"}, Action: Failed, Status: "4.0.0",
				Diagnostic: Typed{"smtp", "426 connection timed out"}, RemoteMTA: Typed{"dns", "larry.example"}, FinalLogID: "7",
			}},
		}},
		{"a recipient in the first group, no types", report("Original-Recipient: <a@b.example>\nAction: Failed (permanent)\nStatus: 5.1.1 (User unknown)\nRemote-MTA: 192.0.2.1\n"), Report{
			Recipients: []Recipient{{Original: Typed{"", "a@b.example"}, Action: Failed, Status: "5.1.1", RemoteMTA: Typed{"", "192.0.2.1"}}},
		}},
		{"no empty line between recipients", report("Reporting-MTA: dns; m\n\nFinal-Recipient: rfc822; a@b\nAction: failed\nFinal-Recipient: rfc822; c@d\nAction: delayed\n"), Report{
			ReportingMTA: Typed{"dns", "m"}, Recipients: []Recipient{{Final: Typed{"rfc822", "a@b"}, Action: Failed}, {Final: Typed{"rfc822", "c@d"}, Action: Delayed}},
		}},
		{"utf-8 addresses", report("Final-Recipient: utf-8; \\x{E5}sa\\x{2B}x@b.example\nAction: relayed\n"), Report{
			Recipients: []Recipient{{Final: Typed{"utf-8", "åsa+x@b.example"}, Action: Relayed}},
		}},
		{"codes that are none", report("Final-Recipient: utf-8; \\x{zz}\\x{41\nAction: failed\nStatus: 5\n"), Report{
			Recipients: []Recipient{{Final: Typed{"utf-8", "\\x{zz}\\x{41"}, Action: Failed}},
		}},
		{"control characters and broken UTF-8", report("Final-Recipient: rfc822; a@b\nDiagnostic-Code: smtp; 550 \x00\xff\tno\n"), Report{
			Recipients: []Recipient{{Final: Typed{"rfc822", "a@b"}, Diagnostic: Typed{"smtp", "550 ?? no"}}},
		}},
		{"encoded, not in multipart/report, not closed", "Content-Type: multipart/mixed; boundary=\"a b\"\n\n--a b\nContent-Type: message/global-delivery-status\nContent-Transfer-Encoding: base64\n\n" +
			"RmluYWwtUmVjaXBpZW50OiB1dGYtODsgw6VAYgpBY3Rpb246IGZhaWxlZAo=", Report{
			UTF8: true, Recipients: []Recipient{{Final: Typed{"utf-8", "å@b"}, Action: Failed}},
		}},
		{"a boundary that begins another", "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=bb\n\n--bb\n\nx\n--bb--\n--b\n" +
			"Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b\n--b--\n", Report{Recipients: []Recipient{{Final: Typed{"rfc822", "a@b"}}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse([]byte(c.raw))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNoReport(t *testing.T) {
	deep := ""
	for i := range parts.MaxDepth + 1 {
		deep += fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	many := "Content-Type: multipart/mixed; boundary=b\n\n--b\n" + strings.Repeat("\n--b\n", parts.MaxParts)
	status := "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@b\n"
	for name, raw := range map[string]string{
		"empty": "", "text": "Subject: s\n\nText\n", "no boundary": "Content-Type: multipart/report\n\n" + status,
		"no recipient": report("Reporting-MTA: dns; m\n"), "too deep": deep + status, "too many parts": many + status,
		"inside a returned message": "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n" + status + "\n--b--\n",
	} {
		if r, err := Parse([]byte(raw)); !errors.Is(err, ErrNoReport) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestBounds(t *testing.T) {
	r, err := Parse([]byte(report(strings.Repeat("Final-Recipient: rfc822; a@b\n\n", maxRecipients+5))))
	if err != nil || len(r.Recipients) != maxRecipients {
		t.Errorf("%d recipients, %v", len(r.Recipients), err)
	}
	r, err = Parse([]byte(report("Final-Recipient: rfc822; a@b\nDiagnostic-Code: smtp; " + strings.Repeat("x", 2*parts.MaxText) + "\n" + strings.Repeat(" more\n", parts.MaxText))))
	if err != nil || len(r.Recipients[0].Diagnostic.Value) > parts.MaxText {
		t.Errorf("a value of %d octets, %v", len(r.Recipients[0].Diagnostic.Value), err)
	}
}

// silent are collected mails that mention a status part and are no reports all the same.
func silent(file string) bool {
	switch filepath.Base(file) {
	case "lhost-postfix-50.eml", // quotes a report in its text
		"lhost-postfix-64.eml",  // names no recipient: "Delivery report unavailable"
		"lhost-sendmail-54.eml": // has lost its MIME header
		return true
	}
	return false
}

// TestRealReports reads every report among the collected mails that has a status part.
func TestRealReports(t *testing.T) {
	read := 0
	for _, folder := range []string{"dsn", "bounces"} {
		files, _ := filepath.Glob(filepath.Join(shared, folder, "*.eml"))
		if len(files) == 0 {
			t.Skipf("no mails in %s", filepath.Join(shared, folder))
		}
		for _, f := range files {
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ToLower(string(raw))
			r, err := Parse(raw)
			if silent(f) || !strings.Contains(text, "\ncontent-type: message/delivery-status") && !strings.Contains(text, "\ncontent-type: message/global-delivery-status") {
				if err == nil {
					t.Errorf("%s: a report was seen where there is none", f)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", f, err)
				continue
			}
			read++
			for i, p := range r.Recipients {
				if p.Original.Value == "" && p.Final.Value == "" || p.Action == "" && p.Status == "" && p.Diagnostic.Value == "" {
					t.Errorf("%s: recipient %d is %+v", f, i+1, p)
				}
			}
		}
	}
	t.Logf("%d reports read", read)
	if read < 100 {
		t.Errorf("only %d reports read", read)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", report("Reporting-MTA: dns; m\n\nFinal-Recipient: utf-8; \\x{E5}@b\nAction: failed\nStatus: 5.1.1\nLast-Attempt-Date: Thu, 7 Jul 1994 17:15:49 -0400\n")} {
		f.Add([]byte(s))
		f.Add([]byte(strings.ReplaceAll(s, "\n", "\r\n")))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Parse(raw)
		if err != nil {
			return
		}
		for _, p := range r.Recipients {
			for _, s := range []string{p.Original.Value, p.Final.Value, p.Diagnostic.Value, p.RemoteMTA.Value, p.FinalLogID, string(p.Action), r.EnvelopeID} {
				if len(s) > 3*parts.MaxText || strings.ToValidUTF8(s, "") != s || strings.ContainsAny(s, "\x00\r\n") {
					t.Fatalf("text %q", s)
				}
			}
		}
		// What was read can be written, and is then the same to whoever reads it.
		n := Notification{Report: *r, MessageID: "1@h"}
		n.UTF8 = true
		if len(n.Recipients) > 0 {
			if _, err := Parse(n.Build()); err != nil && n.Recipients[0].Final.Value != "" {
				t.Fatalf("written again: %v", err)
			}
		}
	})
}
