package cli

import (
	"context"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/lab"
)

type demoCommand struct {
	Recipients int    `help:"Number of recipients." default:"10000" placeholder:"N"`
	Exit       bool   `help:"End when everything is settled instead of staying up."`
	Data       string `help:"Empty folder for the node's store and log (default: a temporary one)." placeholder:"DIR"`
}

// maxDemo bounds the recipients of a demo: their outcomes are held in memory, at about 1 KiB each.
const maxDemo = 200_000

func (c *demoCommand) Run(a *app) error {
	if c.Recipients < 1 || c.Recipients > maxDemo {
		return &usageError{wording.Errorf("--recipients: %d is not between 1 and %d", c.Recipients, maxDemo)}
	}
	return c.run(a, lab.BuiltinZone())
}

// run is the demo in a zone.
func (c *demoCommand) run(a *app, zone *lab.Zone) (err error) {
	folder, tidy, err := demoFolder(c.Data)
	if err != nil {
		return err
	}
	defer func() { err = firstOf(err, tidy()) }()
	w, err := a.startWorld(folder, zone)
	if err != nil {
		return err
	}
	defer func() { err = firstOf(err, w.stop()) }()
	return a.withOfficeOf(w.cfg, func(ctx context.Context, o *office) error {
		if err := w.open(ctx, o); err != nil {
			return err
		}
		result, err := w.play(ctx, o, zone.Addresses(c.Recipients))
		if err != nil {
			return err
		}
		if err := a.show(ctx, o, w, result); err != nil {
			return err
		}
		if !c.Exit {
			a.stay(w)
		}
		if len(result.Faults) > 0 {
			return errFaults
		}
		return nil
	})
}

// firstOf is what went wrong first; that the end of it went wrong too is of no interest then.
func firstOf(err, later error) error {
	if err != nil {
		return err
	}
	return later
}

// play sends to the addresses, waits until what must become of them has, and judges.
func (w *world) play(ctx context.Context, o *office, addresses []string) (*demoResult, error) {
	mailing := newMailing(w, addresses)
	sent := make(chan error, 1)
	var sender sync.WaitGroup
	sending, cancel := context.WithCancel(ctx)
	sender.Go(func() { sent <- mailing.send(sending) })
	stuck, err := w.watch(ctx, o, mailing, sent)
	cancel()
	sender.Wait()
	if err != nil {
		return nil, err
	}
	settled := time.Now()
	outcomes, err := readOutcomes(ctx, o, w.account)
	if err != nil {
		return nil, err
	}
	r := judge(w.lab, addresses, outcomes)
	if stuck != nil {
		r.fault("", "", stuck)
	}
	r.TakenIn, r.SettledIn, r.Messages = mailing.taken.Sub(mailing.began), settled.Sub(mailing.began), mailing.messages()
	r.story = chooseStory(w.lab, addresses, outcomes)
	return r, nil
}

// show prints the result, and one message's story.
func (a *app) show(ctx context.Context, o *office, w *world, r *demoResult) error {
	var s *story
	if r.story != 0 {
		read, err := readStory(ctx, o.store, r.story, 1)
		if err != nil {
			return err
		}
		s = &read
	}
	if a.json {
		return a.printJSON(struct {
			*demoResult
			Lab   lab.Report `json:"lab"`
			Story *story     `json:"story,omitempty"`
		}{r, w.lab.Report(), s})
	}
	t := newTerminal(a.Out, a.environ)
	a.printResult(t, r)
	a.printVerdict(t, r)
	if s != nil {
		a.say("")
		a.say("One message's whole story, as budkavle queue show tells it:")
		a.tell(a.Out, *s, demoAccount)
	}
	return nil
}

// stay keeps the node and the lab up until the process is told to end.
func (a *app) stay(w *world) {
	if !a.json {
		a.say("")
		a.say("The node stays up at http://%s until Ctrl-C; its store and log are in %s.", w.node.Addrs().HTTP, w.cfg.Node.DataDir)
	}
	<-a.ctx.Done()
}

// chooseStory takes a message to one recipient that was deferred first and delivered then, which has the most to tell. 0:
// none of that was delivered.
func chooseStory(l *lab.Lab, addresses []string, outcomes map[string]*outcome) ident.ID {
	var id ident.ID
	for _, address := range addresses {
		o := outcomes[address]
		if o == nil || o.final() != lab.Delivered {
			continue
		}
		if e, _ := l.Expect(address); e.Deferred && o.deferrals == 1 && o.alone {
			return o.message
		}
		if id == 0 && o.alone {
			id = o.message
		}
	}
	return id
}
