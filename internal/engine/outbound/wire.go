package outbound

import (
	"bufio"
	"context"
	"net"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Buffers of a session: 4 KiB to read, at most outSize and one command to write, 8 KiB of transcript; so below
// 48 KiB a session, and 24 MB for 500.
const (
	readSize  = 4 << 10
	outSize   = 32 << 10  // a message up to this goes out in one write
	blockSize = 256 << 10 // a longer one in writes of this, each with its own time limit
)

// wire is the connection with its buffers, time limits and transcript. Its methods give plain errors.
type wire struct {
	raw    net.Conn // below TLS
	conn   net.Conn
	reader *bufio.Reader
	out    []byte // commands not yet written
	log    transcript
	clock  clock.Clock
	ctx    context.Context // of the call under way
}

func newWire(conn net.Conn, c clock.Clock) *wire {
	return &wire{raw: conn, conn: conn, reader: bufio.NewReaderSize(conn, readSize), clock: c, ctx: context.Background()}
}

// begin ties the connection to ctx: when it ends, reads and writes fail at once. release undoes that and reports
// false if ctx had ended, after which the connection is of no use.
func (w *wire) begin(ctx context.Context) (release func() bool) {
	w.ctx = ctx
	return context.AfterFunc(ctx, func() { _ = w.raw.SetDeadline(time.Unix(1, 0)) })
}

// arm limits the time of what is read and written next. The check comes after the deadline is set: begin's may have
// come before.
func (w *wire) arm(d time.Duration) error {
	if err := w.raw.SetDeadline(w.clock.Now().Add(d)); err != nil {
		return err
	}
	return context.Cause(w.ctx)
}

// command queues a line.
func (w *wire) command(line string) { w.secretly(line, line) }

// flush writes what is queued.
func (w *wire) flush(limit time.Duration) error {
	if len(w.out) == 0 {
		return nil
	}
	if err := w.arm(limit); err != nil {
		return err
	}
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	return w.interrupted(err)
}

// reply reads one reply.
func (w *wire) reply(limit time.Duration) (Reply, error) {
	if w.reader.Buffered() == 0 {
		if err := w.arm(limit); err != nil {
			return Reply{}, err
		}
	}
	r, err := smtp.ReadReply(w.reader)
	if err != nil {
		return r, w.interrupted(err)
	}
	w.log.server(r)
	return r, nil
}

// interrupted says of an error that came because ctx ended that it did.
func (w *wire) interrupted(err error) error {
	if cause := context.Cause(w.ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// secure puts TLS over the connection, which must have nothing unread.
func (w *wire) secure(conn net.Conn) {
	w.conn = conn
	w.reader.Reset(conn)
}

// secretly queues a line that the transcript has only as shown.
func (w *wire) secretly(line, shown string) {
	w.out = append(w.out, line...)
	w.out = append(w.out, '\r', '\n')
	w.log.client(shown)
}
