package node

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
)

func TestDiskCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free, fault, looks := int64(300<<20), error(nil), 0
		d := newDiskCheck("/var/lib/budkavle", 256<<20, clock.System{})
		d.stat = func(string) (int64, error) { looks++; return free, fault }
		for _, tt := range []struct {
			free  int64
			fault error
			wants []string // in the error; nil: there is room
		}{
			{free: 256 << 20},
			{free: 256<<20 - 1, wants: []string{"/var/lib/budkavle", "255 MiB", "submission.min_free of 256 MiB"}},
			{fault: errors.New("gone"), wants: []string{"/var/lib/budkavle", "gone"}},
			{free: 1 << 40},
		} {
			time.Sleep(time.Second) // of the bubble
			free, fault = tt.free, tt.fault
			before := looks
			for range 1000 {
				err := d.check()
				if (err == nil) != (tt.wants == nil) {
					t.Fatalf("%d free, %v: %v", tt.free, tt.fault, err)
				}
				for _, want := range tt.wants {
					if !strings.Contains(err.Error(), want) {
						t.Fatalf("%v does not say %q", err, want)
					}
				}
			}
			if looks != before+1 {
				t.Errorf("looked %d times within a second", looks-before)
			}
		}
	})
}

func TestDiskCheckOfTheMachine(t *testing.T) {
	if free, err := statfs(t.TempDir()); err != nil || free <= 0 {
		t.Errorf("%d octets free, %v", free, err)
	}
	if err := newDiskCheck("/no/such/folder", 0, clock.System{}).check(); err == nil {
		t.Error("a folder that is not there has room")
	}
}
