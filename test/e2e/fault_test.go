package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

// fault is something that befalls the store of a running node, and passes.
type fault struct {
	happen, pass func()
	replies      []int // what senders may be told meanwhile
}

// weather runs a node under load through a fault. Senders must be told 4xx and nothing worse, on connections that
// stay open unless the reply is 421; the node must know that it is not ready, and take mail again by itself when the
// fault has passed; and what was taken before, during and after must arrive, once.
func weather(t *testing.T, n *node, r *receiver, f fault) {
	l := submit(t, n.smtp, 8)
	n.await("mail to be taken", func() bool { return l.count() > 200 })
	f.happen()
	refusals := l.refusals()
	n.await("senders to be refused", func() bool { return l.refusals() > refusals+100 })
	n.await("the node to say that it is not ready", func() bool { return !n.ready() })
	f.pass()
	taken := l.count()
	n.await("mail to be taken again", func() bool { return l.count() > taken+200 })
	n.await("readiness", n.ready)
	l.stop()
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })

	_, again := r.counts()
	t.Logf("%d accepted, %d refused (%v), %d connections ended, %d arrived twice", len(l.taken), len(l.refused), l.texts, l.cut, again)
	if ids := l.missing(r); len(ids) > 0 {
		t.Errorf("%d messages that were acknowledged did not arrive, such as %s", len(ids), ids[0])
	}
	if again > 0 {
		t.Errorf("%d messages arrived twice, though the node never stopped", again)
	}
	if len(l.lost) > 0 {
		t.Errorf("%d senders lost their connection without an answer", len(l.lost))
	}
	if l.cut > 0 && !slices.Contains(f.replies, 421) {
		t.Errorf("%d connections were cut off", l.cut)
	}
	for code, text := range l.texts {
		if !slices.Contains(f.replies, code) {
			t.Errorf("a sender was told %s", text)
		}
	}
	for id := range l.refused {
		if r.has(id, recipientOf(id)) {
			t.Errorf("%s was refused, and delivered all the same", id)
		}
	}
	n.stop()
}

// TestDiskFull fills the disk under a running node: a file system in memory of its own, in a mount namespace of its own.
func TestDiskFull(t *testing.T) {
	const size = 256 << 20
	for _, tt := range []struct {
		name    string
		minFree int64
		leave   int64 // what is left of the disk
		replies []int
	}{
		{"to the last octet", 0, 0, []int{452}},
		{"nearly", 96 << 20, 90 << 20, []int{421}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := receive(t, nil)
			n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_LOG_LEVEL=warn", fmt.Sprintf("BUDKAVLE_SUBMISSION_MIN_FREE=%d", tt.minFree))
			ownDisk(t, n, fmt.Sprintf("mount -t tmpfs -o size=%d tmpfs data && cp -a seed/. data/", size))
			n.start()
			filler := n.seen("data/filler")
			weather(t, n, r, fault{
				happen:  func() { fill(t, filler, tt.leave) },
				pass:    func() { remove(t, filler) },
				replies: tt.replies,
			})
		})
	}
}

// ownDisk has the node run with a data folder that setup, a shell command, mounts; the data so far are then in "seed".
// Needs root, or a kernel that lets users have namespaces.
func ownDisk(t *testing.T, n *node, setup string) {
	t.Helper()
	unshare, enter := []string{"unshare", "--mount"}, []string{"nsenter", "--mount"}
	if os.Getuid() != 0 {
		unshare, enter = append(unshare, "--map-root-user"), append(enter, "--user", "--preserve-credentials")
	}
	if out, err := exec.Command(unshare[0], append(unshare[1:], "mount", "-t", "tmpfs", "tmpfs", n.dir)...).CombinedOutput(); err != nil {
		t.Skipf("this machine lets nobody here mount a file system: %v: %s(TestStoreRefusesWrites shows the same with a limit)", err, out)
	}
	if err := os.Rename(filepath.Join(n.dir, "data"), filepath.Join(n.dir, "seed")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(n.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	n.wrap = append(unshare, "sh", "-ec", "cd "+n.dir+"; "+setup+`; exec "$@"`, "sh")
	n.inside = func() []string { return append(enter, "--target", strconv.Itoa(n.cmd.Process.Pid), "--") }
}

// seen is a file of the node's folder as the running node sees it.
func (n *node) seen(path string) string {
	return filepath.Join("/proc", strconv.Itoa(n.cmd.Process.Pid), "root", n.dir, path)
}

// fill writes until only so much is left.
func fill(t *testing.T, path string, leave int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	piece := make([]byte, 32<<10)
	for {
		var s unix.Statfs_t
		if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
			t.Fatal(err)
		}
		if leave > 0 && int64(s.Bavail)*int64(s.Bsize) <= leave {
			return
		}
		if _, err := f.Write(piece); errors.Is(err, syscall.ENOSPC) || errors.Is(err, io.ErrShortWrite) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestStoreRefusesWrites lets every write to a file fail under a running node, as on a disk that the kernel has made
// read-only: RLIMIT_FSIZE is 0 for a while.
func TestStoreRefusesWrites(t *testing.T) {
	r := receive(t, nil)
	n := install(t, "", fixedRoute(r.addr), "BUDKAVLE_LOG_LEVEL=warn")
	n.start()
	limit := func(size uint64) func() {
		return func() {
			if err := unix.Prlimit(n.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: size, Max: unix.RLIM_INFINITY}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	weather(t, n, r, fault{happen: limit(0), pass: limit(unix.RLIM_INFINITY), replies: []int{451, 452}})
}

// TestStartOnReadOnlyStore: a node that cannot keep mail does not start, and says why.
func TestStartOnReadOnlyStore(t *testing.T) {
	n := install(t, "", "")
	ownDisk(t, n, "cp -a seed/. data/; mount --bind data data; mount -o remount,bind,ro data")
	n.launch()
	n.awaitEnd()
	var exit *exec.ExitError
	if !errors.As(n.state, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the node ended with %v, want exit status 1", n.state)
	}
	if said := n.log.String(); !strings.Contains(said, "budkavle.db") || !strings.Contains(said, "read") {
		t.Errorf("the node said only:\n%s", said)
	}
}

// TestPostgreSQLRestart stops the database server under a running node and starts it again.
func TestPostgreSQLRestart(t *testing.T) {
	r := receive(t, nil)
	pg := postgres(t)
	n := install(t, pg.URL, fixedRoute(r.addr), "BUDKAVLE_LOG_LEVEL=warn")
	n.start()
	weather(t, n, r, fault{
		happen: pg.Stop,
		pass: func() {
			if err := pg.Start(); err != nil {
				t.Fatal(err)
			}
		},
		replies: []int{451},
	})
}

// TestPostgreSQLReadOnly makes the database read-only under a running node, as a server is that was demoted.
func TestPostgreSQLReadOnly(t *testing.T) {
	r := receive(t, nil)
	pg := postgres(t)
	n := install(t, pg.URL, fixedRoute(r.addr), "BUDKAVLE_LOG_LEVEL=warn")
	n.start()
	set := func(value string) func() {
		return func() {
			conn, err := pgx.Connect(t.Context(), pg.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			for _, sql := range []string{"ALTER SYSTEM SET default_transaction_read_only = " + value, "SELECT pg_reload_conf()"} {
				if _, err := conn.Exec(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	weather(t, n, r, fault{happen: set("on"), pass: set("off"), replies: []int{451, 452}})
}
