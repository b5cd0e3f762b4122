package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestIPScripts plays testdata/ip, as TestSPFScripts does testdata/spf.
func TestIPScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/ip",
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"budkavle": budkavle},
		Setup: serveZone,
	})
}
