package onboard_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// mailServer answers RCPT by what stands in replies for the local part, else 250, and hangs up where it says so. It
// returns its port and, at the end, every line it was told.
func mailServer(t *testing.T, replies map[string]string) (uint16, func() []string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var told []string
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			serveMail(conn, replies, func(line string) {
				mu.Lock()
				told = append(told, line)
				mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return netip.MustParseAddrPort(ln.Addr().String()).Port(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return told
	}
}

func serveMail(conn net.Conn, replies map[string]string, tell func(string)) {
	defer conn.Close()
	fmt.Fprint(conn, "220 mx.school.example\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		line := lines.Text()
		tell(line)
		reply := "250 ok"
		if to, ok := strings.CutPrefix(line, "RCPT TO:<"); ok {
			local, _, _ := strings.Cut(to, "@")
			if r, ok := replies[local]; ok {
				reply = r
			}
		}
		if r, ok := replies[line]; ok {
			reply = r
		}
		if reply == "hang up" {
			return
		}
		fmt.Fprintf(conn, "%s\r\n", reply)
		if line == "QUIT" {
			return
		}
	}
}

// prober asks servers at the port that the domains of the world lead to.
func prober(t *testing.T, port uint16, world *dnstest.Fake) *onboard.Prober {
	t.Helper()
	router, err := route.New(route.Config{
		Resolver: world, Clock: clock.System{}, Port: port, Inside: true,
		Routes: []route.Route{{Match: "routed.example", Host: "127.0.0.1", Port: port}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &onboard.Prober{Router: router, Connector: outbound.New(outbound.Config{}), Helo: "out.op.example"}
}

func mailWorld() *dnstest.Fake {
	here := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	mx := func(host string) []dns.MX { return []dns.MX{{Preference: 10, Host: host}} }
	return &dnstest.Fake{
		MX: map[string][]dns.MX{
			"school.example": mx("mx.school.example"), "gmail.com": mx("gmail-smtp-in.l.google.com"), "own.example": mx("own-example.olc.protection.outlook.com"),
			"live.school.example": mx("mx.school.example"), "null.example": mx(""), "down.example": mx("down.example"),
		},
		A: map[string][]netip.Addr{
			"mx.school.example": here, "gmail-smtp-in.l.google.com": here, "own-example.olc.protection.outlook.com": here, "down.example": {netip.MustParseAddr("127.0.0.9")},
		},
		Faults: map[string]dns.Kind{"sick.example": dns.ServFail},
	}
}

func TestProberAsksAndSendsNothing(t *testing.T) {
	port, told := mailServer(t, map[string]string{"abuse": "550 5.1.1 no such user", "info": "451 4.7.1 greylisted"})
	got, err := prober(t, port, mailWorld()).Accepts(t.Context(), "school.example", []string{"postmaster@school.example", "abuse@school.example", "info@school.example"})
	if err != nil {
		t.Fatal(err)
	}
	want := []proof.Acceptance{
		{Asked: true, Taken: true, Host: "mx.school.example", Reply: "250 ok"},
		{Asked: true, Host: "mx.school.example", Reply: "550 5.1.1 no such user"},
		{Asked: true, Passing: true, Host: "mx.school.example", Reply: "451 4.7.1 greylisted"},
	}
	for i := range want {
		if got[i].Asked != want[i].Asked || got[i].Taken != want[i].Taken || got[i].Passing != want[i].Passing || got[i].Host != want[i].Host || got[i].Reply != want[i].Reply {
			t.Errorf("%d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	dialogue := "EHLO out.op.example|MAIL FROM:<>|RCPT TO:<postmaster@school.example>|RSET|MAIL FROM:<>|RCPT TO:<abuse@school.example>|RSET|MAIL FROM:<>|RCPT TO:<info@school.example>|RSET|QUIT"
	if d := strings.Join(told(), "|"); d != dialogue {
		t.Errorf("the server was told %s", d)
	}
}

func TestProberSparesWhoMustNotBeAsked(t *testing.T) {
	port, told := mailServer(t, nil)
	p := prober(t, port, mailWorld())
	for domain, why := range map[string]string{
		"gmail.com": "private persons", "yahoo.co.uk": "private persons", "hotmail.se": "private persons", "mail.telia.com": "private persons", "own.example": "private persons",
		"routed.example": "fixed route", "null.example": "no mail server", "none.example": "no mail server",
	} {
		got, err := p.Accepts(t.Context(), domain, []string{"postmaster@" + domain})
		if err != nil || got[0].Asked || !strings.Contains(got[0].Why.String(), why) {
			t.Errorf("%s: got %+v, %v", domain, got, err)
		}
	}
	if len(told()) > 0 {
		t.Errorf("a server was told %q", told())
	}
	if got, err := p.Accepts(t.Context(), "live.school.example", []string{"postmaster@live.school.example"}); err != nil || !got[0].Taken {
		t.Errorf("a school with a name like a provider's: got %+v, %v", got, err)
	}
}

func TestProberKeepsItsLimits(t *testing.T) {
	port, told := mailServer(t, map[string]string{"a3": "hang up"})
	var addresses []string
	for i := range 30 {
		addresses = append(addresses, fmt.Sprintf("a%d@school.example", i))
	}
	got, err := prober(t, port, mailWorld()).Accepts(t.Context(), "school.example", addresses)
	if err != nil || len(got) != 10 || !got[2].Taken || !got[3].Passing || !got[9].Passing {
		t.Errorf("got %+v, %v", got, err)
	}
	if n := len(told()); n > 1+4*3 {
		t.Errorf("the server was told %d lines after it hung up", n)
	}
}

func TestProberTellsWhenNobodyAnswers(t *testing.T) {
	port, _ := mailServer(t, nil)
	p := prober(t, port, mailWorld())
	for _, domain := range []string{"sick.example", "down.example"} {
		if got, err := p.Accepts(t.Context(), domain, []string{"postmaster@" + domain}); err == nil {
			t.Errorf("%s: got %+v", domain, got)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := p.Accepts(ended, "school.example", []string{"postmaster@school.example"}); err == nil {
		t.Errorf("cancelled: got %+v", got)
	}
	port, _ = mailServer(t, map[string]string{"MAIL FROM:<>": "550 5.7.1 no bounces"})
	got, err := prober(t, port, mailWorld()).Accepts(t.Context(), "school.example", []string{"postmaster@school.example"})
	if err != nil || !got[0].Passing || got[0].Reply != "550 5.7.1 no bounces" {
		t.Errorf("null sender refused: got %+v, %v", got, err)
	}
}
