package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestAddressScripts plays testdata/address, with a DNS server as the SPF scripts have.
func TestAddressScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/address",
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"budkavle": budkavle},
		Setup: serveZone,
	})
}
