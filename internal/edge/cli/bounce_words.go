package cli

import "github.com/budkavle/budkavle/internal/engine/bounce"

func (a *app) kindWords(k bounce.Kind) string {
	switch k {
	case bounce.KindBounce:
		return a.T("a bounce, the mail was not delivered")
	case bounce.KindDelay:
		return a.T("a delay, it is still tried")
	case bounce.KindAutoreply:
		return a.T("an automatic answer, the mail arrived")
	case bounce.KindComplaint:
		return a.T("a complaint, or a wish for no more mail")
	case bounce.KindChallenge:
		return a.T("a challenge, the sender is to prove to be a person")
	}
	return a.T("not a bounce")
}

func (a *app) classWords(c bounce.Class) string {
	switch c {
	case bounce.UserUnknown:
		return a.T("there is no such mailbox")
	case bounce.Moved:
		return a.T("the mailbox is elsewhere now")
	case bounce.Inactive:
		return a.T("the mailbox is disabled or not used")
	case bounce.MailboxFull:
		return a.T("the mailbox is full")
	case bounce.DomainNotFound:
		return a.T("the domain does not exist")
	case bounce.NoMail:
		return a.T("the domain takes no mail")
	case bounce.Filtered:
		return a.T("the recipient takes no mail of this sender")
	case bounce.Expired:
		return a.T("not delivered in time, the cause is not said")
	case bounce.Network:
		return a.T("the way there is broken")
	case bounce.System:
		return a.T("the receiving server is out of order")
	case bounce.Protocol:
		return a.T("the receiving server did not understand")
	case bounce.Unclassified:
		return a.T("not known, no rule fits")
	}
	return a.refusalWords(c)
}

// refusalWords are those of classes that speak of the sender or of what is sent.
func (a *app) refusalWords(c bounce.Class) string {
	switch c {
	case bounce.Policy:
		return a.T("a rule of the receiver forbids it")
	case bounce.SenderRejected:
		return a.T("the sender's address or domain is refused")
	case bounce.SpamContent:
		return a.T("the message looks like spam")
	case bounce.Malware:
		return a.T("the message has a virus, or a file that is not taken")
	case bounce.Reputation:
		return a.T("the sending address or domain is on a blocklist or has a bad name")
	case bounce.Authentication:
		return a.T("SPF, DKIM or DMARC failed or is missing")
	case bounce.ReverseDNS:
		return a.T("the sending address has no name in DNS, or a wrong one")
	case bounce.RateLimited:
		return a.T("too much mail at a time")
	case bounce.Greylisted:
		return a.T("greylisted: the sender is not known yet")
	case bounce.TooLarge:
		return a.T("the message is too large")
	case bounce.Content:
		return a.T("the message breaks a standard")
	case bounce.Relaying:
		return a.T("the server is not responsible for the domain")
	case bounce.Security:
		return a.T("encryption or a login is wanted")
	}
	return string(c)
}

func (a *app) actionWords(action bounce.Action, kind bounce.Kind) string {
	switch action {
	case bounce.Suppress:
		return a.T("Budkavle sends no more to the address")
	case bounce.Retry:
		if kind == bounce.KindDelay {
			return a.T("Budkavle tries again later")
		}
		return a.T("the next mail may well arrive; if this goes on for days, Budkavle sends no more to the address")
	case bounce.RetryElsewhere:
		return a.T("Budkavle tries later, and from another address")
	case bounce.StopCampaign:
		return a.T("stop the mailing and look at it: more of it does harm")
	case bounce.TellPostmaster:
		return a.T("ours to mend: the operator is told")
	}
	return a.T("nothing")
}
