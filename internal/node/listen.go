package node

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/net/netutil"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/edge/smtpd"
	"github.com/budkavle/budkavle/internal/engine/policy"
)

// doors are the sockets of a node, by what is to serve them.
type doors struct {
	mx, submission, submissionTLS, http []net.Listener
}

// bind opens every socket, before anything else: whoever starts a node twice is told so by the taken port, before the
// second has touched the first one's mail. Who connects before the node serves waits in the system's queue.
func (n *Node) bind(ctx context.Context) error {
	var web []string
	if n.cfg.HTTP.Listen != "" {
		web = []string{n.cfg.HTTP.Listen}
	}
	for _, d := range []struct {
		key   string
		addrs []string
		to    *[]net.Listener
	}{
		{"mx.listen", n.cfg.MX.Listen, &n.doors.mx},
		{"submission.listen", n.cfg.Submission.Listen, &n.doors.submission},
		{"submission.listen_tls", n.cfg.Submission.ListenTLS, &n.doors.submissionTLS},
		{"http.listen", web, &n.doors.http},
	} {
		for _, addr := range d.addrs {
			l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
			if err != nil {
				return wording.Errorf("%s %s: %w", d.key, addr, err)
			}
			*d.to = append(*d.to, l)
		}
	}
	return nil
}

// close shuts the sockets that nobody came to serve; the others are shut already.
func (d *doors) close() {
	for _, l := range slices.Concat(d.mx, d.submission, d.submissionTLS, d.http) {
		_ = l.Close()
	}
}

// boundTo is where listeners really listen, which port 0 leaves open until then.
func boundTo(ls []net.Listener) []string {
	var addrs []string
	for _, l := range ls {
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}

// serve begins to take mail, by submission last: what comes in must find the rest running.
func (n *Node) serve(ctx context.Context) error {
	tlsConfig, err := serverTLS(n.cfg, n.sys.Random, n.sys.Clock.Now(), n.sys.Log)
	if err != nil {
		return err
	}
	networks, err := n.networks(ctx)
	if err != nil {
		return err
	}
	n.serveMX(tlsConfig)
	n.serveHTTP()
	n.serveSubmission(tlsConfig, networks)
	return nil
}

func (n *Node) server(c smtpd.Config) *smtpd.Server {
	c.Hostname, c.Clock, c.Random, c.Log, c.Observe = n.cfg.Node.Hostname, n.sys.Clock, n.sys.Random, n.sys.Log, n.metrics
	c.MaxRecipients, c.DiskCheck, c.Timeouts = policy.MaxRecipients, n.disk.check, smtpd.DefaultTimeouts()
	s := smtpd.New(c)
	n.servers = append(n.servers, s)
	return s
}

func (n *Node) serveMX(t *tls.Config) {
	c := n.cfg.MX
	s := n.server(smtpd.Config{
		Name: "mx", TLS: t, Handler: smtpd.NewMX(n.feedback), MaxSize: c.MaxSize, MaxConnections: c.MaxConnections, MaxPerAddress: c.MaxPerAddress,
	})
	for _, l := range n.doors.mx {
		s.Serve(l, false)
	}
}

func (n *Node) serveSubmission(t *tls.Config, networks []smtpd.Network) {
	c := n.cfg.Submission
	s := n.server(smtpd.Config{
		Name: "submission", TLS: t, MaxSize: c.MaxSize, MaxConnections: c.MaxConnections, MaxPerAddress: c.MaxPerAddress,
		Handler: &smtpd.Submission{
			Submitter: n.submit, Directory: n.directory, RequireTLS: c.RequireTLS, Networks: networks, Secret: n.ring.Derive("decoy", 32),
		},
	})
	for _, l := range n.doors.submission {
		s.Serve(l, false)
	}
	for _, l := range n.doors.submissionTLS {
		s.Serve(l, true)
	}
}

// Limits of the HTTP server. A request of the largest size must fit in bodyTime on a line of 1 Mbit/s. Connections beyond
// maxHTTP wait in the system's queue; each costs two buffers of 4 KiB and a goroutine, 20 MiB in all.
const (
	maxHTTP     = 1000
	headerTime  = 10 * time.Second
	bodyTime    = 5 * time.Minute
	idleTime    = 2 * time.Minute
	headerBytes = 64 << 10
)

func (n *Node) serveHTTP() {
	n.http = &http.Server{
		Handler: n.handler(), ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime + time.Minute, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes, ErrorLog: slogErrors(n.sys.Log),
	}
	for _, l := range n.doors.http {
		n.upkeep.Go(func(context.Context) error {
			if err := n.http.Serve(netutil.LimitListener(l, maxHTTP)); err != http.ErrServerClosed {
				return err
			}
			return nil
		})
	}
}
