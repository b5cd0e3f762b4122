package cli

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

const watchedZone = `
records = """
; what domain show prints
school.example. IN TXT "v=spf1 -all"
"""
[[provider]]
name = "One"
domains = ["one.example"]
answer = "null-mx"
`

func TestZoneFileIsTakenAsItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "zone.toml")
		var heard []string
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			now := time.Now() // of the bubble, so that no two states are of one time
			if err := os.Chtimes(path, now, now); err != nil {
				t.Fatal(err)
			}
		}
		write(watchedZone)
		hup := make(chan os.Signal)
		f := &zoneFile{
			now:  hup,
			path: path, clock: clock.System{},
			take:  func(records string) error { heard = append(heard, "take "+strings.Fields(records)[9]); return nil },
			told:  func(records bool) { heard = append(heard, map[bool]string{true: "taken", false: "restart"}[records]) },
			wrong: func(err error) { heard = append(heard, err.Error()) },
		}
		if err := f.read(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.watch(ctx); close(done) }()
		for i, step := range []struct{ text, want string }{
			{watchedZone, "take -all\" taken"},
			{strings.Replace(watchedZone, "IN TXT", "IN MX", 1), "stay"},
			{strings.Replace(watchedZone, "one.example", "two.example", 1), "take -all\" taken restart"},
			{watchedZone, "take -all\" taken restart"},
		} {
			heard = nil
			time.Sleep(5 * zoneLook)
			if synctest.Wait(); len(heard) > 0 {
				t.Errorf("heard %q of a file that did not change", heard)
			}
			write(step.text)
			if i%2 == 0 {
				time.Sleep(2 * zoneLook)
			} else {
				hup <- syscall.SIGHUP
			}
			synctest.Wait()
			if got := strings.Join(heard, " "); !strings.HasSuffix(got, step.want) || slices.Contains(heard, "taken") != strings.Contains(step.want, "taken") {
				t.Errorf("heard %q, want %q", got, step.want)
			}
		}
		cancel()
		<-done
	})
}
