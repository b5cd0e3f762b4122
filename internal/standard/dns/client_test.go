package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mdns "github.com/miekg/dns"
)

// serve answers on loopback by UDP and TCP until the test ends.
func serve(t *testing.T, answer mdns.HandlerFunc) string {
	t.Helper()
	var pc net.PacketConn
	var ln net.Listener
	for range 10 { // the TCP port of the same number may be taken
		var err error
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if ln, err = net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			break
		}
		_ = pc.Close()
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait) // after the shutdowns below
	for _, s := range []*mdns.Server{{PacketConn: pc, Handler: answer}, {Listener: ln, Handler: answer}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { _ = s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return pc.LocalAddr().String()
}

func record(t testing.TB, s string) mdns.RR {
	t.Helper()
	rr, err := mdns.NewRR(s)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// reply is an answer with records in presentation form; those that begin with "ns:" go to the authority section.
func reply(t testing.TB, q *mdns.Msg, rcode int, records ...string) *mdns.Msg {
	m := new(mdns.Msg).SetRcode(q, rcode)
	for _, r := range records {
		if ns, ok := strings.CutPrefix(r, "ns:"); ok {
			m.Ns = append(m.Ns, record(t, ns))
		} else {
			m.Answer = append(m.Answer, record(t, r))
		}
	}
	return m
}

const soa = "ns:example. 3600 IN SOA ns.example. host.example. 1 2 3 4 60"

// world answers by name, as the tests below want it.
func world(t *testing.T) mdns.HandlerFunc {
	return func(w mdns.ResponseWriter, q *mdns.Msg) {
		question := q.Question[0]
		name := strings.ToLower(strings.TrimSuffix(question.Name, "."))
		m := reply(t, q, mdns.RcodeSuccess, soa)
		if !strings.Contains(name, "nosoa") {
			m.Ns = nil
		}
		switch mdns.TypeToString[question.Qtype] + " " + name {
		case "MX mail.example":
			m = reply(t, q, mdns.RcodeSuccess, "Mail.example. 300 IN MX 20 MX2.example.", "mail.example. 200 IN MX 10 mx1.example.")
			m.AuthenticatedData = q.AuthenticatedData
		case "MX null.example":
			m = reply(t, q, mdns.RcodeSuccess, "null.example. 300 IN MX 0 .")
		case "A host.example":
			m = reply(t, q, mdns.RcodeSuccess, "host.example. 300 IN A 192.0.2.1", "host.example. 300 IN A 192.0.2.2")
		case `A odd\ name%.example`:
			m = reply(t, q, mdns.RcodeSuccess, `odd\032name%.example. 300 IN A 192.0.2.3`)
		case "SPF text.example":
			m = reply(t, q, mdns.RcodeSuccess, `text.example. 300 IN SPF "v=spf1 " "-all"`)
		case "AAAA host.example":
			m = reply(t, q, mdns.RcodeSuccess, "host.example. 300 IN AAAA 2001:db8::1")
		case "TXT text.example":
			m = reply(t, q, mdns.RcodeSuccess, `text.example. 300 IN TXT "v=DKIM1; " "p=a\"b\\c\229"`, `text.example. 300 IN TXT "two"`)
		case "PTR 1.2.0.192.in-addr.arpa":
			m = reply(t, q, mdns.RcodeSuccess, "1.2.0.192.in-addr.arpa. 300 IN PTR Host.example.")
		case "MX www.example":
			m = reply(t, q, mdns.RcodeSuccess, "www.example. 30 IN CNAME mail.example.", "mail.example. 200 IN MX 10 mx1.example.")
		case "MX open.example":
			m = reply(t, q, mdns.RcodeSuccess, "open.example. 30 IN CNAME mail.example.")
		case "MX openend.example":
			m = reply(t, q, mdns.RcodeSuccess, "openend.example. 30 IN CNAME host.example.", soa)
		case "MX nowhere-alias.example":
			m = reply(t, q, mdns.RcodeNameError, "nowhere-alias.example. 30 IN CNAME nowhere.example.", soa)
		case "MX circle.example":
			m = reply(t, q, mdns.RcodeSuccess, "circle.example. 30 IN CNAME circle2.example.", "circle2.example. 30 IN CNAME circle.example.")
		case "MX endless0.example", "MX endless1.example", "MX endless2.example", "MX endless3.example", "MX endless4.example",
			"MX endless5.example", "MX endless6.example", "MX endless7.example", "MX endless8.example", "MX endless9.example":
			m = reply(t, q, mdns.RcodeSuccess, fmt.Sprintf("%s. 30 IN CNAME endless%d.example.", name, int(name[7]-'0'+1)%10))
		case "MX nowhere.example":
			m = reply(t, q, mdns.RcodeNameError, soa)
		case "MX nodata.example":
			m = reply(t, q, mdns.RcodeSuccess, soa)
		case "MX other.example":
			m = reply(t, q, mdns.RcodeSuccess, "mail.example. 200 IN MX 10 mx1.example.", soa)
		case "MX servfail.example":
			m = reply(t, q, mdns.RcodeServerFailure)
		case "MX refused.example":
			m = reply(t, q, mdns.RcodeRefused)
			m.Question = nil
		case "TXT big.example":
			m = reply(t, q, mdns.RcodeSuccess)
			for i := range 40 {
				m.Answer = append(m.Answer, record(t, fmt.Sprintf(`big.example. 300 IN TXT "%d %s"`, i, strings.Repeat("x", 200))))
			}
			if _, udp := w.RemoteAddr().(*net.UDPAddr); udp {
				m.Truncate(int(q.IsEdns0().UDPSize()))
			}
		case "MX old.example":
			if q.IsEdns0() != nil {
				m = reply(t, q, mdns.RcodeFormatError)
			} else {
				m = reply(t, q, mdns.RcodeSuccess, "old.example. 300 IN MX 1 mx.old.example.")
			}
		case "MX forged.example":
			late := reply(t, q, mdns.RcodeSuccess, "forged.example. 300 IN MX 1 evil.example.")
			late.Id++
			_ = w.WriteMsg(late)
			other := reply(t, q, mdns.RcodeSuccess, "forged.example. 300 IN MX 1 evil.example.")
			other.Question[0].Name = "another.example."
			_ = w.WriteMsg(other)
			_, _ = w.Write([]byte{1, 2, 3})
			m = reply(t, q, mdns.RcodeSuccess, "forged.example. 300 IN MX 1 good.example.")
		case "MX broken.example":
			wire, _ := m.Pack()
			_, _ = w.Write(append(wire[:12], 0xff, 0xff, 0xff))
			return
		case "MX question.example":
			m = reply(t, q, mdns.RcodeSuccess, "question.example. 300 IN MX 1 a.example.")
			m.Response = false
		case "MX silent.example":
			return
		}
		_ = w.WriteMsg(m)
	}
}

func client(t *testing.T, c Config) *Client {
	t.Helper()
	got, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestLookups(t *testing.T) {
	c := client(t, Config{Servers: []string{serve(t, world(t))}})
	ctx := t.Context()
	tests := []struct {
		what string
		ask  func() (string, error)
		want string
	}{
		{"MX", mxOf(ctx, c, "MAIL.example."), "10 mx1.example, 20 mx2.example @mail.example authentic"},
		{"null MX", mxOf(ctx, c, "null.example"), "0  @null.example"},
		{"CNAME with its end", mxOf(ctx, c, "www.example"), "10 mx1.example @mail.example"},
		{"CNAME left open", mxOf(ctx, c, "open.example"), "10 mx1.example, 20 mx2.example @mail.example"},
		{"truncated by UDP", func() (string, error) {
			a, err := c.LookupTXT(ctx, "big.example")
			return fmt.Sprint(len(a.Records)), err
		}, "40"},
		{"server without EDNS", mxOf(ctx, c, "old.example"), "1 mx.old.example @old.example"},
		{"forged and late answers", mxOf(ctx, c, "forged.example"), "1 good.example @forged.example"},
		{"A", func() (string, error) {
			a, err := c.LookupA(ctx, "host.example")
			return fmt.Sprint(a.Records), err
		}, "[192.0.2.1 192.0.2.2]"},
		{"A of a name with a space", func() (string, error) {
			a, err := c.LookupA(ctx, "odd name%.example")
			return fmt.Sprint(a.Records), err
		}, "[192.0.2.3]"},
		{"SPF", func() (string, error) {
			a, err := c.LookupSPF(ctx, "text.example")
			return fmt.Sprintf("%q", a.Records), err
		}, `["v=spf1 -all"]`},
		{"AAAA", func() (string, error) {
			a, err := c.LookupAAAA(ctx, "host.example")
			return fmt.Sprint(a.Records), err
		}, "[2001:db8::1]"},
		{"TXT", func() (string, error) {
			a, err := c.LookupTXT(ctx, "text.example")
			return fmt.Sprintf("%q", a.Records), err
		}, `["v=DKIM1; p=a\"b\\c\xe5" "two"]`},
		{"PTR", func() (string, error) {
			a, err := c.LookupPTR(ctx, netip.MustParseAddr("::ffff:192.0.2.1"))
			return fmt.Sprint(a.Records), err
		}, "[host.example]"},
	}
	for _, tt := range tests {
		if got, err := tt.ask(); err != nil || got != tt.want {
			t.Errorf("%s: got %s, %v, want %s", tt.what, got, err, tt.want)
		}
	}
}

// mxOf asks for MX and writes the answer in one line, sorted by preference.
func mxOf(ctx context.Context, c *Client, name string) func() (string, error) {
	return func() (string, error) {
		a, err := c.LookupMX(ctx, name)
		if err != nil {
			return "", err
		}
		var words []string
		for p := range 100 {
			for _, mx := range a.Records {
				if int(mx.Preference) == p {
					words = append(words, fmt.Sprintf("%d %s", p, mx.Host))
				}
			}
		}
		s := strings.Join(words, ", ") + " @" + a.Name
		if a.Authentic {
			s += " authentic"
		}
		return s, nil
	}
}

func TestErrorsTellDenialsFromFaults(t *testing.T) {
	server := serve(t, world(t))
	tests := []struct {
		name string
		want Kind
	}{
		{"nowhere.example", NXDomain},
		{"nowhere-alias.example", NXDomain},
		{"nodata.example", NoData},
		{"openend.example", NoData},
		{"other.example", NoData},
		{"servfail.example", ServFail},
		{"refused.example", Refused},
		{"circle.example", Loop},
		{"endless0.example", Loop},
		{"broken.example", Malformed},
		{"question.example", Timeout},
		{"silent.example", Timeout},
		{"", BadName},
		{strings.Repeat("x", 64) + ".example", BadName},
	}
	c := client(t, Config{Servers: []string{server}, Timeout: time.Minute, Rounds: 1})
	hurried := client(t, Config{Servers: []string{server}, Timeout: 50 * time.Millisecond, Rounds: 1})
	for _, tt := range tests {
		asked := c
		if tt.want == Timeout {
			asked = hurried
		}
		_, err := asked.LookupMX(t.Context(), tt.name)
		var e *Error
		if !errors.As(err, &e) || e.Kind != tt.want || e.Type != "MX" {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
			continue
		}
		denied := tt.want == NXDomain || tt.want == NoData
		if IsDenied(err) != denied || !Is(err, tt.want) {
			t.Errorf("%s: denied %v, error %v", tt.name, IsDenied(err), err)
		}
	}
	if _, err := c.LookupPTR(t.Context(), netip.Addr{}); !Is(err, BadName) {
		t.Errorf("PTR of no address: %v", err)
	}
}

func TestNextServerIsAskedAndRemembered(t *testing.T) {
	var sick, well atomic.Int32
	first := serve(t, func(w mdns.ResponseWriter, q *mdns.Msg) {
		sick.Add(1)
		_ = w.WriteMsg(reply(t, q, mdns.RcodeServerFailure))
	})
	second := serve(t, func(w mdns.ResponseWriter, q *mdns.Msg) {
		well.Add(1)
		world(t)(w, q)
	})
	c := client(t, Config{Servers: []string{first, second}})
	for _, name := range []string{"mail.example", "null.example", "old.example"} {
		if _, err := c.LookupMX(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if sick.Load() != 1 || well.Load() < 3 {
		t.Errorf("the sick server was asked %d times, the well one %d", sick.Load(), well.Load())
	}
}

func TestNobodyListens(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := pc.LocalAddr().String()
	_ = pc.Close()
	c := client(t, Config{Servers: []string{addr}})
	if _, err := c.LookupMX(t.Context(), "mail.example"); !Is(err, Network) {
		t.Errorf("got %v", err)
	}
}

// fakeServer answers over pipes, so that time can be a bubble's. The framing of a pipe is that of TCP.
func fakeServer(t *testing.T, asked *atomic.Int32, delay time.Duration, answer func(q *mdns.Msg) *mdns.Msg) Dial {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer func() { _ = theirs.Close() }()
			conn := &mdns.Conn{Conn: theirs}
			q, err := conn.ReadMsg()
			if err != nil {
				t.Error(err)
				return
			}
			asked.Add(1)
			time.Sleep(delay)
			if m := answer(q); m != nil {
				_ = conn.WriteMsg(m)
			}
		}()
		return ours, nil
	}
}

func TestCacheKeepsAnswersAsLongAsTheyHold(t *testing.T) {
	tests := map[string]struct {
		rcode   int
		records []string
		kept    time.Duration
	}{
		"answer":                       {0, []string{"x.example. 300 IN MX 1 a.example.", "x.example. 200 IN MX 2 b.example."}, 200 * time.Second},
		"answer for ever":              {0, []string{"x.example. 999999 IN MX 1 a.example."}, 24 * time.Hour},
		"answer for no time":           {0, []string{"x.example. 0 IN MX 1 a.example."}, time.Second},
		"alias":                        {0, []string{"x.example. 20 IN CNAME y.example.", "y.example. 200 IN MX 1 b.example."}, 20 * time.Second},
		"denial, minimum of the SOA":   {mdns.RcodeNameError, []string{soa}, time.Minute},
		"denial, TTL of the SOA":       {0, []string{"ns:example. 30 IN SOA ns.example. host.example. 1 2 3 4 60"}, 30 * time.Second},
		"denial for ever":              {0, []string{"ns:example. 99999 IN SOA ns.example. host.example. 1 2 3 4 99999"}, time.Hour},
		"denial without SOA":           {mdns.RcodeNameError, nil, time.Second},
		"denial at the end of aliases": {mdns.RcodeNameError, []string{"x.example. 20 IN CNAME y.example.", soa}, 20 * time.Second},
		"failure":                      {mdns.RcodeServerFailure, nil, 5 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked atomic.Int32
				c := client(t, Config{
					Servers: []string{"127.0.0.1"}, Rounds: 1,
					Dial: fakeServer(t, &asked, 0, func(q *mdns.Msg) *mdns.Msg { return reply(t, q, tt.rcode, tt.records...) }),
				})
				at := func(d time.Duration, want int32) {
					time.Sleep(d)
					_, _ = c.LookupMX(t.Context(), "x.example")
					if got := asked.Load(); got != want {
						t.Errorf("%v later the server was asked %d times, want %d", d, got, want)
					}
				}
				at(0, 1)
				at(tt.kept-time.Millisecond, 1)
				at(time.Millisecond, 2)
			})
		})
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(10 * overhead)
	now := time.Now()
	for i := range 100 {
		c.put(key{fmt.Sprint(i), mdns.TypeA}, &result{expires: now.Add(time.Hour)}, now)
		c.get(key{"0", mdns.TypeA}, now)
	}
	if c.used > c.limit || len(c.entries) != 10 || c.recent.Len() != 10 {
		t.Errorf("%d octets, %d entries", c.used, len(c.entries))
	}
	if _, ok := c.get(key{"0", mdns.TypeA}, now); !ok {
		t.Error("the entry in use was dropped")
	}
	c.put(key{"huge", mdns.TypeA}, &result{expires: now.Add(time.Hour), size: 1 << 16}, now)
	if len(c.entries) != 1 {
		t.Errorf("%d entries beside a huge one", len(c.entries))
	}
	c.put(key{"huge", mdns.TypeA}, &result{expires: now.Add(time.Hour)}, now)
	if c.used != overhead {
		t.Errorf("%d octets after a replacement", c.used)
	}
	c.put(key{"old", mdns.TypeA}, &result{expires: now}, now)
	if _, ok := c.get(key{"old", mdns.TypeA}, now); ok {
		t.Error("what had expired was kept")
	}
}

func TestEqualQuestionsAreAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := client(t, Config{
			Servers: []string{"127.0.0.1"},
			Dial:    fakeServer(t, &asked, time.Second, func(q *mdns.Msg) *mdns.Msg { return reply(t, q, 0, "x.example. 300 IN MX 1 a.example.") }),
		})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := c.LookupMX(t.Context(), "x.example"); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

func TestOneCallerGivingUpDoesNotFailTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := client(t, Config{
			Servers: []string{"127.0.0.1"},
			Dial:    fakeServer(t, &asked, time.Second, func(q *mdns.Msg) *mdns.Msg { return reply(t, q, 0, "x.example. 300 IN MX 1 a.example.") }),
		})
		impatient, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.LookupMX(impatient, "x.example"); !Is(err, Cancelled) || IsDenied(err) {
				t.Errorf("the impatient caller got %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := c.LookupMX(t.Context(), "x.example"); err != nil {
				t.Error(err)
			}
		})
		hurried, cancelHurried := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancelHurried()
		if _, err := c.LookupMX(hurried, "x.example"); !Is(err, Cancelled) {
			t.Errorf("a caller in a hurry got %v", err)
		}
		wg.Wait()
	})
}

func TestSilenceTakesItsTimeAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := client(t, Config{
			Servers: []string{"127.0.0.1", "127.0.0.2"},
			Dial:    fakeServer(t, &asked, time.Minute, func(*mdns.Msg) *mdns.Msg { return nil }),
		})
		begin := time.Now()
		_, err := c.LookupMX(t.Context(), "x.example")
		if !Is(err, Timeout) || time.Since(begin) != 12*time.Second || asked.Load() != 4 {
			t.Errorf("got %v after %v and %d questions", err, time.Since(begin), asked.Load())
		}
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"example.org", "127.0.0.1:", ":53", "a b"} {
		if _, err := New(Config{Servers: []string{bad}}); err == nil {
			t.Errorf("server %q was taken", bad)
		}
	}
	c := client(t, Config{Servers: []string{"127.0.0.1", "::1", "[::1]:5353", "localhost:5353"}})
	if got := strings.Join(c.config.Servers, " "); got != "127.0.0.1:53 [::1]:53 [::1]:5353 localhost:5353" {
		t.Error(got)
	}
}

func FuzzRead(f *testing.F) {
	q := new(mdns.Msg).SetQuestion("www.example.", mdns.TypeMX)
	for _, m := range []*mdns.Msg{
		reply(f, q, 0, "www.example. 30 IN CNAME mail.example.", "mail.example. 200 IN MX 10 mx1.example."),
		reply(f, q, mdns.RcodeNameError, "www.example. 30 IN CNAME www.example.", soa),
	} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(mdns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		r := read(m, "www.example", mdns.TypeMX)
		if (len(r.records) > 0) != (r.kind == "") || r.ttl < 0 || r.denial < 0 || r.aliases > maxChain+1 {
			t.Errorf("%+v", r)
		}
	})
}
