package spf_test

import (
	"net"
	"sync"
	"testing"

	mdns "github.com/miekg/dns"
)

// serveDNS answers on loopback by UDP and TCP until the test ends.
func serveDNS(t *testing.T, answer mdns.HandlerFunc) string {
	t.Helper()
	var pc net.PacketConn
	var ln net.Listener
	var err error
	for range 10 { // the TCP port of the same number may be taken
		if pc, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if ln, err = net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			break
		}
		_ = pc.Close()
	}
	if err != nil {
		t.Fatal(err)
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
