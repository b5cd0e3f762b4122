package model

// Letter is mail that the node itself writes to a person.
type Letter struct {
	Domain    Domain // it comes from this sender domain's postmaster, and is signed by the domain
	To        string
	Subject   string
	Text      string
	Requested bool // the reader asked for it: no suppression list stops it
}
