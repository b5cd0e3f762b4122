// Package cli is the command line: what it takes, what it prints, and how it exits.
//
// Every command prints for people, in Swedish or English as --lang or the locale says, or with --json
// one JSON document, or one object a line where it prints many. Exit status: 0 done, 1 the thing asked for
// failed or the check found faults, 2 wrong usage. Errors go to standard error and say what was wrong, where,
// and what to do. Commands that act on a node work on its store, so they also work while it is stopped; a
// running node notices within a second. The package decides nothing about mail: it calls the flows.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// Streams are the process's standard streams.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Exit statuses of the contract.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the tree of the command line. The help texts are the English ones; words.go has the Swedish.
type commands struct {
	Config string `help:"Configuration file." placeholder:"FILE" short:"c"`
	JSON   bool   `help:"Print JSON." name:"json"`
	Lang   string `help:"Language of the output: sv or en (default: the locale's)." placeholder:"LANG"`

	Serve       serveCommand       `cmd:"" help:"Run a node until SIGTERM."`
	Demo        demoCommand        `cmd:"" help:"Send real messages through a whole node to a simulated Internet."`
	Lab         labCommand         `cmd:"" help:"Run the simulated Internet alone: DNS and receiving mail servers, loopback only."`
	Init        initCommand        `cmd:"" help:"Write a commented configuration, create the store, an operator and a first account."`
	Account     accountCommand     `cmd:"" help:"Customers of this node."`
	Domain      domainCommand      `cmd:"" help:"Domains that accounts send from."`
	Credential  credentialCommand  `cmd:"" help:"SMTP user names."`
	Key         keyCommand         `cmd:"" help:"API keys."`
	Send        sendCommand        `cmd:"" help:"Send one message."`
	Queue       queueCommand       `cmd:"" help:"Mail that is waiting, leased or held."`
	Shaping     shapingCommand     `cmd:"" help:"How hard receiving servers are driven."`
	IP          ipCommand          `cmd:"" name:"ip" help:"Addresses that mail is sent from."`
	Address     addressCommand     `cmd:"" help:"Look at addresses before mail is sent to them; needs no node."`
	SPF         spfCommand         `cmd:"" name:"spf" help:"Check, lint and build SPF records of any domain; needs no node."`
	Suppression suppressionCommand `cmd:"" help:"Addresses that are not sent to."`
	Bounce      bounceCommand      `cmd:"" help:"Explain mails that came back and replies of servers; needs no node."`
	Report      reportCommand      `cmd:"" help:"Read what receivers report about a domain's mail; needs no node."`
}

// app is what commands run with.
type app struct {
	Streams
	words
	ctx        context.Context
	environ    []string
	configPath string
	json       bool
}

// Run executes one command line and returns the exit status.
func Run(args []string, streams Streams, environ []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	a := &app{Streams: streams, ctx: ctx, environ: environ, words: wordsFor(languageOf(args, environ))}
	var tree commands
	exited := -1
	parser, err := kong.New(&tree,
		kong.Name("budkavle"),
		kong.Description(a.T("Takes e-mail from an organisation's systems and gets it delivered.")),
		kong.Writers(streams.Out, streams.Err),
		kong.Exit(func(code int) { exited = code }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintf(streams.Err, "budkavle: %v\n", err)
		return exitUsage
	}
	a.translateHelp(parser.Model.Node)
	kctx, err := parser.Parse(args)
	if exited >= 0 { // --help was answered
		return exited
	}
	if err != nil {
		fmt.Fprintf(streams.Err, "budkavle: %v\n%s\n", err, a.T("See: budkavle --help"))
		return exitUsage
	}
	a.json, a.configPath = tree.JSON, tree.Config
	return a.report(kctx.Run(a))
}

// usageError is a mistake in what was typed that the parser cannot see.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// errFaults is a check that found faults, all of which are printed already.
var errFaults = errors.New("faults found")

func (a *app) report(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errFaults):
		return exitFailed
	case errors.As(err, &usage):
		a.complain(usage.error)
		return exitUsage
	default:
		a.complain(err)
		return exitFailed
	}
}

// complain tells an error in the reader's language.
func (a *app) complain(err error) {
	fmt.Fprintf(a.Err, "budkavle: %s\n", wording.Tell(err, func(pattern string) string { return a.T(pattern) }))
}

// loadConfig reads the file that was named, else the first of the usual ones that exists, else the defaults.
func (a *app) loadConfig() (config.Config, error) {
	if a.configPath != "" {
		return config.Load(a.configPath, false, a.environ)
	}
	for _, path := range []string{"budkavle.toml", "/etc/budkavle/budkavle.toml"} {
		if _, err := os.Stat(path); err == nil {
			return config.Load(path, false, a.environ)
		}
	}
	return config.Load("", true, a.environ)
}

// languageOf finds the language before the command line is parsed, since help is printed while parsing.
func languageOf(args, environ []string) string {
	for i, arg := range args {
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			return v
		}
		if arg == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
	}
	env := map[string]string{}
	for _, e := range environ {
		k, v, _ := strings.Cut(e, "=")
		env[k] = v
	}
	for _, k := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} { // POSIX: the first that is set decides
		if env[k] != "" {
			return env[k]
		}
	}
	return "en"
}
