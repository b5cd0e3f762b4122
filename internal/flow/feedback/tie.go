package feedback

import (
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/arf"
	"github.com/budkavle/budkavle/internal/standard/parts"
	"github.com/budkavle/budkavle/internal/store"
)

// tie is whose complaint it is, and what proves it.
type tie struct {
	account model.AccountID
	domain  model.DomainID
	message ident.ID // 0: not known
	n       int
	address string // empty: the message is proved, its reader is not
	tag     string // of the mail: what an opt-out is from
	by      trace
}

// trace is what a tie rests on.
type trace string

// Traces, the strongest first. The first three are made with the node's key and can be had only by who got the mail. A
// Message-ID is no secret: it counts only where it, the queue identifier and the recipient agree, and the message went to nobody
// else.
const (
	byPath      trace = "return path" // on which the complaint came
	byLink      trace = "link"        // in List-Unsubscribe of the returned message
	byReturned  trace = "returned path"
	byMessageID trace = "Message-ID only"
)

func (t *tie) reason(r *arf.Report) string {
	who := "feedback report"
	if r.UserAgent != "" {
		who += " of " + r.UserAgent
	}
	return clip(who, 120) + ", known by " + string(t.by)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// ties finds whose complaint it is by the strongest trace that is there.
func (s *Service) ties(ctx context.Context, r *arf.Report, p *path) ([]tie, error) {
	if p != nil {
		return s.tiesOfPath(ctx, *p, r.Recipients, byPath)
	}
	for _, token := range tokensIn(r.Returned.Header) {
		t, ok, err := s.tieOfLink(ctx, token)
		if err != nil || ok {
			return []tie{t}, err
		}
	}
	for _, mailbox := range []string{r.MailFrom, r.Returned.Header.Get("return-path")} {
		local, _, _ := strings.Cut(strings.Trim(mailbox, "<> "), "@")
		key, all, err := s.Paths.Parse(local)
		if err != nil {
			continue
		}
		list, err := s.tiesOfPath(ctx, path{key: key, all: all}, r.Recipients, byReturned)
		if err != nil || len(list) > 0 {
			return list, err
		}
	}
	return s.tiesOfMessageID(ctx, r)
}

// tiesOfPath are the recipients that a return path stands for; of a whole message those that are named. Mail that was never
// tried nobody can complain of.
func (s *Service) tiesOfPath(ctx context.Context, p path, names []string, by trace) ([]tie, error) {
	m, err := s.Store.Message(ctx, p.key.Message)
	if err != nil {
		return nil, s.unlessGone(err, p)
	}
	var list []model.Recipient
	if p.all {
		if list, err = s.Store.Recipients(ctx, m.ID, 0, policy.MaxRecipients); err != nil {
			return nil, err
		}
		if list = bounce.Named(list, names); len(list) == 0 {
			return []tie{tieTo(&m, &model.Recipient{}, by)}, nil
		}
	} else {
		own, err := s.Store.Recipient(ctx, p.key)
		if err != nil {
			return nil, s.unlessGone(err, p)
		}
		list = append(list, own)
	}
	var ties []tie
	for i := range list {
		if list[i].Attempts > 0 {
			ties = append(ties, tieTo(&m, &list[i], by))
		}
	}
	return ties, nil
}

func tieTo(m *model.Message, r *model.Recipient, by trace) tie {
	tag := policy.StreamTag
	if len(m.Meta.Tags) > 0 {
		tag = m.Meta.Tags[0]
	}
	return tie{account: m.Account, domain: m.Domain, message: m.ID, n: r.N, address: r.Address, tag: tag, by: by}
}

// tieOfLink reads the token of a link: it names recipient and message, and outlives the message.
func (s *Service) tieOfLink(ctx context.Context, token string) (tie, bool, error) {
	c, err := s.Links.Read(token, consent.Leave, s.Clock.Now())
	if err != nil {
		return tie{}, false, nil // it is no link of ours
	}
	d, err := s.Store.DomainByID(ctx, c.Domain)
	if store.Is(err, store.NotFound) || err == nil && d.Account != c.Account {
		return tie{}, false, nil
	}
	tag := c.Tag
	if tag == "" {
		tag = policy.StreamTag
	}
	return tie{account: c.Account, domain: c.Domain, message: c.Message, address: c.Address, tag: tag, by: byLink}, err == nil, err
}

const (
	minToken  = 50 // characters; a token of ours has at least the seal's and ten octets
	maxTokens = 8  // tried of one message
)

// tokensIn are what in a List-Unsubscribe field can be the token of a link. Space within it is folding (RFC 2369 2).
func tokensIn(h parts.Header) []string {
	text := strings.Join(strings.Fields(h.Get("list-unsubscribe")), "")
	words := strings.FieldsFunc(text, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
	})
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < minToken || len(w) > consent.MaxToken })
	return words[:min(len(words), maxTokens)]
}

// tiesOfMessageID finds the message by its queue identifier, which our Received field names and a Message-ID of our making
// begins with. All that is known of it must be as the complaint has it.
func (s *Service) tiesOfMessageID(ctx context.Context, r *arf.Report) ([]tie, error) {
	messageID := strings.Trim(r.Returned.Header.Get("message-id"), "<> ")
	if messageID == "" {
		return nil, nil
	}
	for _, id := range s.identifiers(r.Returned.Header, messageID) {
		m, err := s.Store.Message(ctx, id)
		if store.Is(err, store.NotFound) || err == nil && m.Meta.MessageID != messageID {
			continue
		}
		if err != nil {
			return nil, err
		}
		list, err := s.Store.Recipients(ctx, id, 0, 2)
		if err != nil || len(list) != 1 || list[0].Attempts == 0 || len(bounce.Named(list, r.Recipients)) != 1 {
			return nil, err
		}
		return []tie{tieTo(&m, &list[0], byMessageID)}, nil
	}
	return nil, nil
}

// maxIdentifiers is how many messages a complaint is held against.
const maxIdentifiers = 4

// identifiers are what a returned header has of queue identifiers of ours.
func (s *Service) identifiers(h parts.Header, messageID string) []ident.ID {
	local, _, _ := strings.Cut(messageID, "@")
	first, _, _ := strings.Cut(local, ".")
	words := []string{first}
	for i := range h {
		if h[i].Name != "received" || !strings.Contains(h[i].Value, "by "+s.Hostname) {
			continue
		}
		if _, after, ok := strings.Cut(h[i].Value, " id "); ok {
			words = append(words, parts.FirstWord(after))
		}
	}
	var ids []ident.ID
	for _, w := range words {
		if id, err := ident.Parse(w); err == nil && !slices.Contains(ids, id) && len(ids) < maxIdentifiers {
			ids = append(ids, id)
		}
	}
	return ids
}
