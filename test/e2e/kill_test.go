package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/store/storetest/pgtest"
)

const (
	killSenders  = 8
	killSessions = 20 // of delivery
)

// TestKill kills a node at random moments while it takes mail in and delivers it: while it starts, recovers, accepts,
// delivers. What was acknowledged must arrive, and what arrives twice is at most what was in flight at the kills. The
// number of kills is a flag: make crash does 50 on each store, as docs/durability.md records.
func TestKill(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) { killing(t, "") })
	t.Run("PostgreSQL", func(t *testing.T) { killing(t, postgres(t).URL) })
}

func killing(t *testing.T, storeURL string) {
	random := rand.New(rand.NewPCG(*seedFlag, 1))
	r := receive(t, func(r *receiver) {
		// A server that takes its time has more in flight.
		r.take = func(received) error { time.Sleep(2 * time.Millisecond); return nil }
	})
	n := install(t, storeURL, fixedRoute(r.addr, fmt.Sprintf("connections = %d", killSessions)), "BUDKAVLE_LOG_LEVEL=warn")
	l := submit(t, n.smtp, killSenders)
	kills, starting := 0, 0
	for ; kills-starting < *killsFlag; kills++ {
		n.launch()
		want := l.count() + random.IntN(400)
		if random.IntN(5) == 0 { // one in five dies while it starts and recovers
			starting++
		} else {
			n.await("mail to be taken", func() bool { return l.count() > want })
		}
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
		n.kill()
	}
	n.start()
	l.stop()
	n.await("an empty queue", func() bool { return n.queued(1) == 0 })

	different, again := r.counts()
	missing := l.missing(r)
	t.Logf("seed %d: %d kills under load and %d while starting; %d accepted, %d refused, %d without an answer; %d arrived, %d lost, %d arrived twice (%.1f a kill)",
		*seedFlag, kills-starting, starting, len(l.taken), len(l.refused), len(l.lost), different, len(missing), again, float64(again)/float64(kills))
	if len(missing) > 0 {
		t.Errorf("%d messages that were acknowledged did not arrive, such as %s", len(missing), missing[0])
	}
	if most := killSessions * kills; again > most {
		t.Errorf("%d messages arrived twice; at most %d were in flight", again, most)
	}
	if len(l.taken) == 0 {
		t.Error("no message was taken: nothing was tested")
	}
	n.stop()
}

// postgres runs a server of its own for a test.
func postgres(t *testing.T) *pgtest.Cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "budkavle-e2e-pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // the server runs as a user of its own
		t.Fatal(err)
	}
	c, err := pgtest.StartCluster(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}
