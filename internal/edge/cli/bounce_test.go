package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestBounceScripts plays testdata/bounce. The configurations own.config and bad.config name the files of rules.
func TestBounceScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/bounce",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"budkavle": budkavle,
			"feed":     feed,
		},
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"own", "bad"} {
				text := fmt.Sprintf("[bounce]\nrules = %q\n", filepath.Join(e.WorkDir, name+".toml"))
				if err := os.WriteFile(filepath.Join(e.WorkDir, name+".config"), []byte(text), 0o600); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// feed STATUS FILE ARGUMENT… runs the command line with the file at its standard input.
func feed(ts *testscript.TestScript, _ bool, args []string) {
	got := Run(args[2:], Streams{In: strings.NewReader(ts.ReadFile(args[1])), Out: ts.Stdout(), Err: ts.Stderr()}, nil)
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}
