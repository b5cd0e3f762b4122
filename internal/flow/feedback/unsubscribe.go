package feedback

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/parts"
)

// Unsubscribe is the local part to which the mailto of List-Unsubscribe leads (RFC 2369 3.2).
const Unsubscribe = "unsubscribe"

// unsubscribe takes a mail whose subject is the token of a link. Mail programs write the subject as the link has it; people who
// do it by hand answer, and servers on the way fold. What holds no token that was made here changes nothing and is answered
// by nothing: whom an answer would reach is not known.
func (s *Service) unsubscribe(ctx context.Context, client netip.Addr, raw []byte) error {
	s.Metrics.Returned.Add(kindUnsubscription)
	head, _ := parts.Cut(raw)
	h := parts.Fields(head)
	// What answers by itself (RFC 3834 5) wants nothing. auto-generated is what programs write that unsubscribe for their user.
	if strings.EqualFold(parts.FirstWord(h.Get("auto-submitted")), "auto-replied") {
		s.Log.Info("unsubscription ignored", "client", client, "why", "an automatic answer")
		return nil
	}
	for _, token := range tokensOf(h.Get("subject")) {
		known, err := s.Leave(ctx, token)
		if known || err != nil {
			return err
		}
	}
	s.Log.Info("unsubscription ignored", "client", client, "why", "its subject holds no token that was made here")
	return nil
}

// tokensOf are what of a subject can be a token: the whole without prefixes such as Re:, put together again where it was
// folded; else the longest word.
func tokensOf(subject string) []string {
	text := message.Decode(subject)
	text = text[strings.LastIndexByte(text, ':')+1:]
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil
	}
	longest := slices.MaxFunc(words, func(a, b string) int { return len(a) - len(b) })
	if len(words) == 1 {
		return words
	}
	return []string{strings.Join(words, ""), longest}
}
