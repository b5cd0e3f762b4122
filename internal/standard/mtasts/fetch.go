package mtasts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Fetcher fetches policies. Its zero value uses the system's roots and its ways to connect.
type Fetcher struct {
	Dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Roots   *x509.CertPool
	Timeout time.Duration    // of one whole fetch; 0: a minute (RFC 8461 3.3)
	Now     func() time.Time // for certificates; nil: the system's clock
}

// Host is the name that the certificate of a domain's policy server must have.
func Host(domain string) string { return "mta-sts." + domain }

// Fetch fetches a domain's policy (RFC 8461 3.3). Redirects are not followed, and only 200 with text/plain counts.
func (f *Fetcher) Fetch(ctx context.Context, domain string) (*Policy, error) {
	timeout := f.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	transport := &http.Transport{
		Proxy:                  nil, // a proxy would see, and could answer, what is asked
		DialContext:            f.Dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: f.Roots, Time: f.Now},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
	}
	defer transport.CloseIdleConnections() // of a handshake that came too late
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	url := "https://" + Host(domain) + "/.well-known/mta-sts.txt"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, wording.Errorf("%q is not a domain whose policy could be fetched", domain)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, wording.Errorf("%s could not be fetched: %w", url, cause(err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, wording.Errorf("%s answers with status %d; only 200 counts, and redirects are not followed", url, resp.StatusCode)
	}
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != "text/plain" {
		return nil, wording.Errorf("%s has the type %q; senders take text/plain only", url, resp.Header.Get("Content-Type"))
	}
	var text strings.Builder
	if _, err := io.Copy(&text, io.LimitReader(resp.Body, MaxPolicy+1)); err != nil {
		return nil, wording.Errorf("%s could not be fetched: %w", url, cause(err))
	}
	return ParsePolicy(text.String())
}

// cause words what people meet most.
func cause(err error) error {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &host):
		return wording.Errorf("the certificate is for another name")
	case errors.As(err, &unknown):
		return wording.Errorf("the certificate is from an authority that is not known")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return wording.Errorf("the certificate has expired or is not valid yet")
	case errors.Is(err, context.DeadlineExceeded):
		return wording.Errorf("no answer came in time")
	}
	return err
}
