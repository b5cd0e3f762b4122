package mtasts_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/standard/mtasts"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is when the tests' certificates are valid.
var now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// certificate is self-signed for a host, valid until an hour after now.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// serve answers at any address that a Fetcher dials, and counts what was asked.
func serve(t *testing.T, host string, answer http.HandlerFunc) (*mtasts.Fetcher, *[]string) {
	t.Helper()
	cert, pool := certificate(t, host)
	var asked []string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host+r.URL.Path)
		answer(w, r)
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.Config.ErrorLog = nil
	s.StartTLS()
	t.Cleanup(s.Close)
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !strings.HasSuffix(addr, ":443") {
			t.Errorf("dials %s", addr)
		}
		var d net.Dialer
		return d.DialContext(ctx, network, s.Listener.Addr().String())
	}
	return &mtasts.Fetcher{Dial: dial, Roots: pool, Timeout: 10 * time.Second, Now: func() time.Time { return now }}, &asked
}

func plain(status int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

func TestFetch(t *testing.T) {
	const host = "mta-sts.example.org"
	for _, tt := range []struct {
		name, host string
		answer     http.HandlerFunc
		want       string
	}{
		{"good", host, plain(200, "text/plain", good), ""},
		{"good, with a charset", host, plain(200, "text/plain; charset=utf-8", good), ""},
		{"not there", host, plain(404, "text/plain", good), "answers with status 404"},
		{"a redirect", host, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/other", http.StatusFound) }, "answers with status 302"},
		{"a partial answer", host, plain(206, "text/plain", good), "answers with status 206"},
		{"HTML", host, plain(200, "text/html", good), `has the type "text/html"`},
		{"too long", host, plain(200, "text/plain", good+strings.Repeat("x", 1<<20)), "longer than 65536 octets"},
		{"not a policy", host, plain(200, "text/plain", "hello"), "line 1 of the policy"},
		{"another name", "www.example.org", plain(200, "text/plain", good), "the certificate is for another name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, asked := serve(t, tt.host, tt.answer)
			p, err := f.Fetch(t.Context(), "example.org")
			check(t, err, tt.want)
			if tt.want == "" && p.Mode != mtasts.Enforce {
				t.Errorf("%+v", p)
			}
			for _, a := range *asked {
				if a != host+"/.well-known/mta-sts.txt" {
					t.Errorf("asked for %s", a)
				}
			}
			if len(*asked) > 1 {
				t.Errorf("asked %d times", len(*asked))
			}
		})
	}
}

func TestFetchTrustsNobodyElse(t *testing.T) {
	f, _ := serve(t, "mta-sts.example.org", plain(200, "text/plain", good))
	f.Roots = x509.NewCertPool()
	_, err := f.Fetch(t.Context(), "example.org")
	check(t, err, "from an authority that is not known")

	f, _ = serve(t, "mta-sts.example.org", plain(200, "text/plain", good))
	f.Now = func() time.Time { return now.Add(2 * time.Hour) }
	_, err = f.Fetch(t.Context(), "example.org")
	check(t, err, "has expired")
}

func TestFetchEndsInTime(t *testing.T) {
	f, _ := serve(t, "mta-sts.example.org", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	f.Timeout = time.Millisecond
	_, err := f.Fetch(t.Context(), "example.org")
	check(t, err, "no answer came in time")
	_, err = f.Fetch(t.Context(), "exa mple")
	check(t, err, "is not a domain whose policy could be fetched")
}
