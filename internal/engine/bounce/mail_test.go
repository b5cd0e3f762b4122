package bounce

import (
	"bytes"
	"encoding/json"
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
