package dsn

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jhillyerd/enmime/v2"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.FixedZone("", 3600))

func base() Notification {
	return Notification{
		Report: Report{
			EnvelopeID: "QQ314159", ReportingMTA: Typed{"dns", "mail.school.example"}, Arrival: noon.Add(-time.Hour),
			Recipients: []Recipient{{
				Original: Typed{"rfc822", "anna+x@b.example"}, Final: Typed{"rfc822", "anna@b.example"}, Action: Failed, Status: "5.1.1",
				RemoteMTA: Typed{"dns", "mx.b.example"}, Diagnostic: Typed{"smtp", "550 5.1.1 brevlådan finns inte"}, LastAttempt: noon,
			}, {
				Final: Typed{"rfc822", "c@d.example"}, Action: Delayed, Status: "4.4.1", Diagnostic: Typed{"smtp", "421 4.4.1 no answer"},
				WillRetryUntil: noon.AddDate(0, 0, 4),
			}},
		},
		Hostname: "mail.school.example", From: "MAILER-DAEMON@bounce.school.example", To: "info@school.example", MessageID: "1@mail.school.example", Date: noon,
		Subject: "Närvaro vecka 47", AboutID: "0@school.example",
		Original: []byte("Subject: =?utf-8?q?N=C3=A4rvaro?=\r\nFrom: info@school.example\r\n\r\nhej\r\n"),
	}
}

func TestGolden(t *testing.T) {
	for name, change := range map[string]func(*Notification){
		"headers": func(*Notification) {},
		"full":    func(n *Notification) { n.Full, n.Recipients = true, n.Recipients[:1] },
		"delayed": func(n *Notification) { n.Recipients = n.Recipients[1:] },
		"relayed": func(n *Notification) {
			n.Recipients = n.Recipients[:1]
			n.Recipients[0].Action = Relayed
			n.Recipients[0].Status = "2.0.0"
			n.Original = nil
		},
		"utf8": func(n *Notification) {
			n.UTF8 = true
			n.Recipients[0].Final = Typed{"utf-8", "åsa@b.example"}
			n.Original = []byte("Subject: Närvaro\r\n\r\nhej\r\n")
		},
		"eightbit": func(n *Notification) { n.Full = true; n.Original = []byte("Subject: x\r\n\r\nN\xe4rvaro\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			n := base()
			change(&n)
			got := n.Build()
			file := filepath.Join("testdata", name+".eml")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Error(d)
			}
			foreign(t, got)
		})
	}
}

// foreign lets a parser that others wrote read the message.
func foreign(t *testing.T, raw []byte) {
	t.Helper()
	root, err := enmime.ReadParts(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if root.ContentType != "multipart/report" || !strings.Contains(root.Header.Get("Content-Type"), "report-type=delivery-status") || len(root.Errors) > 0 {
		t.Errorf("%s %v %v", root.ContentType, root.Header.Get("Content-Type"), root.Errors)
	}
	human := root.FirstChild
	if !strings.Contains(string(human.Content), "automatiskt meddelande från e-postservern mail.school.example") {
		t.Errorf("text %q", human.Content)
	}
	if s := human.NextSibling; !strings.HasSuffix(s.ContentType, "delivery-status") || len(s.Errors) > 0 {
		t.Errorf("second part %s %v", s.ContentType, s.Errors)
	}
}

// TestRoundTrip: what is written is read as it was.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		utf8 := rapid.Bool().Draw(t, "utf8")
		text := rapid.StringMatching(`[!-~]([ -~]{0,40}[!-~])?`)
		addr := rapid.StringMatching(`[a-z0-9+=\\]{1,10}@[a-z]{1,10}\.example`)
		wide := rapid.StringMatching(`[a-zåäö+=\\]{1,10}@[a-zåäö]{1,10}\.example`)
		instant := rapid.Custom(func(t *rapid.T) time.Time { return time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "unix"), 0) })
		r := Report{
			EnvelopeID: text.Draw(t, "envid"), ReportingMTA: Typed{"dns", text.Draw(t, "mta")}, ReceivedFrom: Typed{"dns", text.Draw(t, "from")},
			Arrival: instant.Draw(t, "arrival"), UTF8: utf8,
		}
		for range rapid.IntRange(1, 5).Draw(t, "recipients") {
			p := Recipient{
				Original: Typed{"rfc822", addr.Draw(t, "original")}, Final: Typed{"utf-8", wide.Draw(t, "final")},
				Action: rapid.SampledFrom([]Action{Failed, Delayed, Delivered, Relayed, Expanded}).Draw(t, "action"), Status: "5.1.1",
				RemoteMTA: Typed{"dns", text.Draw(t, "remote")}, Diagnostic: Typed{"smtp", text.Draw(t, "diagnostic")},
				LastAttempt: instant.Draw(t, "last"), FinalLogID: text.Draw(t, "log"), WillRetryUntil: instant.Draw(t, "until"),
			}
			r.Recipients = append(r.Recipients, p)
		}
		n := Notification{
			Report: r, Hostname: "h.example", From: "m@h.example", To: "a@b.example", MessageID: "1@h.example", Date: noon,
			Full: rapid.Bool().Draw(t, "full"), Original: []byte("Subject: --=_1_h.example\r\n\r\n--=_1_h.example--\r\n"),
		}
		raw := n.Build()
		got, err := Parse(raw)
		if err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		if d := cmp.Diff(&r, got, cmpopts.EquateApproxTime(0)); d != "" {
			t.Fatalf("%s\n%s", d, raw)
		}
		for _, line := range strings.Split(string(raw), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("line %q", line)
			}
		}
	})
}
