package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/telemetry"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
)

const (
	demoAccount = "granskolan"
	demoDomain  = "granskolan.example"
	demoBounces = "bounce.budkavle.example"
	demoSender  = "expedition@" + demoDomain
	demoStop    = 30 * time.Second // for the node to finish its sessions
)

// world is the demo's node and its Internet.
type world struct {
	app      *app
	lab      *lab.Lab
	cfg      config.Config
	log      *telemetry.Log
	logFile  *os.File
	node     *node.Node // nil until open
	account  model.AccountID
	username string // of the school's SMTP user
	password string
	key      string // of its API
	tls      *tls.Config
}

// demoFolder makes the folder of the node. tidy removes it if it is a temporary one.
func demoFolder(path string) (folder string, tidy func() error, err error) {
	if path == "" {
		folder, err := os.MkdirTemp("", "budkavle-demo-")
		if err != nil {
			return "", nil, wording.Errorf("temporary folder: %w", err)
		}
		return folder, func() error { return os.RemoveAll(folder) }, nil
	}
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.MkdirAll(path, 0o700)
	case err == nil && len(entries) > 0:
		return "", nil, &usageError{wording.Errorf("--data: %s is not empty; name an empty folder or one that is not there yet", path)}
	}
	if err != nil {
		return "", nil, wording.Errorf("--data: %w", err)
	}
	return path, func() error { return nil }, nil
}

// startWorld starts the lab, and makes the configuration of a node that has no other Internet.
func (a *app) startWorld(folder string, zone *lab.Zone) (*world, error) {
	zone.Providers = append(zone.Providers, lab.Provider{
		Name: demoAccount, Domains: []string{demoDomain},
		Servers: []lab.Server{{Host: "mx." + demoDomain, Addresses: []string{"127.0.1.250"}}},
	})
	l, err := lab.Start(a.ctx, lab.Config{Zone: zone})
	if err != nil {
		return nil, err
	}
	w := &world{app: a, lab: l}
	if err := w.configure(folder); err != nil {
		return nil, errors.Join(err, w.stop())
	}
	return w, nil
}

func (w *world) configure(folder string) error {
	web, err := freeAddress(w.app.ctx)
	if err != nil {
		return err
	}
	c := config.Default()
	c.Node.Hostname, c.Node.DataDir = "mx1.budkavle.example", folder
	c.Store.URL = "sqlite:" + filepath.Join(folder, "budkavle.db")
	c.Submission.Listen, c.MX.Listen = []string{"127.0.0.1:0"}, []string{"127.0.0.1:0"}
	c.HTTP.Listen, c.HTTP.BaseURL = web, "http://"+web
	c.DNS.Servers, c.DNS.AuthorityPort = []string{w.lab.DNSAddr()}, int(netip.MustParseAddrPort(w.lab.DNSAddr()).Port())
	c.Delivery.Port, c.Delivery.BounceDomain = w.lab.Port(), demoBounces
	c.Delivery.RetryFirst, c.Delivery.RetryMax = 2*time.Second, 8*time.Second // the lab's receivers are impatient too
	if err := c.Validate(); err != nil {
		return err
	}
	w.cfg = c
	if w.logFile, err = os.OpenFile(filepath.Join(folder, "budkavle.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
		return wording.Errorf("the node's log: %w", err)
	}
	w.log = telemetry.NewLog(w.logFile, c.Log.Level, c.Log.Format)
	return nil
}

// freeAddress finds a port that nobody has. The node's own address must be known before it listens.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", wording.Errorf("no port for the web: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// open gives the school what it needs to send, publishes its DNS records, and starts the node.
func (w *world) open(ctx context.Context, o *office) error {
	account, err := o.onboard.AddAccount(ctx, model.Account{Name: demoAccount, Bulk: true})
	if err != nil {
		return err
	}
	w.account = account.ID
	domain, err := o.onboard.AddDomain(ctx, demoAccount, demoDomain, "the demo's lab has its records")
	if err != nil {
		return err
	}
	records, err := o.onboard.Records(ctx, domain)
	if err != nil {
		return err
	}
	lines := []string{demoDomain + ". TXT \"v=spf1 ip4:127.0.0.1 -all\"", demoBounces + ". MX 10 " + w.cfg.Node.Hostname + ".", w.cfg.Node.Hostname + ". A 127.0.0.1"}
	for _, r := range records {
		lines = append(lines, r.Zone())
	}
	if err := w.lab.Publish(strings.Join(lines, "\n")); err != nil {
		return err
	}
	user, password, err := o.onboard.AddCredential(ctx, demoAccount, "", "")
	if err != nil {
		return err
	}
	w.username, w.password = user.Username, password
	if _, w.key, err = o.onboard.AddKey(ctx, demoAccount, "demo"); err != nil {
		return err
	}
	if w.node, err = node.Start(ctx, w.cfg, node.NewSystem(w.log.Logger)); err != nil {
		return err
	}
	if err := w.lab.ReturnTo(w.node.Addrs().MX[0]); err != nil {
		return err
	}
	return w.trust()
}

// trust makes the school's systems trust the node's self-signed certificate, and no other.
func (w *world) trust() error {
	pem, err := os.ReadFile(filepath.Join(w.cfg.Node.DataDir, "selfsigned.pem"))
	if err != nil {
		return wording.Errorf("the node's certificate: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	w.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: w.cfg.Node.Hostname, RootCAs: roots}
	return nil
}

func (w *world) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), demoStop)
	defer cancel()
	var errs []error
	if w.node != nil {
		errs = append(errs, w.node.Stop(ctx))
	}
	errs = append(errs, w.lab.Stop(ctx))
	if w.log != nil {
		w.log.Close()
	}
	if w.logFile != nil {
		errs = append(errs, w.logFile.Close())
	}
	return errors.Join(errs...)
}
