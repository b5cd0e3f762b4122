package node

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/config"
)

// onLoopback is the configuration of a node in the folder, on ports that are free.
func onLoopback(dir string) config.Config {
	c := config.Default()
	c.Node.DataDir, c.Store.URL = dir, "sqlite:"+filepath.Join(dir, "budkavle.db")
	c.Submission.Listen, c.MX.Listen, c.HTTP.Listen = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}, "127.0.0.1:0"
	c.DNS.Servers, c.Submission.MinFree = []string{"127.0.0.1:1"}, 0
	return c
}

func begin(t *testing.T, c config.Config) (*Node, error) {
	t.Helper()
	n, err := Start(t.Context(), c, NewSystem(slog.New(slog.DiscardHandler)))
	if err == nil {
		t.Cleanup(func() {
			if err := n.Stop(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return n, err
}

// A second node must not come to the first one's mail: it would send again what the first is sending.
func TestASecondNodeOnTheSameFileIsRefused(t *testing.T) {
	c := onLoopback(t.TempDir())
	first, err := begin(t, c)
	if err != nil {
		t.Fatal(err)
	}
	lease := leases(t, first)
	if _, err := begin(t, c); err == nil || !strings.Contains(err.Error(), "another node uses this file") {
		t.Errorf("the second start: %v", err)
	}
	if got := leases(t, first); got != lease {
		t.Errorf("leases %s after the second start, %s before", got, lease)
	}
}

func TestATakenPortIsNamedAndEverythingUndone(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := onLoopback(t.TempDir())
	c.HTTP.Listen = taken.Addr().String()
	for range 2 { // what the first try had opened is free for the second
		if _, err := begin(t, c); err == nil || !strings.Contains(err.Error(), "http.listen "+c.HTTP.Listen) {
			t.Fatalf("start: %v", err)
		}
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := begin(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if got := n.Addrs().HTTP; got != c.HTTP.Listen {
		t.Errorf("listens on %s", got)
	}
}

// leases are the leases of other nodes than "other", which is all of them, as the store has them.
func leases(t *testing.T, n *Node) string {
	t.Helper()
	now := n.sys.Clock.Now().AddDate(1, 0, 0) // a year from now every lease has expired
	list, err := n.store.DeadLeases(t.Context(), "other", 0, now)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(strings.Join(strings.Fields(slog.AnyValue(list).String()), ","), "[]")
}
