package proof

import (
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/standard/spf"
)

// State is what DNS says of one thing that is asked for.
type State string

// States. Only Wrong and Missing are the owner's fault; Unclear says that DNS did not answer, and changes nothing.
const (
	Proved  State = "proved"
	Missing State = "missing" // a denial: the name or the record does not exist
	Wrong   State = "wrong"   // there is a record, but not the one that is asked for
	Unclear State = "unclear" // SERVFAIL, time-out and the like
)

// Subjects of findings.
const (
	SubjectOwnership  = "ownership"
	SubjectSPF        = "spf"
	SubjectReturnPath = "return-path"
	SubjectDKIM       = "dkim"
	SubjectDMARC      = "dmarc"
	SubjectMX         = "mx"
	SubjectMailbox    = "mailbox"
	SubjectNoReply    = "noreply"
	SubjectExtras     = "extras" // MTA-STS, TLS-RPT, DANE, BIMI
)

// Expected is what the DNS of a sender domain has to say for this node to send as it.
type Expected struct {
	Domain string // A-labels, lower case, no closing dot
	// Token proves ownership: the TXT record at OwnershipName(Domain) is OwnershipPrefix + Token.
	Token string
	Keys  []Key
	// ReturnPath is the customer's bounce domain, such as bounce.school.example; it leads to ReturnTarget, the operator's,
	// by CNAME, or by MX and SPF records of its own. Aligned with Domain, so that SPF counts for DMARC.
	ReturnPath, ReturnTarget string
	// Include is the name that lists our addresses, for include: in the domain's own SPF record; empty: the addresses
	// themselves are listed there.
	Include string
	Sources []netip.Addr // the addresses we send from; all must pass
	// ReportTo is the mailbox for DMARC aggregate reports; empty: none is asked for.
	ReportTo string
	// Senders are From and Reply-To addresses in use, at most 50; those of the domain itself are asked of its servers.
	Senders []string
}

// Key is one DKIM key that must be published.
type Key struct {
	Selector  string
	Algorithm string // model.AlgorithmRSA or model.AlgorithmEd25519
	Public    []byte // as model.SigningKey.Public
	// Coming: it is about to sign, so that every authoritative server is asked for it.
	Coming bool
	// Target is the name in the operator's zone that selector._domainkey.Domain is an alias of; empty: TXT.
	Target string
}

// Report is what one check of a domain found.
type Report struct {
	Domain     string            `json:"domain"`
	At         time.Time         `json:"at"`
	Ownership  State             `json:"ownership,omitempty"`
	SPF        State             `json:"spf,omitempty"`         // of the domain itself, for our addresses
	ReturnPath State             `json:"return_path,omitempty"` // Proved: aligned, leads to us, and its SPF passes our addresses
	DMARC      State             `json:"dmarc,omitempty"`
	Keys       map[string]State  `json:"keys,omitempty"`     // by selector
	Policy     string            `json:"policy,omitempty"`   // the DMARC policy in force: none, quarantine, reject
	Tree       *spf.Node         `json:"spf_tree,omitempty"` // what the SPF record includes, with the look-ups at each level
	Findings   []finding.Finding `json:"findings"`           // the worst first
	Records    []Answered        `json:"records"`            // what was asked for and what DNS has, in the order of Wanted
	// Requirements is the table of what the large providers demand.
	Requirements []Requirement `json:"requirements,omitempty"`
}

// Answered is one record that was asked for, and what DNS has at its name.
type Answered struct {
	Record
	State State    `json:"state"`
	Found []string `json:"found,omitempty"`
}

// Record is one DNS record to publish.
type Record struct {
	Subject string `json:"subject"` // one of the Subjects
	Name    string `json:"name"`    // with closing dot
	Type    string `json:"type"`    // TXT, CNAME, MX
	Value   string `json:"value"`   // TXT: as one text, not yet split into strings; MX: "10 mx.example."
	// Optional records make things better; the gate does not ask for them.
	Optional bool `json:"optional,omitempty"`
}

// DKIM says whether one of the keys of an algorithm that every receiver knows (RSA) is proved: mail signed with Ed25519 alone
// fails at receivers that do not know RFC 8463, which are most.
func (r *Report) DKIM(keys []Key) State { return dkimState(r.Keys, keys) }
