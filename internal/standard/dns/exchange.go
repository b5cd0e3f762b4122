package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"time"

	mdns "github.com/miekg/dns"
)

// udpSize is what an answer by UDP may have without risking fragments (DNS Flag Day 2020).
const udpSize = 1232

// query asks the servers in turn until one gives an answer or a denial.
func (c *Client) query(ctx context.Context, k key) (*mdns.Msg, int, *Error) {
	var last *Error
	best := int(c.best.Load())
	for i := range c.config.Rounds * len(c.config.Servers) {
		at := (best + i) % len(c.config.Servers)
		server := c.config.Servers[at]
		msg, size, err := c.wire.ask(ctx, server, k)
		if ctx.Err() != nil {
			return nil, 0, k.fault(Cancelled, server, ctx.Err())
		}
		if err != nil {
			last = worse(last, k.fault(kindOf(err), server, err))
			continue
		}
		switch msg.Rcode {
		case mdns.RcodeSuccess, mdns.RcodeNameError:
			c.best.Store(int32(at))
			return msg, size, nil
		case mdns.RcodeServerFailure:
			last = worse(last, k.fault(ServFail, server, nil))
		default:
			last = worse(last, k.fault(Refused, server, errors.New(mdns.RcodeToString[msg.Rcode])))
		}
	}
	return nil, 0, last
}

// worse keeps the fault that says most: a server that answered badly tells more than one that did not answer.
func worse(a, b *Error) *Error {
	if a == nil || a.Kind == Timeout || a.Kind == Network {
		return b
	}
	return a
}

func kindOf(err error) Kind {
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, errMalformed):
		return Malformed
	}
	return Network
}

// errMalformed marks what was received but is no answer to the question.
var errMalformed = errors.New("answer does not fit the question")

// wire is how single questions are put.
type wire struct {
	dial    Dial
	timeout time.Duration // of one question
	recurse bool          // RD: the server is to find the answer, and not only to say what it has
}

// ask asks one server by UDP, again without EDNS if it does not know that, and by TCP if the answer was cut.
func (w wire) ask(ctx context.Context, server string, k key) (*mdns.Msg, int, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	q := newQuery(k, true)
	q.RecursionDesired = w.recurse
	msg, size, err := w.exchange(ctx, "udp", server, q)
	if err == nil && (msg.Rcode == mdns.RcodeFormatError || msg.Rcode == mdns.RcodeNotImplemented) {
		q = newQuery(k, false) // RFC 6891 7
		q.RecursionDesired = w.recurse
		msg, size, err = w.exchange(ctx, "udp", server, q)
	}
	if err == nil && msg.Truncated {
		msg, size, err = w.exchange(ctx, "tcp", server, q) // RFC 7766 5
	}
	return msg, size, err
}

func newQuery(k key, edns bool) *mdns.Msg {
	q := new(mdns.Msg).SetQuestion(mdns.Fqdn(k.name), k.qtype)
	q.AuthenticatedData = true // asks for AD in the answer, RFC 6840 5.7
	if edns {
		q.SetEdns0(udpSize, false)
	}
	return q
}

// exchange sends q and reads until its answer comes. By UDP, what is not the answer may be forged or late, and is
// passed over; by TCP it is a fault.
func (w wire) exchange(ctx context.Context, network, server string, q *mdns.Msg) (*mdns.Msg, int, error) {
	nc, err := w.dial(ctx, network, server)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = nc.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := &mdns.Conn{Conn: nc, UDPSize: udpSize}
	if err := conn.WriteMsg(q); err != nil {
		return nil, 0, err
	}
	_, datagrams := nc.(net.PacketConn)
	for {
		wire, err := conn.ReadMsgHeader(nil)
		if errors.Is(err, mdns.ErrShortRead) && datagrams {
			continue
		}
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, 0, err
		}
		msg := new(mdns.Msg)
		err = msg.Unpack(wire)
		if err == nil && answers(msg, q) {
			return msg, len(wire), nil
		}
		if !datagrams || err != nil && binary.BigEndian.Uint16(wire) == q.Id {
			return nil, 0, errors.Join(errMalformed, err)
		}
	}
}

// answers reports whether msg is the reply to q. A reply that only carries an error may leave the question out.
func answers(msg, q *mdns.Msg) bool {
	if !msg.Response || msg.Id != q.Id || msg.Opcode != q.Opcode {
		return false
	}
	if len(msg.Question) == 0 {
		return msg.Rcode != mdns.RcodeSuccess && msg.Rcode != mdns.RcodeNameError
	}
	a, b := msg.Question[0], q.Question[0]
	return len(msg.Question) == 1 && a.Qtype == b.Qtype && a.Qclass == b.Qclass && plain(a.Name) == plain(b.Name)
}
