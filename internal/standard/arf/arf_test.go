package arf_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/standard/arf"
)

// mail writes a report: fields of the feedback part, and what is sent back, with its media type.
func mail(outer, fields, mediaType, returned string) []byte {
	text := outer + "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\nThis is a report.\n"
	if fields != "" {
		text += "--b\nContent-Type: message/feedback-report\n\n" + fields + "\n"
	}
	return []byte(strings.ReplaceAll(text+"--b\nContent-Type: "+mediaType+"\n\n"+returned+"\n--b--\n", "\n", "\r\n"))
}

const returned = "From: news@sender.example\nTo: reader@mailbox.example\nMessage-ID: <1@sender.example>\nSubject: News\n\nBody\n"

func TestShapes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		raw       []byte
		kind      string
		recipient string
		whole     bool
		jmrp      bool
	}{
		{"as in the standard", mail("", "Feedback-Type: abuse\nUser-Agent: A/1\nVersion: 1\nOriginal-Rcpt-To: <reader@mailbox.example>", "message/rfc822", returned), "abuse", "reader@mailbox.example", true, false},
		{"header only", mail("", "Feedback-Type: ABUSE\nOriginal-Rcpt-To: reader@mailbox.example", "text/rfc822-headers", "From: news@sender.example\nMessage-ID: <1@sender.example>"), "abuse", "reader@mailbox.example", false, false},
		{"redacted", mail("", "Feedback-Type: abuse\nOriginal-Rcpt-To: redacted@mailbox.example", "message/rfc822", returned), "abuse", "", true, false},
		{"redacted with a word", mail("", "Feedback-Type: abuse\nOriginal-Rcpt-To: [redacted]", "message/rfc822", returned), "abuse", "", true, false},
		{"no recipient", mail("", "Feedback-Type: abuse", "message/rfc822", returned), "abuse", "", true, false},
		{"Yahoo", mail("From: Yahoo Mail AntiSpam Feedback <feedback@arf.mail.yahoo.com>\n", "Feedback-Type: abuse\nUser-Agent: Yahoo!-Mail-Feedback/2.0\nVersion: 0.1\nOriginal-Mail-From: <bounce@sender.example>\nOriginal-Rcpt-To: reader@yahoo.example\nReceived-Date: Mon, 23 Nov 2026 10:00:00 PST\nReported-Domain: sender.example\nAuthentication-Results: atlas; dkim=pass header.i=@sender.example", "message/rfc822", returned), "abuse", "reader@yahoo.example", true, false},
		{"who wants to be removed", mail("", "Feedback-Type: opt-out\nRemoval-Recipient: reader@mailbox.example", "message/rfc822", returned), "opt-out", "reader@mailbox.example", true, false},
		{"JMRP, in the message", mail("From: staff@hotmail.com\n", "", "message/rfc822", "X-HmXmrOriginalRecipient: reader@outlook.example\nX-Originating-IP: [192.0.2.9]\n"+returned), "abuse", "reader@outlook.example", true, true},
		{"JMRP, around it", mail("From: staff@hotmail.com\nX-HmXmrOriginalRecipient: <reader@outlook.example>\n", "", "message/rfc822", returned), "abuse", "reader@outlook.example", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := arf.Parse(tt.raw)
			if err != nil {
				t.Fatal(err)
			}
			if r.Type != tt.kind || r.Recipient() != tt.recipient || r.Returned.Whole != tt.whole || r.FromJMRP != tt.jmrp || !r.Complaint() {
				t.Errorf("got %s, recipient %q of %q, whole %v, JMRP %v", r.Type, r.Recipient(), r.Recipients, r.Returned.Whole, r.FromJMRP)
			}
			if id := r.Returned.Header.Get("message-id"); id != "<1@sender.example>" {
				t.Errorf("Message-ID %q", id)
			}
			if tt.name == "Yahoo" && !r.Arrival.Equal(time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)) {
				t.Errorf("arrived %v", r.Arrival)
			}
			if tt.name == "JMRP, in the message" && r.Source.String() != "192.0.2.9" {
				t.Errorf("source %v", r.Source)
			}
		})
	}
}

func TestWhatIsNoReport(t *testing.T) {
	for name, raw := range map[string][]byte{
		"nothing":       nil,
		"a mail":        []byte(returned),
		"a forward":     mail("", "", "message/rfc822", returned),
		"a bounce":      []byte("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n--b--\n"),
		"text about it": []byte("Subject: x\n\nFeedback-Type: abuse\n"),
	} {
		if r, err := arf.Parse(raw); !errors.Is(err, arf.ErrNone) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

func TestFieldsThatMakeNoSense(t *testing.T) {
	r, err := arf.Parse(mail("", "Feedback-Type: abuse now\nIncidents: -3\nSource-IP: nowhere\nArrival-Date: yesterday\nSource-Port: 99999\nReported-URI: a\nReported-URI: b\nIncidents: 7\n", "message/rfc822", returned))
	if err != nil {
		t.Fatal(err)
	}
	if r.Type != "abuse" || r.Incidents != 7 || r.Source.IsValid() || !r.Arrival.IsZero() || r.SourcePort != 0 {
		t.Errorf("%+v", r)
	}
	if diff := cmp.Diff([]string{"a", "b"}, r.URIs); diff != "" {
		t.Error(diff)
	}
}

func TestRedacted(t *testing.T) {
	for addr, want := range map[string]bool{
		"reader@mailbox.example": false, "xavier@mailbox.example": false, "": true, "redacted": true, "REDACTED@mailbox.example": true,
		"x-redacted-x@mailbox.example": true, "xxxx@mailbox.example": true, "***@mailbox.example": true, "@mailbox.example": true,
	} {
		if got := arf.Redacted(addr); got != want {
			t.Errorf("%q: %v, want %v", addr, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(mail("", "Feedback-Type: auth-failure\nAuth-Failure: dmarc\nArrival-Date: Thu, 8 Mar 2005 14:00:00 EDT\nSource-IP: 192.0.2.1 (a)\nReporting-MTA: dns; a", "text/rfc822-headers", returned))
	f.Add(mail("X-HmXmrOriginalRecipient: a@b\n", "", "message/rfc822", returned))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := arf.Parse(raw)
		if err == nil && (r.Incidents < 1 || len(r.Recipients) > 100) {
			t.Fatalf("%+v", r)
		}
	})
}
