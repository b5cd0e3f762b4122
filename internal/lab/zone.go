package lab

import (
	_ "embed" // the built-in zone is part of the program
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/budkavle/budkavle/internal/base/wording"
)

//go:embed zone.toml
var builtin string

// Bounds of a zone, so that a file cannot ask for more than a lab can hold.
const (
	maxZone      = 1 << 20 // octets of the file
	maxProviders = 1000
	maxDomains   = 10_000 // over all providers
	maxAddresses = 250    // of servers, each a listening socket
)

// Zone describes a simulated Internet. The tags are the names in the file.
type Zone struct {
	TTL         time.Duration `toml:"ttl"`          // of every DNS answer
	Greylist    time.Duration `toml:"greylist"`     // how long greylisted and full mailboxes say 4xx, from the first contact on
	ReturnAfter time.Duration `toml:"return_after"` // from taking a message to sending its failure report
	Returns     string        `toml:"returns"`      // ADDRESS:PORT that takes failure reports; empty: they cannot be sent
	Sign        bool          `toml:"sign"`         // answers with DNSSEC
	Records     string        `toml:"records"`      // further DNS records, in the notation of a BIND zone file
	Providers   []Provider    `toml:"provider"`
}

// Provider is one receiver of mail: domains, and the servers that serve them all.
type Provider struct {
	Name    string            `toml:"name"`
	Share   int               `toml:"share"`   // of addresses that Addresses makes, against the other shares
	Domains []string          `toml:"domains"` // those without MX, A or CNAME in Records get MX records of the servers
	Answer  Answer            `toml:"answer"`  // what DNS says of the domains
	Mix     map[Behaviour]int `toml:"mix"`     // what mailboxes do, by weight; empty: all accept
	Servers []Server          `toml:"server"`
}

// Answer is what DNS says of a provider's domains.
type Answer string

// Answers.
const (
	AnswerMX       Answer = ""         // its servers
	AnswerImplicit Answer = "implicit" // no MX, but an address: RFC 5321 5.1
	AnswerNullMX   Answer = "null-mx"  // takes no mail: RFC 7505
	AnswerNXDomain Answer = "nxdomain"
	AnswerServFail Answer = "servfail"
	AnswerNothing  Answer = "timeout"
	AnswerRefused  Answer = "refused" // for Fail only
	AnswerBogus    Answer = "bogus"   // for Fail only: DNSSEC signatures are wrong
)

// Server is one receiving server.
type Server struct {
	Host           string        `toml:"host"` // "*" stands for the domain with hyphens for dots
	Preference     uint16        `toml:"preference"`
	Addresses      []string      `toml:"addresses"`
	TLS            TLS           `toml:"tls"`
	Refuses        bool          `toml:"refuses"`         // connections, as if nothing listened
	MaxConnections int           `toml:"max_connections"` // at the same time, 421 above; 0: any
	Rate           int           `toml:"rate"`            // messages a second, 421 above; 0: any
	Delay          time.Duration `toml:"delay"`           // before each answer to MAIL, RCPT and the message
}

// TLS is how a server does STARTTLS.
type TLS string

// Ways to do STARTTLS.
const (
	TLSWorks  TLS = ""
	TLSNone   TLS = "none"   // not offered
	TLSBroken TLS = "broken" // offered, and the handshake fails
)

// BuiltinZone is the zone of a lab that is given none.
func BuiltinZone() *Zone {
	z, err := ParseZone(builtin)
	if err != nil {
		panic("lab: the built-in zone: " + err.Error()) // a test reads it
	}
	return z
}

// ReadZone reads a zone file.
func ReadZone(path string) (*Zone, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, wording.Errorf("zone file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxZone+1))
	if err != nil {
		return nil, wording.Errorf("zone file: %w", err)
	}
	z, err := ParseZone(string(text))
	if err != nil {
		return nil, wording.Errorf("zone file %s: %w", path, err)
	}
	return z, nil
}

// ParseZone reads the text of a zone file. Its error names every fault, each with its place.
func ParseZone(text string) (*Zone, error) {
	if len(text) > maxZone {
		return nil, wording.Errorf("it is over %d octets", maxZone)
	}
	z := &Zone{TTL: 5 * time.Minute, Greylist: 3 * time.Second, ReturnAfter: time.Second}
	md, err := toml.Decode(text, z)
	if err != nil {
		var pe toml.ParseError
		if errors.As(err, &pe) {
			return nil, wording.Errorf("line %d: %s", pe.Position.Line, pe.Message)
		}
		return nil, err
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return nil, wording.Errorf("unknown key %q; the built-in zone explains every key", unknown[0].String())
	}
	if err := z.validate(); err != nil {
		return nil, err
	}
	return z, nil
}

// hostFor is the server's host name for the first of the domains.
func (s *Server) hostFor(domains []string) string {
	if len(domains) == 0 {
		return strings.ReplaceAll(s.Host, "*", "x")
	}
	return strings.ReplaceAll(s.Host, "*", strings.ReplaceAll(domains[0], ".", "-"))
}
