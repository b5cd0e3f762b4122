package cli

import (
	"context"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/smtp"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// How the demo's recipients are divided over the ways to submit, in percent; the rest are one message each by SMTP.
const (
	groupPercent  = 10 // by SMTP, groupSize recipients a message
	batchPercent  = 25 // by HTTP, batchSize recipients a call, a message each
	singlePercent = 3  // by HTTP, a message each, with an attachment
	groupSize     = 20
	batchSize     = 250
	smtpClients   = 6
	httpClients   = 2
)

// mailing is everything that the demo submits.
type mailing struct {
	world     *world
	addresses []string
	ones      []string   // by SMTP, one message each
	groups    [][]string // by SMTP
	batches   [][]string // by HTTP
	singles   []string   // by HTTP
	accepted  atomic.Int64
	submitted atomic.Int64 // messages
	began     time.Time
	taken     time.Time // when the last was accepted
}

func newMailing(w *world, addresses []string) *mailing {
	m := &mailing{world: w, addresses: addresses}
	n := len(addresses)
	take := func(percent int) []string {
		k := n * percent / 100
		part := addresses[:k]
		addresses = addresses[k:]
		return part
	}
	m.groups = pieces(take(groupPercent), groupSize)
	m.batches = pieces(take(batchPercent), batchSize)
	m.singles = take(singlePercent)
	m.ones = addresses
	return m
}

func pieces(list []string, size int) [][]string {
	var parts [][]string
	for len(list) > 0 {
		n := min(size, len(list))
		parts = append(parts, list[:n])
		list = list[n:]
	}
	return parts
}

// messages is how many were accepted.
func (m *mailing) messages() int { return int(m.submitted.Load()) }

// send submits everything, over all ways at the same time. Any refusal ends it: the node has no reason for one.
func (m *mailing) send(ctx context.Context) error {
	m.began = time.Now()
	defer func() { m.taken = time.Now() }()
	work := make(chan func(context.Context, *smtp.Client) error)
	calls := make(chan func(context.Context, *http.Client) error)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { defer close(work); return m.feedSMTP(ctx, work) })
	g.Go(func() error { defer close(calls); return m.feedHTTP(ctx, calls) })
	for range smtpClients {
		g.Go(func() error { return m.smtpClient(ctx, work) })
	}
	for range httpClients {
		g.Go(func() error { return m.httpClient(ctx, calls) })
	}
	return g.Wait()
}

func (m *mailing) feedSMTP(ctx context.Context, work chan<- func(context.Context, *smtp.Client) error) error {
	for _, to := range append(m.groups, pieces(m.ones, 1)...) {
		select {
		case work <- func(_ context.Context, c *smtp.Client) error { return m.submitSMTP(c, to) }:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// smtpClient is one of the school's systems: it logs in once and sends message after message.
func (m *mailing) smtpClient(ctx context.Context, work <-chan func(context.Context, *smtp.Client) error) error {
	addr := m.world.node.Addrs().Submission[0]
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("SMTP %s: %w", addr, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c, err := smtp.NewClient(conn, m.world.cfg.Node.Hostname)
	if err != nil {
		return fmt.Errorf("SMTP %s: %w", addr, err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Hello("skolplattform." + demoDomain); err != nil {
		return fmt.Errorf("SMTP EHLO: %w", err)
	}
	if err := c.StartTLS(m.world.tls); err != nil {
		return fmt.Errorf("SMTP STARTTLS: %w", err)
	}
	if err := c.Auth(smtp.PlainAuth("", m.world.username, m.world.password, m.world.cfg.Node.Hostname)); err != nil {
		return fmt.Errorf("SMTP AUTH: %w", err)
	}
	for do := range work {
		if err := do(ctx, c); err != nil {
			return err
		}
	}
	return c.Quit()
}

func (m *mailing) submitSMTP(c *smtp.Client, to []string) error {
	if err := c.Mail(demoSender); err != nil {
		return fmt.Errorf("SMTP MAIL: %w", err)
	}
	for _, rcpt := range to {
		if err := c.Rcpt(rcpt); err != nil {
			return fmt.Errorf("SMTP RCPT %s: %w", rcpt, err)
		}
	}
	w, err := c.Data()
	if err != nil {
		return fmt.Errorf("SMTP DATA: %w", err)
	}
	if _, err := w.Write([]byte(schoolLetter(to, time.Now()))); err != nil {
		return fmt.Errorf("SMTP DATA: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("SMTP DATA: %w", err)
	}
	m.count(len(to), 1)
	return nil
}

func (m *mailing) count(recipients, messages int) {
	m.accepted.Add(int64(recipients))
	m.submitted.Add(int64(messages))
}

// schoolLetter is about 2 KiB of text. The node adds its Message-ID.
func schoolLetter(to []string, now time.Time) string {
	text := "Hej!\r\n\r\nNu är schemat för läsåret lagt. Föräldramötet blir torsdag kl. 18 i aulan; ta med frågor, åsikter och önskemål.\r\n\r\n"
	return "From: " + mime.QEncoding.Encode("utf-8", "Granskolans expedition") + " <" + demoSender + ">\r\n" +
		"To: " + strings.Join(to, ",\r\n ") + "\r\n" +
		"Subject: " + mime.QEncoding.Encode("utf-8", "Läsåret på Granskolan: möten, övningar och årskurser") + "\r\n" +
		"Date: " + now.Format(time.RFC1123Z) + "\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" +
		strings.Repeat(text, 10)
}
