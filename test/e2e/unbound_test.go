package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

const unboundConfig = `server:
  directory: %[1]q
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  val-log-level: 2
  num-threads: 1
  interface: 127.0.0.1@%[2]d
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-not-query-localhost: no
  local-zone: 127.in-addr.arpa. nodefault
  module-config: "validator iterator"
  %[3]s
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: %[4]s
`

// unbound starts a validating resolver that others wrote in front of a lab, and gives its address.
func unbound(t *testing.T, l *lab.Lab) string {
	t.Helper()
	program, err := exec.LookPath("unbound")
	if err != nil {
		if program = "/usr/sbin/unbound"; exec.Command(program, "-V").Run() != nil { // where PATH may not lead
			t.Fatalf("unbound is missing; make deps installs it: %v", err)
		}
	}
	trust := ""
	if anchor := l.TrustAnchor(); anchor != "" {
		trust = fmt.Sprintf("trust-anchor: %q", anchor)
	}
	dir := t.TempDir()
	config, addr, upstream := filepath.Join(dir, "unbound.conf"), freePort(t), netip.MustParseAddrPort(l.DNSAddr())
	text := fmt.Sprintf(unboundConfig, dir, addr.Port(), trust, fmt.Sprintf("%s@%d", upstream.Addr(), upstream.Port()))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log output
	cmd := exec.Command(program, "-d", "-c", config)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-ended
		if t.Failed() {
			t.Logf("the end of unbound's log:\n%s", log.tail())
		}
	})
	awaitDNS(t, addr.String(), ended)
	return addr.String()
}

// freePort is a port of loopback that was free for UDP and TCP.
func freePort(t *testing.T) netip.AddrPort {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		p, err := net.ListenPacket("udp", addr)
		l.Close()
		if err == nil {
			p.Close()
			return netip.MustParseAddrPort(addr)
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return netip.AddrPort{}
}

func awaitDNS(t *testing.T, addr string, ended <-chan struct{}) {
	t.Helper()
	for timeout := time.After(patience); ; {
		if _, err := resolver(t, addr).LookupA(t.Context(), "ns1.lab.example"); !dns.Is(err, dns.Network) && !dns.Is(err, dns.Timeout) {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ended:
			t.Fatal("unbound ended")
		case <-timeout:
			t.Fatalf("unbound does not answer in %s", patience)
		}
	}
}

// resolver is a new one, so that nothing is cached.
func resolver(t *testing.T, addr string) *dns.Client {
	t.Helper()
	c, err := dns.New(dns.Config{Servers: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const unboundZone = `
records = """
rcpt.example.                   TXT   "v=spf1 -all"
alias.example.                  CNAME rcpt.example.
broken.example.                 TXT   "v=spf1 -all"
*.wild.example.                 MX    10 mx.rcpt.example.
_25._tcp.mx.rcpt.example.       TLSA  3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971
1.60.0.127.in-addr.arpa.        PTR   mx.rcpt.example.
long._domainkey.rcpt.example.   TXT   "v=DKIM1; k=rsa; p=%[1]s" "%[1]s" "%[1]s" "%[1]s" "%[1]s" "%[1]s" "%[1]s"
"""
[[provider]]
name = "One"
domains = ["rcpt.example"]
[[provider.server]]
host = "mx.rcpt.example"
addresses = ["127.0.60.1"]
`

func startLab(t *testing.T, sign bool) *lab.Lab {
	t.Helper()
	part := make([]byte, 200)
	for i := range part {
		part[i] = 'A'
	}
	zone, err := lab.ParseZone(fmt.Sprintf(unboundZone, part))
	if err != nil {
		t.Fatal(err)
	}
	l, err := lab.Start(t.Context(), lab.Config{Zone: zone, Sign: sign})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestUnbound asks a lab by a real resolver: what is signed is authentic, what is not signed is not, what is signed
// wrongly is nobody's answer, and what does not exist does not exist.
func TestUnbound(t *testing.T) {
	for _, tt := range []struct {
		name string
		sign bool
	}{{"signed", true}, {"unsigned", false}} {
		t.Run(tt.name, func(t *testing.T) {
			l := startLab(t, tt.sign)
			l.Fail("broken.example", lab.AnswerBogus)
			c := resolver(t, unbound(t, l))
			for _, lookup := range []func(context.Context) (string, int, bool, error){
				asked(c.LookupMX, "rcpt.example"), asked(c.LookupTXT, "rcpt.example"), asked(c.LookupA, "mx.rcpt.example"),
				asked(c.LookupTXT, "alias.example"), asked(c.LookupMX, "any.wild.example"), asked(c.LookupTLSA, "_25._tcp.mx.rcpt.example"),
				asked(c.LookupTXT, "long._domainkey.rcpt.example"), asked(c.LookupPTR, netip.MustParseAddr("127.0.60.1")),
			} {
				if name, n, authentic, err := lookup(t.Context()); err != nil || n != 1 || authentic != tt.sign {
					t.Errorf("%s: %d records, authentic %v, %v", name, n, authentic, err)
				}
			}
			for _, denied := range []struct {
				name string
				kind dns.Kind
			}{
				{"nobody.example", dns.NXDomain},
				{"no.such.rcpt.example", dns.NXDomain},
				{"wild.example", dns.NoData},
				{"any.wild.example", dns.NoData},
				{"mx.rcpt.example", dns.NoData},
				{"_tcp.mx.rcpt.example", dns.NoData},
			} {
				if _, err := c.LookupTXT(t.Context(), denied.name); !dns.Is(err, denied.kind) {
					t.Errorf("%s: %v, want %s", denied.name, err, denied.kind)
				}
			}
			if _, err := c.LookupTXT(t.Context(), "broken.example"); dns.Is(err, dns.ServFail) != tt.sign {
				t.Errorf("wrong signature: %v", err)
			}
		})
	}
}

func asked[N, T any](lookup func(context.Context, N) (dns.Answer[T], error), name N) func(context.Context) (string, int, bool, error) {
	return func(ctx context.Context) (string, int, bool, error) {
		a, err := lookup(ctx, name)
		return fmt.Sprint(name), len(a.Records), a.Authentic, err
	}
}

// TestNodeDeliversByUnbound has the program itself ask it.
func TestNodeDeliversByUnbound(t *testing.T) {
	l := startLab(t, true)
	n := install(t, "", "", "BUDKAVLE_DNS_SERVERS="+unbound(t, l), fmt.Sprintf("BUDKAVLE_DELIVERY_PORT=%d", l.Port()))
	n.start()
	for _, to := range []string{"anna@rcpt.example", "anna@nobody.example"} {
		if err := connect(t, n.smtp).send("1@school.example", to); err != nil {
			t.Fatal(err)
		}
	}
	n.await("the delivery", func() bool { return l.Received("1@school.example", "anna@rcpt.example") == 1 })
	n.await("an empty queue", func() bool { return n.queued(10) == 0 })
	n.stop()
	if n := l.Queries()["MX"]; n == 0 {
		t.Error("the lab was never asked")
	}
}
