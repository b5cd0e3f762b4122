package dkim

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/ebitengine/purego"
)

// idleContexts is how many signing contexts a key keeps between signatures; more are made and freed as needed.
const idleContexts = 8

// libcrypto is OpenSSL's library, called without cgo.
type libcrypto struct {
	version string

	d2iAutoPrivateKey  func(a *uintptr, pp **byte, length int) uintptr
	pkeyFree           func(pkey uintptr)
	ctxNew             func(pkey, engine uintptr) uintptr
	ctxFree            func(ctx uintptr)
	signInit           func(ctx uintptr) int32
	ctxSetPadding      func(ctx uintptr, padding int32) int32
	ctxSetSignatureMD  func(ctx, md uintptr) int32
	sha256             func() uintptr
	sign               func(ctx uintptr, sig *byte, siglen *uint, tbs *byte, tbslen uint) int32
	openSSLVersionText func(what int32) string
}

// loadLibcrypto opens the library, finds its functions, and proves it with a key made for that.
func loadLibcrypto(library string) (Engine, error) {
	handle, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	l := &libcrypto{}
	for name, f := range map[string]any{
		"d2i_AutoPrivateKey": &l.d2iAutoPrivateKey, "EVP_PKEY_free": &l.pkeyFree, "EVP_PKEY_CTX_new": &l.ctxNew, "EVP_PKEY_CTX_free": &l.ctxFree,
		"EVP_PKEY_sign_init": &l.signInit, "EVP_PKEY_CTX_set_rsa_padding": &l.ctxSetPadding,
		"EVP_PKEY_CTX_set_signature_md": &l.ctxSetSignatureMD, "EVP_sha256": &l.sha256, "EVP_PKEY_sign": &l.sign, "OpenSSL_version": &l.openSSLVersionText,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, err
		}
		purego.RegisterFunc(f, symbol)
	}
	l.version = l.openSSLVersionText(0)
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, err
	}
	if _, err := l.RSA(key); err != nil { // RSA proves the key
		return nil, err
	}
	return l, nil
}

// Name implements Engine.
func (l *libcrypto) Name() string { return l.version }

// RSA implements Engine. The library's copy of the key is freed when the signer is collected.
func (l *libcrypto) RSA(key *rsa.PrivateKey) (crypto.Signer, error) {
	der := x509.MarshalPKCS1PrivateKey(key)
	p := &der[0]
	pkey := l.d2iAutoPrivateKey(nil, &p, len(der))
	runtime.KeepAlive(der)
	clear(der)
	if pkey == 0 {
		return nil, errors.New("libcrypto does not read the RSA key")
	}
	s := &libcryptoSigner{lib: l, pkey: pkey, public: &key.PublicKey, idle: make(chan uintptr, idleContexts)}
	runtime.SetFinalizer(s, (*libcryptoSigner).free)
	if err := prove(s, key); err != nil {
		return nil, fmt.Errorf("%s: %w", l.version, err)
	}
	return s, nil
}

type libcryptoSigner struct {
	lib    *libcrypto
	pkey   uintptr
	public *rsa.PublicKey
	idle   chan uintptr // signing contexts ready for use
}

func (s *libcryptoSigner) free() {
	for {
		select {
		case ctx := <-s.idle:
			s.lib.ctxFree(ctx)
		default:
			s.lib.pkeyFree(s.pkey)
			return
		}
	}
}

// Public implements crypto.Signer.
func (s *libcryptoSigner) Public() crypto.PublicKey { return s.public }

// Sign implements crypto.Signer for SHA-256 digests in PKCS #1 v1.5.
func (s *libcryptoSigner) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 || len(digest) != crypto.SHA256.Size() {
		return nil, errors.New("libcrypto signs SHA-256 digests only")
	}
	ctx, err := s.context()
	if err != nil {
		return nil, err
	}
	sig := make([]byte, s.public.Size())
	n := uint(len(sig))
	ok := s.lib.sign(ctx, &sig[0], &n, &digest[0], uint(len(digest)))
	runtime.KeepAlive(s)
	if ok != 1 {
		s.lib.ctxFree(ctx)
		return nil, fmt.Errorf("libcrypto: EVP_PKEY_sign returned %d", ok)
	}
	select {
	case s.idle <- ctx:
	default:
		s.lib.ctxFree(ctx)
	}
	return sig[:n], nil
}

// rsaPKCS1Padding is RSA_PKCS1_PADDING of openssl/rsa.h.
const rsaPKCS1Padding = 1

func (s *libcryptoSigner) context() (uintptr, error) {
	select {
	case ctx := <-s.idle:
		return ctx, nil
	default:
	}
	l := s.lib
	ctx := l.ctxNew(s.pkey, 0)
	if ctx == 0 {
		return 0, errors.New("libcrypto: no memory for a signing context")
	}
	if l.signInit(ctx) != 1 || l.ctxSetPadding(ctx, rsaPKCS1Padding) != 1 || l.ctxSetSignatureMD(ctx, l.sha256()) != 1 {
		l.ctxFree(ctx)
		return 0, errors.New("libcrypto: the signing context cannot be set up")
	}
	return ctx, nil
}
