package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const relayUser, relayPassword = "relay", "s3cret-of-the-relay"

// TestRelay sends by the customer's own SMTP server: a fixed route with TLS and AUTH.
func TestRelay(t *testing.T) {
	for _, tt := range []struct {
		name, mode, password string
		untrusted            bool
		refused              string // what the queue says; empty: delivered
	}{
		{name: "STARTTLS", mode: "required", password: relayPassword},
		{name: "implicit TLS", mode: "implicit", password: relayPassword},
		{name: "wrong password", mode: "required", password: "not-the-right-one", refused: "535"},
		{name: "certificate of strangers", mode: "required", password: relayPassword, untrusted: true, refused: "certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cert, authority := certificate(t)
			r := receive(t, func(r *receiver) {
				r.user, r.password, r.implicit = relayUser, relayPassword, tt.mode == "implicit"
				r.server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
			})
			host, port, _ := net.SplitHostPort(r.addr)
			env := []string{"SSL_CERT_FILE=" + authority}
			if tt.untrusted {
				env = nil
			}
			n := install(t, "", fmt.Sprintf("[[delivery.route]]\nmatch = \"*\"\nhost = %q\nport = %s\ntls = %q\nusername = %q\npassword = %q\n",
				host, port, tt.mode, relayUser, tt.password), env...)
			n.start()
			if err := connect(t, n.smtp).send("hello@school.example", "a@rcpt.example"); err != nil {
				t.Fatal(err)
			}
			if tt.refused == "" {
				r.await(t, 1)
				if m := r.latest(); !m.tls || m.user != relayUser {
					t.Errorf("came by TLS: %v, as %q", m.tls, m.user)
				}
			} else {
				n.await("the queue to say why", func() bool { return strings.Contains(n.run("queue", "list", "--json"), tt.refused) })
				if n := r.total(); n > 0 {
					t.Errorf("%d delivered", n)
				}
			}
			n.stop()
			if strings.Contains(n.log.String(), tt.password) {
				t.Error("the log holds the password")
			}
		})
	}
}

// TestRouteOfOneAccount: a route may be one account's only, and the first that matches wins.
func TestRouteOfOneAccount(t *testing.T) {
	towns, special, rest := receive(t, nil), receive(t, nil), receive(t, nil)
	n := install(t, "", fixedRoute(towns.addr, `account = "town"`)+
		strings.Replace(fixedRoute(special.addr), `"*"`, `"*.special.example"`, 1)+fixedRoute(rest.addr),
		"BUDKAVLE_SUBMISSION_TRUSTED_NETWORKS=127.0.0.1/32=school,127.0.0.2/32=town")
	n.run("account", "add", "town")
	n.run("domain", "add", "town.example", "--account", "town", "--waive", "test on loopback")
	n.start()
	school, town := connect(t, n.smtp), connectFrom(t, n.smtp, "127.0.0.2", "info@town.example")
	for _, err := range []error{
		school.send("one@school.example", "a@mx.special.example"), school.send("two@school.example", "a@rcpt.example"),
		town.send("three@town.example", "a@mx.special.example"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for r, id := range map[*receiver]string{special: "one@school.example", rest: "two@school.example", towns: "three@town.example"} {
		r.await(t, 1)
		if got := r.latest().id; got != id {
			t.Errorf("%s came where %s belongs", got, id)
		}
	}
	n.stop()
}

// certificate makes one for 127.0.0.1, and the file of the authority that vouches for it: itself.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}
