package bounce

// Kind is what a reply or a mail that came back is.
type Kind string

// Kinds.
const (
	KindBounce    Kind = "bounce"       // delivery has failed for good, or was given up
	KindDelay     Kind = "delay"        // it is still tried, here or by the server that reports
	KindAutoreply Kind = "autoreply"    // a person is away, or a program says it has the mail (RFC 3834)
	KindComplaint Kind = "complaint"    // a reader called the mail spam, or wants no more (RFC 5965)
	KindChallenge Kind = "challenge"    // the sender is to prove to be a person before the mail is shown
	KindNone      Kind = "not a bounce" // any other mail, reports of success among it
)

// Class is why mail was not delivered. The set is closed; events, metrics and rule files use these words.
type Class string

// Classes of failure.
const (
	UserUnknown    Class = "user-unknown"     // the domain has no such mailbox
	Moved          Class = "moved"            // the mailbox is elsewhere, and mail for it is not forwarded
	Inactive       Class = "inactive"         // the mailbox exists and is disabled, suspended or not used
	MailboxFull    Class = "mailbox-full"     // over its quota
	DomainNotFound Class = "domain-not-found" // the domain or its mail server does not exist in DNS
	NoMail         Class = "no-mail"          // the domain or host says that it takes no mail (RFC 7505)
	Filtered       Class = "filtered"         // this recipient or a list takes no mail of this sender
	Policy         Class = "policy"           // a rule of the receiver, of what or whom it does not say
	SenderRejected Class = "sender-rejected"  // the envelope sender or its domain is refused
	SpamContent    Class = "spam-content"     // the message looks like spam, or links to it
	Malware        Class = "malware"          // it has a virus, or a file of a kind that is not taken
	Reputation     Class = "reputation"       // the sending address or domain is on a blocklist or has a bad name
	Authentication Class = "authentication"   // SPF, DKIM, DMARC or ARC failed, or are missing
	ReverseDNS     Class = "reverse-dns"      // the sending address has no name, or EHLO gives a wrong one
	RateLimited    Class = "rate-limited"     // too much mail or too many connections at a time
	Greylisted     Class = "greylisted"       // unknown so far; the same attempt a little later is taken
	TooLarge       Class = "message-too-large"
	Content        Class = "content"      // the message breaks a standard, or cannot be converted
	Relaying       Class = "relaying"     // the server is not responsible for the domain
	Security       Class = "security"     // TLS or AUTH is wanted, or was refused
	Network        Class = "network"      // no route, no answer, a broken connection, a loop, DNS out of order
	System         Class = "system"       // the receiver's server is out of order
	Protocol       Class = "protocol"     // the receiver did not understand a command
	Expired        Class = "expired"      // not delivered in time, the cause is not said
	Unclassified   Class = "unclassified" // a failure that no rule knows
	NoClass        Class = ""             // not a failure
)

// Action is what to do about it.
type Action string

// Actions.
const (
	Suppress       Action = "suppress"        // send to the address no more
	Retry          Action = "retry"           // the same again later; where delivery is over, the next mail may well arrive
	RetryElsewhere Action = "retry-elsewhere" // later and from another address of ours
	StopCampaign   Action = "stop-campaign"   // more of the same mail does harm: stop it and look at it
	TellPostmaster Action = "tell-postmaster" // ours is to mend it: DNS, keys, TLS, size
	NoAction       Action = "none"
)

// Verdict is what is thought of one answer.
type Verdict struct {
	Kind   Kind   `json:"kind"`
	Class  Class  `json:"class"`
	Hard   bool   `json:"hard"` // the address or its domain is dead; never of spam, policy or a block
	Action Action `json:"action"`
	Rule   string `json:"rule"` // the rule that decided; empty if none did
}

// Classes lists all classes of failure.
func Classes() []Class { return classes() }

func classes() []Class {
	return []Class{
		UserUnknown, Moved, Inactive, MailboxFull, DomainNotFound, NoMail, Filtered, Policy, SenderRejected, SpamContent, Malware,
		Reputation, Authentication, ReverseDNS, RateLimited, Greylisted, TooLarge, Content, Relaying, Security, Network, System,
		Protocol, Expired, Unclassified,
	}
}

func actions() []Action {
	return []Action{Suppress, Retry, RetryElsewhere, StopCampaign, TellPostmaster, NoAction}
}

// dead reports whether the class means that the address or its domain is dead, unless a rule says otherwise.
func (c Class) dead() bool {
	switch c {
	case UserUnknown, Moved, DomainNotFound, NoMail:
		return true
	}
	return false
}

// action is what a class asks for where it is not hard. What the server itself calls temporary is tried again, whatever it
// is, unless trying again does harm.
func (c Class) action(kind Kind) Action {
	switch c {
	case Reputation:
		return RetryElsewhere
	case SpamContent, Malware:
		return StopCampaign
	case Authentication, ReverseDNS, SenderRejected, Policy, Security, Content, Protocol:
		return TellPostmaster
	case Inactive, MailboxFull, RateLimited, Greylisted, Network, System, Expired:
		return Retry
	}
	if kind == KindDelay {
		return Retry
	}
	return NoAction
}
