package cli

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestReportScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/report", Cmds: map[string]func(*testscript.TestScript, bool, []string){"budkavle": budkavle}})
}
