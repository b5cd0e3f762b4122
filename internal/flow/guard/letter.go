package guard

import (
	"fmt"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/model"
)

// letter is a mail to a person: Swedish first, then English.
type letter struct{ subject, text string }

// told is what was sent, with its lines named by one language.
func told(e *limit.Evidence, names map[string]string) string {
	var b strings.Builder
	for _, l := range e.Lines() {
		name := l.Name
		if sv := names[name]; sv != "" {
			name = sv
		}
		fmt.Fprintf(&b, "  %s: %s\n", name, l.Value)
	}
	return b.String()
}

func swedishNames() map[string]string {
	return map[string]string{"client addresses": "från adresserna", "credentials": "av användarna", "sender domains": "som domänerna", "subjects": "ämnen"}
}

func toOwner(a *model.Account, e *limit.Evidence) letter {
	at := a.LockedAt.UTC().Format("2006-01-02 15:04:05 MST")
	return letter{
		fmt.Sprintf("Kontot %s är låst / Account %s is locked", a.Name, a.Name),
		fmt.Sprintf(`Kontot %s låstes %s: fler meddelanden på en halvtimme än det får sända, vilket
tyder på att någon annan har ett av dess lösenord. Det som står i kö hålls kvar och ingenting är förlorat.

Sänt under halvtimmen före: %d meddelanden till %d mottagare
%s
Gör så här: ta reda på vilken dator som sände, ta bort SMTP-användarna och API-nycklarna som
nämns ovan, och be operatören om nya. Därefter kan kontot låsas upp. Var det ni själva som sände,
be operatören om en högre gräns eller om att godkänna kontot för utskick.

--

Account %s was locked at %s: more messages in half an hour than it may send, which looks as
if somebody else has one of its passwords. What is queued is held, and nothing is lost.

Sent in the half hour before: %d messages to %d recipients
%s
What to do: find the computer that sent, remove the SMTP users and API keys named above, and ask
the operator for new ones. Then the account can be unlocked. If it was you who sent, ask the
operator for a higher limit, or to clear the account for bulk mail.
`, a.Name, at, e.Messages, e.Recipients, told(e, swedishNames()), a.Name, at, e.Messages, e.Recipients, told(e, nil)),
	}
}

func toOperator(a *model.Account, e *limit.Evidence) letter {
	at := a.LockedAt.UTC().Format("2006-01-02 15:04:05 MST")
	contact := a.Contact
	if contact == "" {
		contact = "-"
	}
	return letter{
		fmt.Sprintf("Kontot %s är låst: misstänkt kapat / Account %s is locked: taken for hijacked", a.Name, a.Name),
		fmt.Sprintf(`Kontot %s (%s) låstes %s.

Sänt under halvtimmen före: %d meddelanden till %d mottagare
%s
Se vad som hålls i kö:      budkavle queue list --account %s
Ta bort det som är skräp:   budkavle queue cancel --account %s
Lås upp:                    budkavle account unlock %s
Höj gränsen:                budkavle account limits %s --half-hour N

--

Account %s (%s) was locked at %s: %s.

Sent in the half hour before: %d messages to %d recipients
%s
See what is held:      budkavle queue list --account %s
Remove what is junk:   budkavle queue cancel --account %s
Unlock:                budkavle account unlock %s
Raise the limit:       budkavle account limits %s --half-hour N
`, a.Name, contact, at, e.Messages, e.Recipients, told(e, swedishNames()), a.Name, a.Name, a.Name, a.Name,
			a.Name, contact, at, a.Reason, e.Messages, e.Recipients, told(e, nil), a.Name, a.Name, a.Name, a.Name),
	}
}
