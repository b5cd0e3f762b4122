package onboard

import (
	"context"

	"github.com/budkavle/budkavle/internal/model"
)

// Warning is something about a domain of which its owner is written to.
type Warning string

// Warnings.
const (
	WarnDegraded Warning = "degraded"
	WarnStopped  Warning = "stopped"
	WarnMended   Warning = "mended"
	WarnKeyLost  Warning = "key-lost"
	WarnStage    Warning = "stage"  // the next stage of DMARC is proposed
	WarnRotate   Warning = "rotate" // new keys wait to be published by the owner
)

// Notifier writes to the owners of domains. It returns when the letter is in the queue.
type Notifier interface {
	Warn(ctx context.Context, account model.Account, l Letter) error
}

// Letter is one warning for a person, in Swedish and English. It has one line for each paragraph.
type Letter struct {
	Warning Warning
	Domain  string
	Subject string
	Text    string
}

// warningOf is what a change of state is to the owner of a domain that was sending.
func warningOf(from, to model.DomainState) Warning {
	switch {
	case to == model.DomainDegraded:
		return WarnDegraded
	case to == model.DomainStopped:
		return WarnStopped
	case to == model.DomainLive && (from == model.DomainDegraded || from == model.DomainStopped):
		return WarnMended
	}
	return ""
}

// warn writes to the account's contact, if it has one. The event is stored already: a letter that fails is an error of the
// caller's, who logs it, and is not written again.
func (s *Service) warn(ctx context.Context, w Warning, d *model.Domain) error {
	if s.Notifier == nil {
		return nil
	}
	a, err := s.store.AccountByID(ctx, d.Account)
	if err != nil || a.Contact == "" {
		return err
	}
	return s.Notifier.Warn(ctx, a, letter(w, d))
}

// letter words a warning. Swedish stands first: the operators are Swedish; who does not read it finds English below.
func letter(w Warning, d *model.Domain) Letter {
	var swedish, english [2]string // subject, text
	switch w {
	case WarnDegraded:
		swedish = [2]string{"DNS-poster saknas", "DNS-poster som domänen hade finns inte längre. E-post sänds tills vidare ändå, men kan hamna i skräpposten."}
		english = [2]string{"DNS records are missing", "DNS records that the domain had are gone. Mail is sent on for the time being, but may end up as spam."}
	case WarnStopped:
		swedish = [2]string{"sändning stoppad", "E-post från domänen skulle underkännas av DMARC och tas därför inte emot för sändning förrän DNS-posterna är tillbaka."}
		english = [2]string{"sending is stopped", "Mail from the domain would fail DMARC, so none is taken for sending until the DNS records are back."}
	case WarnMended:
		swedish = [2]string{"DNS är i ordning igen", "DNS-posterna är tillbaka. E-post sänds som vanligt."}
		english = [2]string{"DNS is in order again", "The DNS records are back. Mail is sent as before."}
	case WarnKeyLost:
		swedish = [2]string{"en DKIM-nyckel saknas i DNS", "En DKIM-nyckel har försvunnit ur DNS. E-post signeras inte med den förrän den är tillbaka."}
		english = [2]string{"a DKIM key is missing in DNS", "A DKIM key has vanished from DNS. Mail is not signed with it until it is back."}
	case WarnRotate:
		swedish = [2]string{"nya DKIM-nycklar att publicera", "Domänen har fått nya DKIM-nycklar. Publicera deras poster; de gamla används tills de nya syns."}
		english = [2]string{"new DKIM keys to publish", "The domain has been given new DKIM keys. Publish their records; the old ones are used until the new ones are seen."}
	}
	what := "budkavle domain show " + d.Name + "\nbudkavle domain verify " + d.Name
	return Letter{
		Warning: w, Domain: d.Name, Subject: d.Name + ": " + swedish[0] + " / " + english[0],
		Text: swedish[1] + "\n\nVad som ska publiceras, och vad som är fel, visar:\n" + what +
			"\n\n--\n\n" + english[1] + "\n\nWhat to publish, and what is wrong, is shown by:\n" + what + "\n",
	}
}
