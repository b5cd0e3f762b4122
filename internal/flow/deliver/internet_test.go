package deliver

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// internet is the receivers: it routes each domain to a host of its own and answers as told.
type internet struct {
	mu      sync.Mutex
	plan    func(domain string) (*route.Plan, error)                 // nil: one host, mx.<domain>
	connect func(t outbound.Target) *outbound.Error                  // nil: welcome
	reply   func(host string, r outbound.Recipient) *smtp.Error      // nil: 250
	results func(host string, m *outbound.Mail, r *outbound.Results) // nil: as they are
	takes   time.Duration                                            // a transaction
	dials   int
	lookups int
	open    map[string]int
	most    map[string]int // sessions open at the same time, by host
	mails   []outbound.Mail
	from    []netip.Addr   // of each of the mails
	got     map[string]int // times that an address received something
	order   []string
	dsn     bool
}

func newInternet() *internet {
	return &internet{open: map[string]int{}, most: map[string]int{}, got: map[string]int{}, takes: 50 * time.Millisecond}
}

func (n *internet) locked(f func()) { n.mu.Lock(); defer n.mu.Unlock(); f() }

func (n *internet) Route(_ context.Context, _ model.AccountID, domain string) (*route.Plan, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lookups++
	if n.plan != nil {
		return n.plan(domain)
	}
	return n.site(domain, "mx."+domain), nil
}

func (n *internet) site(domain string, hosts ...string) *route.Plan {
	p := &route.Plan{Domain: domain, Site: strings.Join(hosts, "|"), Port: 25, TLS: smtp.TLSOpportunistic, Expires: time.Now().Add(time.Hour)}
	for i, h := range hosts {
		p.Hosts = append(p.Hosts, route.Host{Name: h, Preference: uint16(i), Addrs: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)})}})
	}
	return p
}

func (n *internet) Connect(ctx context.Context, t outbound.Target) (Session, error) {
	n.mu.Lock()
	n.dials++
	answer := n.connect
	n.mu.Unlock()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return nil, &outbound.Error{Stage: outbound.StageConnect, Lost: true, Err: smtp.AsError(ctx.Err())}
	}
	if answer != nil {
		if err := answer(t); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[t.Host]++
	n.most[t.Host] = max(n.most[t.Host], n.open[t.Host])
	return &session{net: n, target: t}, nil
}

func (n *internet) received(address string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.got[address]
}

// dialled is how many connections were begun.
func (n *internet) dialled() (dials int) {
	n.locked(func() { dials = n.dials })
	return dials
}

// sent is how many transactions there were.
func (n *internet) sent() (transactions int) {
	n.locked(func() { transactions = len(n.mails) })
	return transactions
}

func (n *internet) total() (all, doubled int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, times := range n.got {
		all++
		if times > 1 {
			doubled++
		}
	}
	return all, doubled
}

type session struct {
	net    *internet
	target outbound.Target
	ended  bool
	closed bool
}

func (s *session) Usable() bool            { return !s.ended }
func (s *session) Target() outbound.Target { return s.target }
func (s *session) Source() netip.Addr      { return netip.MustParseAddr("127.0.0.1") }
func (s *session) TLS() string             { return "TLS 1.3" }
func (s *session) Transcript() string      { return "C: MAIL" }
func (s *session) Quit(context.Context)    { s.Close() }

func (s *session) Close() {
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	if !s.closed {
		s.net.open[s.target.Host]--
	}
	s.closed, s.ended = true, true
}

func (s *session) Send(ctx context.Context, m *outbound.Mail) outbound.Results {
	r := outbound.Results{Recipients: make([]outbound.Result, len(m.Recipients)), DSN: s.net.dsn}
	var takes time.Duration
	s.net.locked(func() { takes = s.net.takes })
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		s.ended = true
		for i := range r.Recipients {
			r.Recipients[i].Err = &outbound.Error{Stage: outbound.StageBody, Lost: true, Err: smtp.Errorf(451, "4.4.2", "cut")}
		}
		return r
	}
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	s.net.mails = append(s.net.mails, *m)
	s.net.from = append(s.net.from, s.target.Source)
	for i, to := range m.Recipients {
		var fault *smtp.Error
		if s.net.reply != nil {
			fault = s.net.reply(s.target.Host, to)
		}
		if fault != nil {
			reply := outbound.Reply{Code: fault.Code, Enhanced: fault.Enhanced, Text: fault.Text}
			r.Recipients[i] = outbound.Result{Err: &outbound.Error{Stage: outbound.StageRcpt, Err: fault, Reply: reply}, Reply: reply}
			continue
		}
		r.Recipients[i].Reply = outbound.Reply{Code: 250, Enhanced: "2.0.0", Text: "queued"}
	}
	if s.net.results != nil {
		s.net.results(s.target.Host, m, &r)
	}
	for i, to := range m.Recipients {
		if e := r.Recipients[i].Err; e != nil && (e.Lost || e.Closing) {
			s.ended = true
		} else if e == nil && !r.Recipients[i].Again {
			s.net.got[to.Address]++
			s.net.order = append(s.net.order, to.Address)
		}
	}
	return r
}
