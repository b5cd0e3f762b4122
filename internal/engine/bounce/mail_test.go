package bounce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// TestMails reads mails of our own in testdata/mails: shapes and charsets that the labelled ones lack.
func TestMails(t *testing.T) {
	rules := builtin(t)
	files, _ := filepath.Glob("testdata/mails/*.eml")
	if len(files) < 20 {
		t.Fatalf("%d mails", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".eml"), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.MarshalIndent(rules.Mail(raw), "", "\t")
			if err != nil {
				t.Fatal(err)
			}
			if crlf, _ := json.MarshalIndent(rules.Mail(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))), "", "\t"); !bytes.Equal(crlf, got) {
				t.Errorf("with CRLF it reads %s", crlf)
			}
			golden := strings.TrimSuffix(file, ".eml") + ".json"
			if *update {
				if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)+"\n"); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestCollectedReports reads the reports beside the labelled mails, the examples of RFC 3464 and RFC 5965 among them.
func TestCollectedReports(t *testing.T) {
	rules := builtin(t)
	if _, err := os.Stat(filepath.Dir(collected)); err != nil {
		t.Skipf("no collected reports: %v", err)
	}
	for file, want := range map[string]string{
		"dsn/1.eml":                     "bounce network false louisl@larry.slip.umd.edu",
		"dsn/2.eml":                     "bounce user-unknown true arathib@vnet.ibm.com",
		"dsn/3.eml":                     "bounce user-unknown true nair_s",
		"dsn/4.eml":                     "delay expired false thomas@de-montfort.ac.uk",
		"dsn/5.eml":                     "bounce mailbox-full false recipient@domain.com",
		"dsn/6.eml":                     "bounce user-unknown true redacted@example.com",
		"dsn/obsolete_arrival_date.eml": "bounce user-unknown true user@example.com",
		"reports/arf/001.eml":           "complaint  false ",
		"reports/arf/002.eml":           "complaint  false user@example.com",
		"reports/arf/003.eml":           "complaint authentication false user@example.com",
		"reports/arf/004.eml":           "complaint authentication false address@myotherdomain.name",
		"reports/arf/005.eml":           "complaint authentication false someuser@receiver.example",
		"reports/dmarc/100.eml":         "not a bounce",
		"reports/tlsrpt/rpt01.eml":      "not a bounce",
	} {
		raw, err := os.ReadFile(filepath.Join(filepath.Dir(collected), file))
		if err != nil {
			t.Fatal(err)
		}
		got := rules.Mail(raw)
		said := string(got.Kind)
		if len(got.Recipients) > 0 {
			p := got.Recipients[0]
			said = fmt.Sprintf("%s %s %v %s", p.Kind, p.Class, p.Hard, p.Recipient)
		}
		if said != want {
			t.Errorf("%s: %q, want %q", file, said, want)
		}
	}
}

func FuzzMail(f *testing.F) {
	rules := builtin(f)
	files, _ := filepath.Glob("testdata/mails/*.eml")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := rules.Mail(raw)
		for _, p := range got.Recipients {
			if p.Hard && (p.Kind != KindBounce || p.Action == NoAction) {
				t.Errorf("%+v is hard", p)
			}
			for _, s := range []string{p.Recipient, p.Diagnostic, p.Status, p.RemoteMTA, p.ReportingMTA} {
				if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00") {
					t.Errorf("text %q", s)
				}
			}
		}
		if got.Kind == "" || (got.Feedback != nil) != (got.Kind == KindComplaint) {
			t.Errorf("kind %q, feedback %v", got.Kind, got.Feedback)
		}
	})
}
