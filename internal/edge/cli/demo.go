package cli

import "errors"

type demoCommand struct {
	Recipients int    `help:"Number of recipients." default:"10000" placeholder:"N"`
	Exit       bool   `help:"End when everything is settled instead of staying up."`
	Data       string `help:"Folder for the node's store (default: a temporary one)." placeholder:"DIR"`
}

func (c *demoCommand) Run(a *app) error { return errors.ErrUnsupported }
