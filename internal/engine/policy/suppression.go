package policy

import (
	"slices"

	"github.com/budkavle/budkavle/internal/model"
)

// StreamTag is the tag of an unsubscription from all bulk mail, as opposed to mail that the recipient's own doing sets off.
const StreamTag = "stream:bulk"

// Suppressed finds the entry that keeps a message from an address, among those that its account and the operator have for
// the address; nil: none does.
//
// A dead address is dead whichever domain of the account writes to it. A complaint or an unsubscription is about the sender
// that the recipient saw: the domain, or the whole account where the entry says so. What the recipient asked for, such as a
// link to prove the address, no list stops; and a report of failure is not mail that anybody unsubscribes from.
func Suppressed(m *model.Message, entries []model.Suppression) *model.Suppression {
	if m.Meta.Requested {
		return nil
	}
	for i := range entries {
		if entries[i].Kind == model.SuppressBounce {
			return &entries[i]
		}
	}
	if m.Origin == model.OriginSystem {
		return nil
	}
	for i := range entries {
		e := &entries[i]
		if e.Domain != 0 && e.Domain != m.Domain {
			continue
		}
		if e.Kind == model.SuppressComplaint || e.Kind == model.SuppressUnsubscribe && covers(e.Tag, m) {
			return e
		}
	}
	return nil
}

// covers reports whether an unsubscription by tag is about the message.
func covers(tag string, m *model.Message) bool {
	switch tag {
	case "":
		return true
	case StreamTag:
		return m.Class == model.ClassBulk
	}
	return slices.Contains(m.Meta.Tags, tag)
}
