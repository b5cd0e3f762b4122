package telemetry

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type sink struct {
	mu     sync.Mutex
	b      bytes.Buffer
	writes int
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	return s.b.Write(p)
}

func (s *sink) state() (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String(), s.writes
}

func TestInfoLinesAreGatheredAndWarningsPushThemOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sink
		l := NewLog(&s, "info", "text")
		l.Info("accepted")
		l.Info("delivered")
		l.Debug("unseen")
		if got, n := s.state(); n != 0 {
			t.Errorf("written at once: %q", got)
		}
		l.With("site", "a").Warn("deferred")
		got, n := s.state()
		if n != 1 || strings.Count(got, "\n") != 3 || !strings.Contains(got, "site=a") || strings.Contains(got, "unseen") {
			t.Errorf("after a warning: %d writes of %q", n, got)
		}
		l.Info("later")
		time.Sleep(2 * flushEvery)
		if got, n := s.state(); n != 2 || !strings.Contains(got, "later") {
			t.Errorf("after the interval: %d writes of %q", n, got)
		}
		l.Info("last")
		l.Close()
		l.Info("after the end")
		if got, _ := s.state(); !strings.Contains(got, "last") || !strings.Contains(got, "after the end") {
			t.Errorf("after Close: %q", got)
		}
		l.Close()
	})
}

func TestAFullBufferIsWritten(t *testing.T) {
	var s sink
	l := NewLog(&s, "info", "json")
	defer l.Close()
	l.Info(strings.Repeat("x", bufferSize))
	if got, n := s.state(); n == 0 || !strings.HasPrefix(got, "{") {
		t.Errorf("%d writes, begins %.10q", n, got)
	}
}
