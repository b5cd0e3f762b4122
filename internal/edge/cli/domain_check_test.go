package cli

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestDomainCheckScripts plays testdata/domaincheck, as TestSPFScripts does testdata/spf.
func TestDomainCheckScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/domaincheck",
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"budkavle": budkavle},
		Setup: serveZone,
	})
}

func TestAbridged(t *testing.T) {
	long := strings.Repeat("å", 80)
	if got := abridged(long); len([]rune(got)) != 60 || !strings.HasSuffix(got, "å…") || abridged("short") != "short" {
		t.Errorf("got %q", got)
	}
}
