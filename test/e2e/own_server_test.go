package e2e

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// ownServer is what account route show tells.
type ownServer struct {
	State        string `json:"state"`
	SentToday    int    `json:"sent_today"`
	FailingSince string `json:"failing_since"`
	Fault        string `json:"fault"`
}

func (n *node) ownServer() (s ownServer) {
	n.t.Helper()
	if err := json.Unmarshal([]byte(n.run("account", "route", "show", "school", "--json")), &s); err != nil {
		n.t.Fatal(err)
	}
	return s
}

// TestOwnServer sends by a server that the customer set: tested, with the customer's envelope, within the day's recipients, told of
// when it fails, and mended by a new password; nothing is lost, and the password is in no log.
func TestOwnServer(t *testing.T) {
	cert, authority := certificate(t)
	r := receive(t, func(r *receiver) {
		r.user, r.password = relayUser, relayPassword
		r.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	})
	host, port, _ := net.SplitHostPort(r.addr)
	n := install(t, "", "", "SSL_CERT_FILE="+authority, "BUDKAVLE_DELIVERY_PRIVATE_ADDRESSES=true")
	set := func(password string, more ...string) {
		t.Helper()
		file := filepath.Join(n.dir, "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		n.run(append([]string{"account", "route", "set", "school", "--host", host, "--port", port, "--user", relayUser, "--password-file", file}, more...)...)
	}
	set("not-the-right-one")
	if out, _, err := n.command("account", "route", "test", "school", "--no-mail", "--json"); err == nil || !strings.Contains(out, `"wrong-password"`) || strings.Contains(out, "not-the-right-one") {
		t.Fatalf("a wrong password: %v, %s", err, out)
	}
	set(relayPassword)
	if out := n.run("account", "route", "test", "school", "--to", "it@rcpt.example", "--from", "postmaster@school.example"); !strings.Contains(out, "works") {
		t.Fatal(out)
	}
	r.await(t, 1)
	n.start()
	client := connect(t, n.smtp)
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := client.send(fmt.Sprintf("own%d@school.example", i), fmt.Sprintf("a%d@rcpt.example", i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(0, 5)
	r.await(t, 6)
	if m := r.latest(); !m.tls || m.user != relayUser || !strings.HasSuffix(m.from, "@school.example") {
		t.Errorf("came by TLS: %v, as %q, from %s", m.tls, m.user, m.from)
	}

	// The password is changed at the server: mail waits and says why, and the contact is told of in an event.
	r.mu.Lock()
	r.password = "changed-at-the-server"
	r.mu.Unlock()
	n.stop() // with its open sessions
	n.start()
	client = connect(t, n.smtp)
	send(5, 9)
	n.await("the node to see that the server fails", func() bool { return n.ownServer().FailingSince != "" })
	if s := n.ownServer(); !strings.Contains(s.Fault, "535") {
		t.Errorf("%+v", s)
	}
	n.await("the queue to say why", func() bool { return strings.Contains(n.run("queue", "list", "--json"), "535") })
	set("changed-at-the-server", "--per-day", "2")
	n.run("queue", "retry", "--account", "school")
	n.await("the queue to name the limit", func() bool {
		named := 0
		for line := range strings.Lines(n.run("queue", "list", "--json")) {
			if strings.Contains(line, "the 2 recipients a day of the account's own server") {
				named++
			}
		}
		return named == 2
	})
	if s := n.ownServer(); s.SentToday != 2 || s.FailingSince != "" || r.total() != 8 { // 6 before
		t.Errorf("%+v, %d came", s, r.total())
	}
	set("changed-at-the-server", "--per-day", "0")
	n.run("queue", "retry", "--account", "school")
	r.await(t, 10)
	n.stop()
	if _, again := r.counts(); again != 0 {
		t.Errorf("%d came twice", again)
	}
	for _, secret := range []string{relayPassword, "changed-at-the-server", "not-the-right-one"} {
		if strings.Contains(n.log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}
