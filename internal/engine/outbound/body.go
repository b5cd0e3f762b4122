package outbound

import (
	"bytes"
	"time"
)

// message writes a message and the dot that ends it (RFC 5321 4.1.1.4), doubling the dots that begin lines (4.5.2).
// A small message is one write; what is long and has no such dots is written from where it lies.
func (w *wire) message(raw []byte, limit time.Duration) error {
	if len(raw) > 0 && raw[0] == '.' {
		w.out = append(w.out, '.')
	}
	rest := raw
	for {
		at := bytes.Index(rest, []byte("\r\n."))
		if at < 0 {
			break
		}
		if err := w.put(rest[:at+3], limit); err != nil {
			return err
		}
		w.out = append(w.out, '.')
		rest = rest[at+3:]
	}
	if err := w.put(rest, limit); err != nil {
		return err
	}
	if len(raw) > 0 && !bytes.HasSuffix(raw, []byte("\r\n")) {
		w.out = append(w.out, '\r', '\n')
	}
	w.out = append(w.out, '.', '\r', '\n')
	w.log.message(len(raw))
	return w.flush(limit)
}

// put queues p, and writes when there is more than fits. The end of p always stays queued, so that the last write
// takes the final dot along.
func (w *wire) put(p []byte, limit time.Duration) error {
	if len(w.out)+len(p) <= outSize {
		w.out = append(w.out, p...)
		return nil
	}
	if err := w.flush(limit); err != nil {
		return err
	}
	for len(p) > outSize {
		n := min(len(p)-outSize/2, blockSize)
		if err := w.arm(limit); err != nil {
			return err
		}
		if _, err := w.conn.Write(p[:n]); err != nil {
			return w.interrupted(err)
		}
		p = p[n:]
	}
	w.out = append(w.out, p...)
	return nil
}
