package cli

import (
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestSPFScripts plays testdata/spf. Each script asks a DNS server of its own, at $DNS, which serves its file "zone".
func TestSPFScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/spf",
		Cmds:  map[string]func(*testscript.TestScript, bool, []string){"budkavle": budkavle},
		Setup: serveZone,
	})
}

// budkavle STATUS ARGUMENT… runs the command line and wants this exit status.
func budkavle(ts *testscript.TestScript, _ bool, args []string) {
	got := Run(args[1:], Streams{In: strings.NewReader(""), Out: ts.Stdout(), Err: ts.Stderr()}, nil)
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// serveZone answers on loopback until the script ends. Names that begin with "sick." fail.
func serveZone(e *testscript.Env) error {
	zone, err := os.Open(e.WorkDir + "/zone")
	if err != nil {
		return err
	}
	defer zone.Close()
	addr, stop, err := serveRecords(zone)
	if err != nil {
		return err
	}
	e.Defer(stop)
	e.Setenv("DNS", addr)
	return nil
}

// serveRecords is serveZone until stop is called.
func serveRecords(zone io.Reader) (addr string, stop func(), err error) {
	records := map[string][]mdns.RR{}
	parser := mdns.NewZoneParser(zone, ".", "zone")
	parser.SetDefaultTTL(60)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		key := rr.Header().Name + " " + mdns.TypeToString[rr.Header().Rrtype]
		records[key] = append(records[key], rr)
	}
	if err := parser.Err(); err != nil {
		return "", nil, err
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	answer := func(w mdns.ResponseWriter, q *mdns.Msg) {
		m := new(mdns.Msg).SetReply(q)
		m.Answer = records[q.Question[0].Name+" "+mdns.TypeToString[q.Question[0].Qtype]]
		if strings.HasPrefix(q.Question[0].Name, "sick.") {
			m.Rcode = mdns.RcodeServerFailure
		}
		_ = w.WriteMsg(m)
	}
	started := make(chan struct{})
	server := &mdns.Server{PacketConn: conn, Handler: mdns.HandlerFunc(answer), NotifyStartedFunc: func() { close(started) }}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.ActivateAndServe() })
	<-started
	return conn.LocalAddr().String(), func() {
		_ = server.Shutdown()
		wg.Wait()
	}, nil
}
