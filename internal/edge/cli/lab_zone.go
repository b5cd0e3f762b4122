package cli

import (
	"context"
	"os"
	"reflect"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/lab"
)

// zoneLook is how often the zone file is looked at.
const zoneLook = time.Second

// zoneFile is a zone file that people edit while the lab runs.
type zoneFile struct {
	path  string
	zone  *lab.Zone // as it was read last
	stamp stamp     // of the file that was looked at last, readable or not
	clock clock.Clock
	now   <-chan os.Signal // to look at once
	take  func(records string) error
	told  func(records bool) // that a change was taken, or that it takes a restart
	wrong func(error)
}

// stamp tells one state of a file from another. A file that cannot be seen has none.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// read reads the file for the first time.
func (f *zoneFile) read() (err error) {
	f.stamp = stampOf(f.path) // before reading: what changes meanwhile is seen later
	f.zone, err = lab.ReadZone(f.path)
	return err
}

// watch takes what changes in the file until ctx ends: within a second, or at once on a signal.
func (f *zoneFile) watch(ctx context.Context) {
	for {
		t := f.clock.NewTimer(zoneLook)
		select {
		case <-t.C:
		case <-f.now:
		case <-ctx.Done():
			t.Stop()
			return
		}
		t.Stop()
		if stampOf(f.path) != f.stamp {
			f.reload()
		}
	}
}

// reload takes the records of a file that changed. A faulty file changes nothing.
func (f *zoneFile) reload() {
	old := f.zone
	err := f.read()
	if err == nil {
		if err = f.take(f.zone.Records); err != nil {
			err = wording.Errorf("zone file %s: %w", f.path, err)
		}
	}
	if err != nil {
		f.zone = old
		f.wrong(wording.Errorf("%w; the records from before stay", err))
		return
	}
	f.told(true)
	before, now := *old, *f.zone
	before.Records, now.Records = "", ""
	if !reflect.DeepEqual(before, now) {
		f.told(false)
	}
}
