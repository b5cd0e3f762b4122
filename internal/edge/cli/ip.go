package cli

type ipCommand struct {
	Check ipCheck `cmd:"" help:"Look at addresses from outside: PTR, EHLO name, SPF and blocklists. Exit status 1 if mail suffers."`
}
