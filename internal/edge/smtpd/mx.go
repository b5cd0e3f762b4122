package smtpd

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Returned takes mail that comes back; *feedback.Service is one.
type Returned interface {
	// CheckRecipient says whether mail to the address is for us.
	CheckRecipient(ctx context.Context, address string) error
	// Receive takes a message; nil means it was understood and is dealt with, durably.
	Receive(ctx context.Context, client netip.Addr, helo, sender string, recipients []string, raw []byte) error
}

// MX is the Handler of the listeners that receive from the world: bounces now.
type MX struct {
	returned Returned
	memory   *semaphore.Weighted
}

// mxMemory bounds the octets of all messages being received, as submission's budget does. What comes back is small; a
// flood of it is put off.
const mxMemory = 64 << 20

// NewMX returns the handler.
func NewMX(r Returned) *MX { return &MX{returned: r, memory: semaphore.NewWeighted(mxMemory)} }

// Trusted implements Handler: nobody is.
func (h *MX) Trusted(netip.Addr) *User { return nil }

// Authentication implements Handler: it is not offered.
func (h *MX) Authentication(*Peer) *Authentication { return nil }

// Mail implements Handler: anyone may bring bounces.
func (h *MX) Mail(context.Context, *Peer, string) error { return nil }

// Rcpt implements Handler.
func (h *MX) Rcpt(ctx context.Context, _ *Peer, recipient string) error {
	return h.returned.CheckRecipient(ctx, recipient)
}

// Begin implements Handler.
func (h *MX) Begin(_ context.Context, p *Peer, e submit.Envelope, _ time.Time) (Message, error) {
	m := &returnedMail{handler: h, client: p.Client, helo: p.Helo, sender: e.Sender}
	for _, r := range e.Recipients {
		m.recipients = append(m.recipients, r.Address)
	}
	return m, nil
}

type returnedMail struct {
	handler      *MX
	client       netip.Addr
	helo, sender string
	recipients   []string
	raw          []byte
	held         int64
}

func (m *returnedMail) Write(p []byte) (int, error) {
	if need := len(m.raw) + len(p); need > cap(m.raw) {
		size := max(2*cap(m.raw), need, 4<<10)
		if !m.handler.memory.TryAcquire(int64(size) - m.held) {
			return 0, smtp.Errorf(452, "4.3.1", "Too much mail is on its way in, try again later")
		}
		m.held = int64(size)
		m.raw = append(make([]byte, 0, size), m.raw...)
	}
	m.raw = append(m.raw, p...)
	return len(p), nil
}

func (m *returnedMail) Commit(ctx context.Context) (string, error) {
	if err := m.handler.returned.Receive(ctx, m.client, m.helo, m.sender, m.recipients, m.raw); err != nil {
		return "", err
	}
	return "Ok", nil
}

func (m *returnedMail) Abort() {
	m.handler.memory.Release(m.held)
	m.held, m.raw = 0, nil
}
