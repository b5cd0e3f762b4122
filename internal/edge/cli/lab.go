package cli

import "errors"

type labCommand struct {
	DNS  string `name:"dns" help:"Loopback address and port of the DNS server." default:"127.0.0.1:5353" placeholder:"ADDR"`
	SMTP string `name:"smtp" help:"Its port is the one that every receiving server listens on." default:"127.0.1.1:2526" placeholder:"ADDR"`
	Zone string `help:"Zone file with providers and domains (default: the built-in one)." placeholder:"FILE"`
}

func (c *labCommand) Run(a *app) error { return errors.ErrUnsupported }
