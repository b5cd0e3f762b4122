package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// client is a plain SMTP client that tells exactly what the server said.
type client struct {
	conn   net.Conn
	text   *textproto.Conn
	sender string // of the envelope and of the From field
}

// dial connects and says EHLO. A refusal is a *textproto.Error.
func dial(addr string) (*client, error) { return dialFrom(addr, nil) }

func dialFrom(addr string, from net.Addr) (*client, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second, LocalAddr: from}).Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &client{conn, textproto.NewConn(conn), "info@school.example"}
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, _, err = c.text.ReadResponse(220); err == nil {
		err = c.say(250, "EHLO sender.example")
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *client) close() { c.conn.Close() }

// say sends a command and wants a reply; another reply is a *textproto.Error, a lost connection any other error.
func (c *client) say(want int, format string, args ...any) error {
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	if err := c.text.PrintfLine(format, args...); err != nil {
		return err
	}
	_, _, err := c.text.ReadResponse(want)
	return err
}

const letterText = "From: Skolan <%s>\r\nTo: undisclosed-recipients:;\r\nSubject: Hej %s\r\nMessage-ID: <%s>\r\n\r\n%s\r\n"

// send submits one letter; nil: it was taken.
func (c *client) send(id string, recipients ...string) error {
	if err := c.open(id, recipients...); err != nil {
		return err
	}
	return c.finish()
}

// open goes as far as the middle of the text.
func (c *client) open(id string, recipients ...string) error {
	if err := c.say(250, "MAIL FROM:<%s>", c.sender); err != nil {
		return err
	}
	var commands strings.Builder
	for _, r := range recipients {
		fmt.Fprintf(&commands, "RCPT TO:<%s>\r\n", r)
	}
	if _, err := io.WriteString(c.conn, commands.String()); err != nil { // pipelined, RFC 2920
		return err
	}
	for range recipients {
		if _, _, err := c.text.ReadResponse(250); err != nil {
			return err
		}
	}
	return c.data(id)
}

// data says DATA and the text, but for its end.
func (c *client) data(id string) error {
	if err := c.say(354, "DATA"); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.conn, letterText, c.sender, id, id, strings.Repeat("abcdefgh ", 200))
	return err
}

// finish ends what open began.
func (c *client) finish() error {
	if _, err := io.WriteString(c.conn, ".\r\n"); err != nil {
		return err
	}
	_, _, err := c.text.ReadResponse(250)
	return err
}

// code is the reply in an error of a client; 0: there was none, the connection was lost.
func code(err error) int {
	var e *textproto.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// load submits without a pause over several connections, and remembers what became of each letter.
type load struct {
	addr   string
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	taken   []string        // answered 250
	refused map[string]int  // answered otherwise, by reply
	texts   map[int]string  // an example of each reply
	lost    map[string]bool // no answer: the connection broke within the transaction
	down    int             // connections not made
	cut     int             // connections that ended early
}

// submit starts a load of as many connections; each letter has one recipient.
func submit(t *testing.T, addr string, connections int) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{addr: addr, cancel: cancel, refused: map[string]int{}, texts: map[int]string{}, lost: map[string]bool{}}
	for i := range connections {
		l.wg.Go(func() { l.sender(ctx, i) })
	}
	t.Cleanup(l.stop)
	return l
}

// stop ends the load after the letters under way.
func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

func recipientOf(id string) string { return "to-" + strings.ReplaceAll(id, "@", ".") + "@rcpt.example" }

// sender is one connection, made again whenever it is lost.
func (l *load) sender(ctx context.Context, number int) {
	for letter := 0; ctx.Err() == nil; {
		c, err := dial(l.addr)
		if err != nil {
			l.note(func() { l.down++ })
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		for ctx.Err() == nil {
			id := fmt.Sprintf("%d.%d@school.example", number, letter)
			letter++
			err := c.send(id, recipientOf(id))
			l.record(id, err)
			if err == nil {
				continue
			}
			if code(err) == 0 || code(err) == 421 || c.say(250, "RSET") != nil {
				l.note(func() { l.cut++ })
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		c.close()
	}
}

func (l *load) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

func (l *load) record(id string, err error) {
	l.note(func() {
		switch c := code(err); {
		case err == nil:
			l.taken = append(l.taken, id)
		case c != 0:
			l.refused[id] = c
			l.texts[c] = err.Error()
		default:
			l.lost[id] = true
		}
	})
}

// count is how many letters were taken so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken)
}

// refusals is how many letters were refused so far.
func (l *load) refusals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.refused)
}

// missing are the letters that were taken and did not arrive.
func (l *load) missing(r *receiver) []string {
	var ids []string
	for _, id := range l.taken {
		if !r.has(id, recipientOf(id)) {
			ids = append(ids, id)
		}
	}
	return ids
}
