// Package telemetry is how the node is watched: structured log lines and Prometheus metrics.
//
// Lines below warning are gathered and written every flushEvery or bufferSize octets, whichever is
// first, since a write for each of some thousand facts a second would cost more than the facts;
// warnings and errors push out everything before them at once. A crash may lose the last lines, never
// mail: the record that counts is the event in the store. Writing fails silently, as there is nowhere
// to tell it. The package holds no state of its own: what New returns is passed on as a parameter.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	bufferSize = 64 << 10
	flushEvery = 200 * time.Millisecond
)

// Log is a logger and the buffer behind it.
type Log struct {
	*slog.Logger
	buffer *buffer
}

// NewLog returns a logger that writes to w. level is debug, info, warn or error, format text or json;
// anything else is info and text. Close it to write what is left.
func NewLog(w io.Writer, level, format string) *Log {
	b := &buffer{w: w, data: make([]byte, 0, bufferSize), stop: make(chan struct{}), done: make(chan struct{})}
	go b.run()
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: l}
	var h slog.Handler = slog.NewTextHandler(b, opts)
	if format == "json" {
		h = slog.NewJSONHandler(b, opts)
	}
	return &Log{Logger: slog.New(&urgent{Handler: h, buffer: b}), buffer: b}
}

// Close writes what is gathered and stops. Lines logged later are written one by one.
func (l *Log) Close() { l.buffer.close() }

// urgent flushes after warnings and errors.
type urgent struct {
	slog.Handler
	buffer *buffer
}

func (u *urgent) Handle(ctx context.Context, r slog.Record) error {
	err := u.Handler.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		u.buffer.flush()
	}
	return err
}

func (u *urgent) WithAttrs(as []slog.Attr) slog.Handler {
	return &urgent{Handler: u.Handler.WithAttrs(as), buffer: u.buffer}
}

func (u *urgent) WithGroup(name string) slog.Handler {
	return &urgent{Handler: u.Handler.WithGroup(name), buffer: u.buffer}
}

// buffer gathers lines. One goroutine, ended by close, flushes it by time.
type buffer struct {
	mu     sync.Mutex
	w      io.Writer
	data   []byte // at most bufferSize and one line
	closed bool
	once   sync.Once
	stop   chan struct{}
	done   chan struct{}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	if b.closed || len(b.data) >= bufferSize {
		b.writeOut()
	}
	return len(p), nil
}

func (b *buffer) writeOut() {
	if len(b.data) > 0 {
		_, _ = b.w.Write(b.data) // nowhere to tell a failure
		b.data = b.data[:0]
	}
}

func (b *buffer) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.writeOut()
}

func (b *buffer) run() {
	defer close(b.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			b.flush()
		case <-b.stop:
			return
		}
	}
}

func (b *buffer) close() {
	b.once.Do(func() { close(b.stop) })
	<-b.done
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.writeOut()
}
