package node

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/budkavle/budkavle/internal/edge/smtpd"
	"github.com/budkavle/budkavle/internal/engine/policy"
)

// listen opens every listener, submission last but one: what comes in must find the rest running.
func (n *Node) listen(ctx context.Context) error {
	tlsConfig, err := serverTLS(n.cfg, n.sys.Random, n.sys.Clock.Now(), n.sys.Log)
	if err != nil {
		return err
	}
	if err := n.listenMX(ctx, tlsConfig); err != nil {
		return err
	}
	if err := n.listenSubmission(ctx, tlsConfig); err != nil {
		return err
	}
	return n.listenHTTP(ctx)
}

func (n *Node) server(c smtpd.Config) *smtpd.Server {
	c.Hostname, c.Clock, c.Random, c.Log, c.Observe = n.cfg.Node.Hostname, n.sys.Clock, n.sys.Random, n.sys.Log, n.metrics
	c.MaxRecipients, c.DiskCheck, c.Timeouts = policy.MaxRecipients, n.disk.check, smtpd.DefaultTimeouts()
	s := smtpd.New(c)
	n.servers = append(n.servers, s)
	return s
}

func (n *Node) listenMX(ctx context.Context, t *tls.Config) error {
	c := n.cfg.MX
	s := n.server(smtpd.Config{
		Name: "mx", TLS: t, Handler: smtpd.NewMX(n.feedback), MaxSize: c.MaxSize, MaxConnections: c.MaxConnections, MaxPerAddress: c.MaxPerAddress,
	})
	var err error
	n.addrs.MX, err = listenAll(ctx, "mx.listen", c.Listen, func(l net.Listener) { s.Serve(l, false) })
	return err
}

func (n *Node) listenSubmission(ctx context.Context, t *tls.Config) error {
	c := n.cfg.Submission
	networks, err := n.networks(ctx)
	if err != nil {
		return err
	}
	s := n.server(smtpd.Config{
		Name: "submission", TLS: t, MaxSize: c.MaxSize, MaxConnections: c.MaxConnections, MaxPerAddress: c.MaxPerAddress,
		Handler: &smtpd.Submission{
			Submitter: n.submit, Directory: n.directory, RequireTLS: c.RequireTLS, Networks: networks, Secret: n.ring.Derive("decoy", 32),
		},
	})
	if n.addrs.Submission, err = listenAll(ctx, "submission.listen", c.Listen, func(l net.Listener) { s.Serve(l, false) }); err != nil {
		return err
	}
	n.addrs.SubmissionTLS, err = listenAll(ctx, "submission.listen_tls", c.ListenTLS, func(l net.Listener) { s.Serve(l, true) })
	return err
}

// Limits of the HTTP server. A request of the largest size must fit in bodyTime on a line of 1 Mbit/s.
const (
	headerTime  = 10 * time.Second
	bodyTime    = 5 * time.Minute
	idleTime    = 2 * time.Minute
	headerBytes = 64 << 10
)

func (n *Node) listenHTTP(ctx context.Context) error {
	if n.cfg.HTTP.Listen == "" {
		return nil
	}
	n.http = &http.Server{
		Handler: n.handler(), ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: bodyTime + time.Minute, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes, ErrorLog: slogErrors(n.sys.Log),
	}
	bound, err := listenAll(ctx, "http.listen", []string{n.cfg.HTTP.Listen}, func(l net.Listener) {
		n.upkeep.Go(func(context.Context) error {
			if err := n.http.Serve(l); err != http.ErrServerClosed {
				return err
			}
			return nil
		})
	})
	if err == nil {
		n.addrs.HTTP = bound[0]
	}
	return err
}
