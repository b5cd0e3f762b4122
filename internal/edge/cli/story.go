package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

type queueShow struct {
	Message    string `arg:"" help:"Identifier of the message."`
	Recipients int    `help:"Recipients shown at most." default:"100"`
	Body       bool   `help:"Print the message itself instead."`
}

func (c *queueShow) Run(a *app) error {
	id, err := ident.Parse(c.Message)
	if err != nil {
		return &usageError{err}
	}
	return a.withOffice(func(ctx context.Context, o *office) error {
		if c.Body {
			raw, err := o.store.Body(ctx, id)
			if err != nil {
				return a.explain(err, "message %s", c.Message)
			}
			_, err = a.Out.Write(raw)
			return err
		}
		s, err := readStory(ctx, o.store, id, c.Recipients)
		if err != nil {
			return a.explain(err, "message %s", c.Message)
		}
		if err := o.readHeld(ctx, &s); err != nil {
			return err
		}
		if a.json {
			return a.printJSON(s)
		}
		a.tell(a.Out, s, o.accountName(ctx, s.Message.Account))
		return nil
	})
}

// story is everything known of one message.
type story struct {
	Message    model.Message     `json:"message"`
	Recipients []model.Recipient `json:"recipients"`
	Events     []model.Event     `json:"events"`
	// Held are the limits that hold waiting recipients back, by N.
	Held map[int]*model.PathState `json:"held,omitempty"`
}

// readHeld adds what holds the recipients.
func (o *office) readHeld(ctx context.Context, s *story) error {
	h, err := o.held(ctx)
	if err != nil {
		return err
	}
	if err := h.lookUp(ctx, s.Recipients); err != nil {
		return err
	}
	s.Held = map[int]*model.PathState{}
	for i := range s.Recipients {
		if p := h.by(&s.Recipients[i]); p != nil {
			s.Held[s.Recipients[i].N] = p
		}
	}
	return nil
}

// maxStoryEvents bounds the events of one story: with five days of retries a recipient has about thirty.
const maxStoryEvents = 5000

func readStory(ctx context.Context, st store.Store, id ident.ID, recipients int) (story, error) {
	var s story
	var err error
	if s.Message, err = st.Message(ctx, id); err != nil {
		return s, err
	}
	if s.Recipients, err = st.Recipients(ctx, id, 0, recipients); err != nil {
		return s, err
	}
	s.Events, err = st.ListEvents(ctx, store.EventFilter{Message: id, Ascending: true, Limit: maxStoryEvents})
	return s, err
}

// tell prints a story: the message, then what happened in order, then where each recipient stands.
func (a *app) tell(w io.Writer, s story, account string) {
	m := s.Message
	fmt.Fprintln(w, a.T("Message %s, %s, of account %s", m.ID, a.T(m.Class.String()), account))
	for _, line := range [][2]string{
		{a.T("From"), orDash(m.Meta.From)},
		{a.T("To"), orDash(shorten(m.Meta.To, 100))},
		{a.T("Subject"), orDash(m.Meta.Subject)},
		{"Message-ID", orDash(m.Meta.MessageID)},
		{a.T("Accepted"), fmt.Sprintf("%s %s %s", when(m.AcceptedAt), m.Origin, m.Meta.Client)},
		{a.T("Size"), a.T("%d octets", m.Size)},
		{a.T("Given up"), when(m.ExpiresAt)},
	} {
		fmt.Fprintf(w, "  %-12s %s\n", line[0], line[1])
	}
	fmt.Fprintln(w)
	for _, ev := range s.Events {
		fmt.Fprintf(w, "%s  %-10s %s\n", ev.At.Local().Format("2006-01-02 15:04:05.000"), a.T(string(ev.Kind)), ev.Recipient)
		for _, detail := range a.details(ev) {
			fmt.Fprintf(w, "%25s%s\n", "", detail)
		}
	}
	for _, r := range s.Recipients {
		fmt.Fprintf(w, "\n%s: %s\n", r.Address, a.T(r.State.String()))
		if r.State == model.StateWaiting {
			fmt.Fprintln(w, "  "+a.T("next attempt %s, attempts so far %d", when(r.Due), r.Attempts))
			if p := s.Held[r.N]; p != nil {
				fmt.Fprintln(w, "  "+a.T("held by: %s", a.heldText(p)))
			}
		}
		if r.Last.Transcript != "" {
			fmt.Fprintln(w, "  "+a.T("The last attempt's session:"))
			for _, line := range strings.Split(strings.TrimRight(r.Last.Transcript, "\n"), "\n") {
				fmt.Fprintln(w, "    "+line)
			}
		}
	}
}

// details says in words what an event carries.
func (a *app) details(ev model.Event) []string {
	var lines []string
	d := ev.Data
	if d.Reply != nil {
		said := replyText(*d.Reply)
		if d.Reply.Host != "" {
			said = a.T("%s (%s) said: %s", d.Reply.Host, d.Reply.Addr, said)
		}
		lines = append(lines, said)
		if d.Reply.TLS != "" {
			lines = append(lines, a.T("encrypted with %s", d.Reply.TLS))
		}
	}
	if d.Reason != "" {
		lines = append(lines, d.Reason)
	}
	if d.Shaping != "" {
		lines = append(lines, a.T("the site is driven by it as rule %s says", d.Shaping))
	}
	if d.Attempt > 0 {
		lines = append(lines, a.T("attempt %d", d.Attempt))
	}
	if d.NextAt != nil {
		lines = append(lines, a.T("next attempt %s", when(*d.NextAt)))
	}
	if d.Delays != nil {
		lines = append(lines, a.T("time: accept %s, queue %s, connect %s, send %s",
			short(d.Delays.Accept), short(d.Delays.Queue), short(d.Delays.Connect), short(d.Delays.Send)))
	}
	return lines
}

func short(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	default:
		return d.Round(100 * time.Microsecond).String()
	}
}
