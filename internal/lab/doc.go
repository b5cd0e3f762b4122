// Package lab is a simulated Internet on this machine: an authoritative DNS server and the receiving mail servers of
// several providers, each with its own way of being difficult. The demo, tests and whoever tries a node send to it
// instead of to the world.
//
// A zone file (zone.toml is the built-in one and explains every key) names providers, their domains and servers, and in
// which mix their mailboxes behave. What a mailbox does follows from its address and a seed alone, so what must become
// of every recipient is known beforehand: Expect. The lab counts what it takes by Message-ID and recipient, so that lost
// and doubled mail is seen, and checks SPF, DKIM and DMARC against its own DNS; it refuses no mail for them. It judges, so
// it shares nothing with what it judges: its SMTP, DNS, SPF and DKIM are emersion/go-smtp, miekg/dns,
// blitiri.com.ar/go/spf and emersion/go-msgauth, and DMARC and its failure reports are written here.
//
// Its DNS answers as that of the world does: zones begin below registries and have SOA and NS, wildcards stand for names
// (RFC 4592), and a caching resolver that holds on to old answers stands beside it if asked for. It signs with DNSSEC
// if asked to, with one key for all. Records, names that fail
// and the whole server's failing change while it runs.
//
// It listens on loopback only, refuses any other address, and publishes no address that is not loopback, so nothing
// that follows its DNS leaves the machine. Addresses in 127.0.0.0/8 other than 127.0.0.1 exist on Linux without any
// setup. Start gives a lab that runs whole, or an error with everything undone. Its memory is bounded by Config. Of
// mail it keeps the newest headers.
package lab
