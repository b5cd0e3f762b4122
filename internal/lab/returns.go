package lab

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/budkavle/budkavle/internal/base/clock"
)

const (
	maxReturns        = 10_000  // reports waiting, each with at most maxReturnedHeader octets: 80 MB
	maxReturnedHeader = 8 << 10 // octets of the original header in a report
	returnAttempts    = 5
	returnPause       = time.Second // between attempts; the receiver of reports may be full for a moment
	returnTime        = 30 * time.Second
)

// returning is a failure report to be sent.
type returning struct {
	provider  *Provider
	host      string // the server's name
	source    string // and address
	to        string // the return path
	recipient recipient
	header    []byte
	due       time.Time
}

// returns sends the failure reports of servers that took a message and cannot deliver it after all, one after
// another in the order they fall due.
type returns struct {
	clock clock.Clock
	tally *tally
	queue chan returning

	mu sync.Mutex
	at string // ADDRESS:PORT; empty: nobody takes reports
}

func (t *returns) set(at string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = at
}

func (t *returns) address() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.at
}

// add reports whether there was room.
func (t *returns) add(r returning) bool {
	select {
	case t.queue <- r:
		return true
	default:
		return false
	}
}

// run sends until ctx ends; what is not sent then is not sent.
func (t *returns) run(ctx context.Context) error {
	for {
		select {
		case r := <-t.queue:
			if err := t.deliver(ctx, &r); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deliver waits until the report is due and sends it. Its error is that of ctx.
func (t *returns) deliver(ctx context.Context, r *returning) error {
	wait := r.due.Sub(t.clock.Now())
	for range returnAttempts {
		if err := t.sleep(ctx, wait); err != nil {
			return err
		}
		if err := t.send(ctx, r); err == nil {
			t.tally.count(r.provider, func(c *Count) { c.Returned++ })
			return nil
		}
		wait = returnPause
	}
	t.tally.count(r.provider, func(c *Count) { c.Unreturned++ })
	return nil
}

func (t *returns) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := t.clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send hands one report over by SMTP, from the server's own address.
func (t *returns) send(ctx context.Context, r *returning) error {
	at, err := netip.ParseAddrPort(t.address())
	if err != nil {
		return fmt.Errorf("nobody takes failure reports: %w", err)
	}
	d := net.Dialer{Timeout: returnTime}
	if source, err := netip.ParseAddr(r.source); err == nil && source.Is4() == at.Addr().Is4() {
		d.LocalAddr = &net.TCPAddr{IP: source.AsSlice()}
	}
	conn, err := d.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	c := smtp.NewClient(conn)
	c.CommandTimeout, c.SubmissionTimeout = returnTime, returnTime
	defer func() { _ = c.Close() }()
	if err := c.Hello(r.host); err != nil {
		return err
	}
	if err := c.SendMail("", []string{r.to}, bytes.NewReader(report(r, t.clock.Now()))); err != nil { // RFC 5321 4.5.5: the null sender
		return err
	}
	_ = c.Quit() // the report is taken, whatever the farewell
	return nil
}

// report is the failure report, RFC 3464 and RFC 6522.
func report(r *returning, now time.Time) []byte {
	const boundary = "=_lab_report"
	why := fmt.Sprintf("550 5.1.1 <%s>: the mailbox is gone", r.recipient.address)
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("From: Mail Delivery System <MAILER-DAEMON@%s>", r.host)
	line("To: <%s>", r.to)
	line("Subject: %s", mime.QEncoding.Encode("utf-8", "Undelivered Mail Returned to Sender"))
	line("Date: %s", now.Format(time.RFC1123Z))
	line("Message-ID: <%x.%d@%s>", markOf(r.to, r.recipient.address), now.UnixNano(), r.host)
	line("Auto-Submitted: auto-replied")
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=%q", boundary)
	line("\r\n--%s\r\nContent-Type: text/plain; charset=utf-8\r\n", boundary)
	line("This is the mail system at %s.\r\n", r.host)
	line("Your message was taken, but could not be delivered after all:\r\n\r\n<%s>: %s", r.recipient.address, why)
	line("\r\n--%s\r\nContent-Type: message/delivery-status\r\n", boundary)
	line("Reporting-MTA: dns; %s", r.host)
	line("Arrival-Date: %s", now.Format(time.RFC1123Z))
	line("")
	if r.recipient.original != "" {
		line("Original-Recipient: %s", r.recipient.original)
	}
	line("Final-Recipient: rfc822; %s", r.recipient.address)
	line("Action: failed")
	line("Status: 5.1.1")
	line("Diagnostic-Code: smtp; %s", why)
	line("\r\n--%s\r\nContent-Type: text/rfc822-headers\r\n", boundary)
	b.WriteString(strings.TrimRight(string(r.header), "\r\n"))
	line("\r\n\r\n--%s--", boundary)
	return b.Bytes()
}
