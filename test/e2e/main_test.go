// Package e2e tests the program as its users have it: the binary itself, run as a process of its own, told what to do
// by its configuration, its command line, SMTP, HTTP and signals, on real stores and on real faults of the machine.
//
// Everything is on loopback. What a test starts it also stops; a node that does not come up or does not stop fails the
// test with its log. Nothing here looks into the program: what is to be seen is what an operator sees.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	binaryFlag = flag.String("budkavle", "", "the program under test (default: built from this source)")
	killsFlag  = flag.Int("kills", 12, "how often TestKill kills a node under load, on each store")
	seedFlag   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of what is random")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run builds the program once for all tests.
func run(m *testing.M) int {
	if *binaryFlag != "" {
		abs, err := filepath.Abs(*binaryFlag)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		*binaryFlag = abs
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "budkavle-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*binaryFlag = filepath.Join(dir, "budkavle")
	if out, err := exec.Command("go", "build", "-o", *binaryFlag, "../../cmd/budkavle").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
