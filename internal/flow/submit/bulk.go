package submit

import (
	"crypto/sha256"
	"encoding/base32"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/listheaders"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Ways says where recipients reach this node to say what mail they want.
type Ways struct {
	Links   *consent.Links
	BaseURL string // of the recipients' page, without a closing slash
	Mailbox string // takes mails that unsubscribe, their subject being the token
	// Sender names this node to Gmail's feedback loop: 5 to 15 characters that stay the same (SenderID).
	Sender string
}

// SenderID makes a name for Gmail's feedback loop of the bounce domain.
func SenderID(domain string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(domain)))
	return "bk" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:5]))
}

// maxCopies bounds the octets of the copies that one submission is made into.
const maxCopies = 64 << 20

// copies divides the recipients into messages. Bulk mail that brings no way off the list of its own gets one, which must be the
// recipient's alone (RFC 8058 3.1: the link tells whom it is for), so each recipient gets a message to itself.
func (t *Pending) copies(class model.Class, in *compose.Inspected, rs []addressee) ([][]addressee, error) {
	if class != model.ClassBulk || len(rs) == 1 || in.Header.Has(listheaders.UnsubscribeName) {
		return [][]addressee{rs}, nil
	}
	more := t.draft.Size() * int64(len(rs)-1)
	if more > maxCopies {
		return nil, smtp.Errorf(552, "5.3.4", "The message is bulk mail to %d recipients, each of whom gets a copy with a link to unsubscribe, together more than %d octets. Send it to fewer at a time, or with a List-Unsubscribe field of your own", len(rs), maxCopies)
	}
	if err := t.grow(t.held + more); err != nil {
		return nil, err
	}
	list := make([][]addressee, len(rs))
	for i := range rs {
		list[i] = rs[i : i+1]
	}
	return list, nil
}

// listFields are what bulk mail carries besides: the ways off the list (RFC 2369, 8058) and a name for complaints.
func (s *Service) listFields(class model.Class, in *compose.Inspected, owner *model.Domain, tags []string, id ident.ID, rs []addressee) (message.Header, error) {
	if class != model.ClassBulk || s.Ways.Links == nil {
		return nil, nil
	}
	tag, campaign := policy.StreamTag, "bulk"
	if len(tags) > 0 {
		tag, campaign = tags[0], feedbackWord(tags[0])
	}
	// a:b:c:SenderId, as Gmail reads it: campaign, sender domain, account.
	feedback := campaign + ":" + owner.Name + ":a" + strconv.FormatInt(int64(owner.Account), 10) + ":" + s.Ways.Sender
	h := message.Header{{Name: "Feedback-ID", Raw: []byte("Feedback-ID: " + feedback + "\r\n")}}
	if in.Header.Has(listheaders.UnsubscribeName) {
		return h, nil
	}
	token, err := s.Ways.Links.Make(consent.Claim{
		Purpose: consent.Leave, Account: owner.Account, Domain: owner.ID, Address: rs[0].Address.String(), Tag: tag, Message: id,
	})
	if err != nil {
		return nil, smtp.Wrap(err, 451, "4.3.0", "The message cannot be given a link to unsubscribe now, try again later")
	}
	u := listheaders.Unsubscribe{URI: s.Ways.BaseURL + "/u/" + token, Mailto: "mailto:" + s.Ways.Mailbox + "?subject=" + token}
	return append(h, u.Fields()...), nil
}

// feedbackWord is a tag without what has a meaning in Feedback-ID.
func feedbackWord(tag string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == ':' {
			return '-'
		}
		return r
	}, tag)
}
