package node

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// selfSignedLife is how long a certificate made here is valid. Clients that submit to a self-signed name have
// pinned it or do not check, so a short life would only break them.
const selfSignedLife = 10 * 365 * 24 * time.Hour

// serverTLS is the TLS configuration of the SMTP listeners: the operator's certificate, else one of our own that
// is made once and kept in the data folder. TLS 1.2 is the lowest (RFC 8997).
func serverTLS(cfg config.Config, random io.Reader, now time.Time, log *slog.Logger) (*tls.Config, error) {
	certFile, keyFile := cfg.Submission.TLSCert, cfg.Submission.TLSKey
	if certFile == "" {
		certFile = filepath.Join(cfg.Node.DataDir, "selfsigned.pem")
		keyFile = certFile
		if _, err := os.Stat(certFile); errors.Is(err, fs.ErrNotExist) {
			if err := writeSelfSigned(certFile, cfg.Node.Hostname, random, now); err != nil {
				return nil, wording.Errorf("self-signed certificate: %w", err)
			}
		}
		log.Warn("submission uses a self-signed certificate; set submission.tls_cert and tls_key", "file", certFile)
	}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, wording.Errorf("submission.tls_cert %s, tls_key %s: %w", certFile, keyFile, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

func writeSelfSigned(path, hostname string, random io.Reader, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return err
	}
	serial := make([]byte, 16)
	if _, err := io.ReadFull(random, serial); err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial),
		Subject:      pkix.Name{CommonName: hostname},
		DNSNames:     []string{hostname},
		NotBefore:    now.Add(-time.Hour), // clocks of clients may be slow
		NotAfter:     now.Add(selfSignedLife),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(random, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	// The folder may not be there yet: with PostgreSQL and a key file elsewhere nothing else of a node is in it.
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
