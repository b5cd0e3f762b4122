package dns

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	mdns "github.com/miekg/dns"
)

// tree is a world of authoritative servers on loopback, all at one port, and a resolver that knows the name servers but
// remembers an older state of everything else.
type tree struct {
	mu      sync.Mutex
	port    uint16
	servers map[string]*owner // by address
	asked   atomic.Int32
}

// owner serves zones, with delegations out of them. A sick one fails, a lame one knows nothing.
type owner struct {
	zones      map[string][]mdns.RR
	sick, lame bool
}

func newTree(t *testing.T, addrs ...string) *tree {
	t.Helper()
	w := &tree{servers: map[string]*owner{}}
	var conns []net.PacketConn
	for range 20 { // until a port is free at all addresses
		conns = nil
		port := "0"
		for _, addr := range addrs {
			pc, err := net.ListenPacket("udp", net.JoinHostPort(addr, port))
			if err != nil {
				break
			}
			conns = append(conns, pc)
			_, port, _ = net.SplitHostPort(pc.LocalAddr().String())
		}
		if len(conns) == len(addrs) {
			break
		}
		for _, pc := range conns {
			_ = pc.Close()
		}
	}
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	for i, pc := range conns {
		w.port = netip.MustParseAddrPort(pc.LocalAddr().String()).Port()
		o := &owner{zones: map[string][]mdns.RR{}}
		w.servers[addrs[i]] = o
		started := make(chan struct{})
		s := &mdns.Server{PacketConn: pc, NotifyStartedFunc: func() { close(started) }, Handler: mdns.HandlerFunc(func(rw mdns.ResponseWriter, q *mdns.Msg) {
			w.asked.Add(1)
			w.mu.Lock()
			m := o.answer(q)
			w.mu.Unlock()
			_ = rw.WriteMsg(m)
		})}
		wg.Go(func() { _ = s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return w
}

// set gives a server a zone.
func (w *tree) set(t *testing.T, addr, zone string, records ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	list := []mdns.RR{record(t, zone+". 60 IN SOA ns."+zone+". host."+zone+". 1 2 3 4 60")}
	for _, r := range records {
		list = append(list, record(t, r))
	}
	w.servers[addr].zones[zone] = list
}

func (o *owner) answer(q *mdns.Msg) *mdns.Msg {
	m := new(mdns.Msg).SetReply(q)
	name, qtype := plain(q.Question[0].Name), q.Question[0].Qtype
	zone := ""
	for z := range o.zones {
		if within(name, z) && len(z) > len(zone) {
			zone = z
		}
	}
	if o.sick || q.RecursionDesired {
		m.Rcode = mdns.RcodeServerFailure
		return m
	}
	if o.lame || zone == "" {
		m.Rcode = mdns.RcodeSuccess
		return m
	}
	exists := false
	for _, rr := range o.zones[zone] {
		owner := plain(rr.Header().Name)
		exists = exists || within(owner, name)
		if _, ns := rr.(*mdns.NS); ns && owner != zone && within(name, owner) {
			m.Ns = append(m.Ns, rr)
		} else if owner == name && (rr.Header().Rrtype == qtype || rr.Header().Rrtype == mdns.TypeCNAME) {
			m.Answer = append(m.Answer, rr)
		}
	}
	if len(m.Ns) > 0 {
		for _, rr := range o.zones[zone] {
			if rr.Header().Rrtype == mdns.TypeA {
				m.Extra = append(m.Extra, rr)
			}
		}
		return m
	}
	m.Authoritative = true
	if len(m.Answer) == 0 {
		m.Ns = append(m.Ns, o.zones[zone][0])
		if !exists {
			m.Rcode = mdns.RcodeNameError
		}
	}
	return m
}

// authority puts a resolver before the tree that answers from the zones of old alone, whatever the tree has.
func (w *tree) authority(t *testing.T, old ...string) *Authority {
	t.Helper()
	stale := &owner{zones: map[string][]mdns.RR{"example": {record(t, "example. 60 IN SOA ns.example. host.example. 1 2 3 4 60")}}}
	for _, r := range old {
		stale.zones["example"] = append(stale.zones["example"], record(t, r))
	}
	at := serve(t, func(rw mdns.ResponseWriter, q *mdns.Msg) {
		q.RecursionDesired = false
		m := stale.answer(q)
		_ = rw.WriteMsg(m)
	})
	c, err := New(Config{Servers: []string{at}})
	if err != nil {
		t.Fatal(err)
	}
	return NewAuthority(c, w.port)
}

func TestAuthorityKnowsBetterThanACache(t *testing.T) {
	w := newTree(t, "127.0.0.2")
	w.set(t, "127.0.0.2", "example", "school.example. 60 IN TXT new", "x.school.example. 60 IN CNAME y.school.example.", "y.school.example. 60 IN TXT why")
	a := w.authority(t, "school.example. 60 IN TXT old", "example. 60 IN NS ns.example.", "ns.example. 60 IN A 127.0.0.2")
	ctx := t.Context()
	if cached, _ := a.client.LookupTXT(ctx, "school.example"); cached.Records[0] != "old" {
		t.Fatalf("the resolver says %v", cached)
	}
	got, err := a.LookupTXT(ctx, "School.example.")
	if err != nil || got.Records[0] != "new" || got.Name != "school.example" || got.Authentic {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := a.LookupStrings(ctx, "school.example"); err != nil || got.Records[0][0] != "new" {
		t.Errorf("strings: %+v, %v", got, err)
	}
	if got, err := a.LookupTXT(ctx, "x.school.example"); err != nil || got.Records[0] != "why" {
		t.Errorf("alias: %+v, %v", got, err)
	}
	if got, err := a.LookupCNAME(ctx, "x.school.example"); err != nil || got.Records[0] != "y.school.example" {
		t.Errorf("CNAME: %+v, %v", got, err)
	}
	if got, err := a.LookupSOA(ctx, "example"); err != nil || got.Records[0].Server != "ns.example" {
		t.Errorf("SOA: %+v, %v", got, err)
	}
	if _, err := a.LookupMX(ctx, "school.example"); !Is(err, NoData) {
		t.Errorf("MX: %v", err)
	}
	if _, err := a.LookupTXT(ctx, "none.example"); !Is(err, NXDomain) {
		t.Errorf("no name: %v", err)
	}
	for name, want := range map[string]Kind{"": BadName, "elsewhere.test": Network} {
		if _, err := a.LookupTXT(ctx, name); !Is(err, want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
}

func TestAuthorityGoesAlongReferralsAndAliases(t *testing.T) {
	w := newTree(t, "127.0.0.2", "127.0.0.3")
	w.set(t, "127.0.0.2", "example", "school.example. 60 IN NS ns.school.example.", "ns.school.example. 60 IN A 127.0.0.3",
		"sel._domainkey.operator.example. 60 IN TXT key")
	w.set(t, "127.0.0.3", "school.example", "a.school.example. 60 IN TXT deep", "sel._domainkey.school.example. 60 IN CNAME sel._domainkey.operator.example.",
		"round.school.example. 60 IN CNAME round.example.")
	w.set(t, "127.0.0.2", "round.example", "round.example. 60 IN CNAME round.school.example.")
	a := w.authority(t, "example. 60 IN NS ns.example.", "ns.example. 60 IN A 127.0.0.2")
	ctx := t.Context()
	for name, want := range map[string]string{"a.school.example": "deep", "sel._domainkey.school.example": "key"} {
		if got, err := a.LookupTXT(ctx, name); err != nil || got.Records[0] != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if _, err := a.LookupTXT(ctx, "round.school.example"); !Is(err, Loop) {
		t.Errorf("circle: %v", err)
	}
	before := w.asked.Load()
	for i := range 100 {
		_, _ = a.LookupTXT(ctx, fmt.Sprintf("n%d.school.example", i))
	}
	if n := w.asked.Load() - before; n != 100 {
		t.Errorf("%d questions for 100 names of a zone that is known", n)
	}
}

func TestAuthorityTellsServersApart(t *testing.T) {
	w := newTree(t, "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
	for _, addr := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"} {
		w.set(t, addr, "example", "key.example. 60 IN TXT new", "same.example. 60 IN CNAME key.example.")
	}
	w.set(t, "127.0.0.3", "example", "key.example. 60 IN TXT old")
	w.mu.Lock()
	w.servers["127.0.0.4"].sick = true
	w.servers["127.0.0.5"].lame = true
	w.mu.Unlock()
	a := w.authority(t, "example. 60 IN NS n2.example.", "example. 60 IN NS n3.example.", "example. 60 IN NS n4.example.", "example. 60 IN NS n5.example.", "example. 60 IN NS n6.example.",
		"n2.example. 60 IN A 127.0.0.2", "n3.example. 60 IN A 127.0.0.3", "n4.example. 60 IN A 127.0.0.4", "n5.example. 60 IN A 127.0.0.5")
	shown, err := a.LookupTXTEverywhere(t.Context(), "key.example")
	if err != nil || len(shown) != 5 {
		t.Fatalf("got %+v, %v", shown, err)
	}
	var said []string
	for _, s := range shown {
		what := strings.Join(s.Records, ",")
		var fault *Error
		if s.Err != nil {
			fault = s.Err.(*Error)
			what = string(fault.Kind)
		}
		name, _, _ := strings.Cut(s.Server, " ")
		said = append(said, name+"="+what)
	}
	want := "n2.example=new n3.example=old n4.example=server failure n5.example=refused n6.example=network failure"
	if got := strings.Join(said, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := a.LookupTXT(t.Context(), "key.example"); err != nil || got.Records[0] != "new" {
		t.Errorf("the first that answers: %+v, %v", got, err)
	}
	if shown, err := a.LookupTXTEverywhere(t.Context(), "same.example"); err != nil || len(shown) != 5 {
		t.Errorf("alias: %+v, %v", shown, err)
	}
}

func TestAuthorityStaysOutsideAtPort53(t *testing.T) {
	w := newTree(t, "127.0.0.2")
	a := w.authority(t, "example. 60 IN NS ns.example.", "ns.example. 60 IN A 127.0.0.2", "ns.example. 60 IN A 10.0.0.1")
	a.port = 53
	_, err := a.LookupTXT(t.Context(), "school.example")
	if !Is(err, Network) || w.asked.Load() != 0 {
		t.Errorf("got %v after %d questions", err, w.asked.Load())
	}
}

func TestInside(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "10.1.2.3": true, "192.168.0.1": true, "169.254.1.1": true, "::1": true, "fe80::1": true, "fd00::1": true, "::ffff:10.0.0.1": true,
		"192.0.2.1": false, "2001:db8::1": false,
	} {
		if got := Inside(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}

func TestZonesAreBounded(t *testing.T) {
	w := newTree(t, "127.0.0.2")
	a := w.authority(t)
	for i := range maxZones + 10 {
		a.zones.put(&zone{name: fmt.Sprint(i), expires: a.zones.clock.Now().Add(maxZoneTTL)})
	}
	if n := len(a.zones.known); n != maxZones {
		t.Errorf("%d zones are known", n)
	}
}
