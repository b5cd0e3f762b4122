// Command budkavle takes e-mail from an organisation's systems and gets it delivered. Everything it does is in
// internal/; this is only the process: its arguments, its streams, its exit status.
package main

import (
	"os"

	"github.com/budkavle/budkavle/internal/edge/cli"
)

func main() {
	os.Exit(cli.Run(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, os.Environ()))
}
