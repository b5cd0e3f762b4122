package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

const (
	perMessage = 10  // recipients of a message, each at another domain
	perCommit  = 100 // messages
	bodySize   = 1 << 10
)

// fill puts depth waiting recipients, due now, into the store, as a send of many messages leaves them.
func fill(ctx context.Context, path string, p plan, depth int) (err error) {
	st, err := sqlite.Open(ctx, path, clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := st.Close(); err == nil {
			err = cerr
		}
	}()
	a, err := st.Account(ctx, "bench")
	if err != nil {
		return err
	}
	d, err := st.Domain(ctx, "bench.example")
	if err != nil {
		return err
	}
	f := filler{ids: ident.NewSource(clock.System{}, 1023), account: a, domain: d, raw: body(), domains: p.domains}
	for done := 0; done < depth; {
		var batch []store.Submission
		for len(batch) < perCommit && done < depth {
			n := min(perMessage, depth-done)
			batch = append(batch, f.message(n))
			done += n
		}
		if err := st.Accept(ctx, batch, nil); err != nil {
			return err
		}
		if done%100_000 == 0 || done == depth {
			fmt.Fprintf(os.Stderr, "\rfilling: %d of %d recipients ", done, depth)
		}
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

type filler struct {
	ids     *ident.Source
	account model.Account
	domain  model.Domain
	raw     []byte
	domains int
	next    int
}

func (f *filler) message(recipients int) store.Submission {
	now := time.Now()
	m := model.Message{
		ID: f.ids.Next(), Account: f.account.ID, Domain: f.domain.ID, DomainName: f.domain.Name, Class: model.ClassTransactional, Origin: model.OriginHTTP,
		Sender: "sender@bench.example", Size: int64(len(f.raw)), AcceptedAt: now, ExpiresAt: now.Add(5 * 24 * time.Hour),
	}
	sub := store.Submission{Message: m, Raw: f.raw}
	for n := range recipients {
		// A step that is prime to the number of domains visits each of them before any again.
		name := domainName(f.next * 7919 % f.domains)
		f.next++
		r := model.Recipient{
			RecipientKey: model.RecipientKey{Message: m.ID, N: n}, Lane: model.Lane{Domain: name, Class: m.Class, Account: m.Account},
			Address: fmt.Sprintf("r%d@%s", f.next, name), State: model.StateWaiting, Due: now,
		}
		sub.Recipients = append(sub.Recipients, r)
		sub.Events = append(sub.Events, model.Event{
			ID: f.ids.Next(), Kind: model.EventAccepted, At: now, Account: m.Account, Domain: m.Domain, Message: m.ID, N: n, Recipient: r.Address,
		})
	}
	return sub
}

func domainName(i int) string { return fmt.Sprintf("d%05d.example", i) }

func body() []byte {
	raw := []byte("From: sender@bench.example\r\nSubject: depth\r\n\r\n")
	for len(raw) < bodySize {
		raw = append(raw, "All work and no play makes a queue deep.\r\n"...)
	}
	return raw
}
