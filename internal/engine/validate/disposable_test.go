package validate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

func TestDisposableIsReadAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disposable.conf")
	synctest.Test(t, func(t *testing.T) {
		write := func(text string, age time.Duration) {
			t.Helper()
			tmp := path + ".new" // replaced whole, as it should be
			if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			at := time.Now().Add(-age)
			if err := os.Chtimes(tmp, at, at); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(tmp, path); err != nil {
				t.Fatal(err)
			}
		}
		var told []string
		write("# list\nthrown.example\nRÄKA.example # remark\n*.wild.example\n", time.Hour)
		d, err := NewDisposable(path, clock.System{}, func(err error) { told = append(told, err.Error()) })
		if err != nil {
			t.Fatal(err)
		}
		want := func(domain string, listed bool) {
			t.Helper()
			if d.Contains(domain) != listed {
				t.Errorf("%s listed: %v, want %v", domain, !listed, listed)
			}
		}
		want("thrown.example", true)
		want("a.b.thrown.example", true)
		want("notthrown.example", false)
		want("xn--rka-qla.example", true)
		want("wild.example", true)
		want("mailinator.com", true) // built in
		want("skola.example", false)

		write("skola.example\n", 30*time.Minute)
		want("skola.example", false) // within the minute nobody looks
		time.Sleep(refreshEvery)
		want("skola.example", true)
		want("thrown.example", false)
		want("mailinator.com", true)

		for _, tt := range []struct{ text, want string }{
			{"<html>Not found</html>\n", "line 1"},
			{"a.example\nb c.example\n", "line 2"},
			{"# nothing\n", "no domain"},
			{strings.Repeat("a", 70<<10), "too long"},
		} {
			told = nil
			write(tt.text, 0)
			time.Sleep(refreshEvery)
			want("skola.example", true)
			time.Sleep(refreshEvery)
			want("skola.example", true)
			if len(told) != 1 || !strings.Contains(told[0], tt.want) || !strings.Contains(told[0], path) {
				t.Errorf("%.20q: told %q, want %s once", tt.text, told, tt.want)
			}
		}
		told = nil
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			time.Sleep(refreshEvery)
			want("skola.example", true)
		}
		if len(told) != 1 || !strings.Contains(told[0], "no such file") {
			t.Errorf("told %q", told)
		}
		write("back.example\n", 0)
		time.Sleep(refreshEvery)
		want("back.example", true)
	})
}

func TestDisposableBeginsWithAGoodFile(t *testing.T) {
	if _, err := NewDisposable(filepath.Join(t.TempDir(), "none"), clock.System{}, nil); err == nil || !strings.Contains(err.Error(), "validate.disposable") {
		t.Errorf("no file: %v", err)
	}
}

// The public list is read as it is.
func TestPublicListOfDisposables(t *testing.T) {
	const path = "../../../../shared/data/disposable/disposable_email_blocklist.conf"
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the public test data is not beside the repository: %v", err)
	}
	d, err := NewDisposable(path, clock.System{}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if n := len(*d.listed.Load()); n < 5000 || !d.Contains("x.0-mail.com") {
		t.Errorf("%d domains", n)
	}
	for _, p := range entries(popularList) {
		if d.Contains(p) {
			t.Errorf("%s is popular and disposable", p)
		}
	}
}
