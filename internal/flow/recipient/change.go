package recipient

import (
	"context"
	"log/slog"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// How unsubscriptions came, as Suppression.Source and in events.
const (
	ByClick = "one click" // RFC 8058
	ByMail  = "mail"      // to the mailto of List-Unsubscribe
	ByPage  = "page"
)

// Leave stops mail like the one that the link was in; all: everything from its sender. It acts at once, and mail that is
// waiting is stopped too.
func (s *Service) Leave(ctx context.Context, token string, all bool, how string) (Standing, error) {
	c, err := s.Links.Read(token, consent.Leave, s.Clock.Now())
	if err != nil {
		return Standing{}, &Error{BadLink, err}
	}
	st, err := s.standing(ctx, c)
	if err != nil {
		return st, err
	}
	tag := streamOf(c.Tag)
	if all {
		tag = ""
	}
	if covered(st.Entries, tag) {
		return st, nil
	}
	now := s.Clock.Now()
	e := model.Suppression{
		Account: c.Account, Domain: c.Domain, Kind: model.SuppressUnsubscribe, Key: model.SuppressionKey(st.Address), Tag: tag, Address: st.Address,
		Source: "recipient", Reason: how, Count: 1, CreatedAt: now,
	}
	ev := s.event(&st, model.EventUnsubscribed, c.Message, model.EventData{Reason: how, Tag: tag})
	if err := s.Store.AddSuppressions(ctx, []model.Suppression{e}, ev); err != nil {
		return st, &Error{Unavailable, err}
	}
	s.line(&ev, tag)
	return s.standing(ctx, c)
}

// linkLife is for how long a verification link is valid.
const linkLife = 24 * time.Hour

// maxLinks is how many verification mails an address is sent in linkLife.
const maxLinks = 3

// ComeBack starts mail again for who holds a link from a message. Unsubscriptions are taken back at once; sent: a mail with a
// link was sent, since a bounce or a complaint wants proof of the address first.
func (s *Service) ComeBack(ctx context.Context, token string) (st Standing, sent bool, err error) {
	if st, err = s.Open(ctx, token); err != nil {
		return st, false, err
	}
	switch st.Returns {
	case NoNeed:
		return st, false, nil
	case Operator:
		return st, false, &Error{Class: Final}
	case ByProof:
		return st, true, s.Verify(ctx, st)
	}
	if err := s.takeBack(ctx, &st); err != nil {
		return st, false, err
	}
	st, err = s.Open(ctx, token)
	return st, false, err
}

// takeBack removes unsubscriptions. The event goes with the first.
func (s *Service) takeBack(ctx context.Context, st *Standing) error {
	ev := s.event(st, model.EventReturned, 0, model.EventData{Reason: ByPage})
	evs := []model.Event{ev}
	for _, e := range st.Entries {
		domain, tag := e.Domain, e.Tag
		f := store.SuppressionFilter{Account: e.Account, Domain: &domain, Kind: e.Kind, Key: e.Key, Tag: &tag}
		n, err := s.Store.RemoveSuppressions(ctx, f, 1, evs...)
		if err != nil {
			return &Error{Unavailable, err}
		}
		if n > 0 { // else somebody else took it back this moment
			evs = nil
		}
	}
	if evs == nil {
		s.line(&ev, "")
	}
	return nil
}

// Verify sends a mail with a link that proves the address. No list stops it, but an address is sent few of them.
func (s *Service) Verify(ctx context.Context, st Standing) error {
	if st.Returns == Operator {
		return &Error{Class: Final}
	}
	now := s.Clock.Now()
	may, err := s.Store.CountVerification(ctx, st.Domain.Account, model.SuppressionKey(st.Address), now, now.Add(-linkLife), maxLinks)
	if err != nil {
		return &Error{Unavailable, err}
	}
	if !may {
		return &Error{Class: TooMany}
	}
	token, err := s.Links.Make(consent.Claim{
		Purpose: consent.Return, Account: st.Domain.Account, Domain: st.Domain.ID, Address: st.Address, Expires: now.Add(linkLife),
	})
	if err != nil {
		return &Error{Unavailable, err}
	}
	err = s.Write(ctx, letter(st, s.BaseURL+"/u/verify/"+token))
	if err != nil {
		return &Error{Unavailable, err}
	}
	return nil
}

// Peek reads a verification link without using it, so that a link scanner's visit changes nothing.
func (s *Service) Peek(ctx context.Context, token string) (Standing, error) {
	_, st, err := s.peek(ctx, token)
	return st, err
}

func (s *Service) peek(ctx context.Context, token string) (consent.Claim, Standing, error) {
	c, err := s.Links.Read(token, consent.Return, s.Clock.Now())
	switch {
	case err == consent.ErrExpired:
		return c, Standing{}, &Error{Class: Expired}
	case err != nil:
		return c, Standing{}, &Error{BadLink, err}
	}
	st, err := s.standing(ctx, c)
	return c, st, err
}

// Prove uses a verification link: all that kept the sender's mail from the address is lifted.
func (s *Service) Prove(ctx context.Context, token string) (Standing, error) {
	c, st, err := s.peek(ctx, token)
	if err != nil {
		return st, err
	}
	ev := s.event(&st, model.EventReturned, 0, model.EventData{Reason: "the address is proved"})
	err = s.Store.Redeem(ctx, store.Redemption{
		Hash: hash(token), Expires: c.Expires, Account: c.Account, Key: model.SuppressionKey(st.Address), Domain: c.Domain, Event: ev,
	})
	switch {
	case store.Is(err, store.Exists):
		return st, &Error{Used, err}
	case err != nil:
		return st, &Error{Unavailable, err}
	}
	s.line(&ev, "")
	return s.About(ctx, st.Domain, st.Address)
}

func (s *Service) event(st *Standing, kind model.EventKind, message ident.ID, data model.EventData) model.Event {
	return model.Event{
		ID: s.IDs.Next(), Kind: kind, At: s.Clock.Now(), Account: st.Domain.Account, Domain: st.Domain.ID, Message: message, Recipient: st.Address, Data: data,
	}
}

func (s *Service) line(ev *model.Event, tag string) {
	s.Log.LogAttrs(context.Background(), slog.LevelInfo, string(ev.Kind), slog.Int64("account", int64(ev.Account)), slog.Int64("domain", int64(ev.Domain)),
		slog.String("recipient", ev.Recipient), slog.String("message", ev.Message.String()), slog.String("tag", tag), slog.String("how", ev.Data.Reason))
}

// letter is the verification mail, in both languages: which one its reader knows is not known.
func letter(st Standing, link string) model.Letter {
	return model.Letter{
		Domain: st.Domain, To: st.Address, Requested: true,
		Subject: "Bekräfta din adress / Confirm your address: " + st.Domain.Name,
		Text: `(English below)

Någon, troligen du, har bett att ` + st.Address + ` ska få e-post från ` + st.Domain.Name + ` igen.
Öppna länken och bekräfta. Den gäller ett dygn och en gång:

` + link + `

Har du inte bett om det behöver du inte göra något.
Om du har spärrat avsändaren i ditt e-postprogram måste du häva den spärren där först.

----

Somebody, probably you, asked that ` + st.Address + ` should get mail from ` + st.Domain.Name + ` again.
Open the link and confirm. It is valid for a day, and once:

` + link + `

If you did not ask for this, you need do nothing.
If you have blocked the sender in your mail program, that block must be lifted there first.
`,
	}
}
