package node

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// diskCheck tells whether there is room to take mail. It looks at most once a second: a second of intake at its
// fastest is far below the default reserve.
type diskCheck struct {
	path  string
	min   int64
	clock clock.Clock
	stat  func(path string) (free int64, err error)

	mu   sync.Mutex
	next time.Time
	last error
}

func newDiskCheck(path string, minFree int64, c clock.Clock) *diskCheck {
	return &diskCheck{path: path, min: minFree, clock: c, stat: statfs}
}

// check returns an error, safe for a log and not for a peer, when the file system is nearly full.
func (d *diskCheck) check() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	if now.Before(d.next) {
		return d.last
	}
	d.next, d.last = now.Add(time.Second), nil
	free, err := d.stat(d.path)
	switch {
	case err != nil:
		d.last = wording.Errorf("free space of %s is not known: %w", d.path, err)
	case free < d.min:
		d.last = wording.Errorf("%s has %d MiB free, below submission.min_free of %d MiB", d.path, free>>20, d.min>>20)
	}
	return d.last
}

func statfs(path string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
