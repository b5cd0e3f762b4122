// Package keyring keeps secrets under one key file: it seals what is stored and derives the keys of MACs.
//
// The file holds 32 random octets, is made on first use and is readable by its owner only. Whoever has
// both the file and the store has everything, so they are backed up apart; whoever loses the file loses what
// was sealed, and return paths and links given out before stop being valid. A file that is too short or
// readable by others is refused, never mended. The package does not encrypt mail.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/budkavle/budkavle/internal/base/wording"
)

const (
	keySize  = 32
	fileMode = 0o600
)

// Ring seals and derives. It is safe for concurrent use.
type Ring struct {
	root []byte
	aead cipher.AEAD
}

// Open reads the key file at path, or makes it from random when it is not there.
func Open(path string, random io.Reader) (*Ring, error) {
	root, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if root, err = create(path, random); errors.Is(err, fs.ErrExist) {
			root, err = read(path) // another process was first
		}
	}
	if err != nil {
		return nil, wording.Errorf("key file: %w", err)
	}
	return New(root)
}

// New returns a ring over a root key of 32 octets that is kept elsewhere.
func New(root []byte) (*Ring, error) {
	if len(root) != keySize {
		return nil, wording.Errorf("root key has %d octets, want %d", len(root), keySize)
	}
	r := &Ring{root: append([]byte(nil), root...)}
	block, err := aes.NewCipher(r.Derive("seal", keySize))
	if err != nil {
		return nil, err
	}
	// The nonce is random and part of what Seal returns.
	r.aead, err = cipher.NewGCMWithRandomNonce(block)
	return r, err
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, wording.Errorf("%s is readable by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(data) != keySize {
		return nil, wording.Errorf("%s has %d octets, want %d; restore it from its backup", path, len(data), keySize)
	}
	return data, nil
}

// create writes the file under another name, syncs it, and links it to its own name: it is whole or absent.
func create(path string, random io.Reader) ([]byte, error) {
	root := make([]byte, keySize)
	if _, err := io.ReadFull(random, root); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if _, err = f.Write(root); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Chmod(fileMode), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(f.Name(), path); err != nil { // unlike a rename, never over a file that is there
		return nil, err
	}
	return root, syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Seal encrypts and authenticates plain; aad, which is not kept, must be given again to Open it.
func (r *Ring) Seal(plain, aad []byte) ([]byte, error) {
	return r.aead.Seal(nil, nil, plain, aad), nil
}

// ErrSealed is what Open returns for everything that was not sealed under this key file with this aad.
var ErrSealed = errors.New("cannot be unsealed: altered, or sealed under another key file")

// Open is the inverse of Seal.
func (r *Ring) Open(sealed, aad []byte) ([]byte, error) {
	plain, err := r.aead.Open(nil, nil, sealed, aad)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

// Derive returns n octets, at most 8,160, that belong to the label: HKDF-SHA-256 (RFC 5869).
func (r *Ring) Derive(label string, n int) []byte {
	key, err := hkdf.Key(sha256.New, r.root, nil, "budkavle "+label, n)
	if err != nil {
		panic(fmt.Sprintf("keyring: Derive(%q, %d): %v", label, n, err)) // n is a constant of the caller
	}
	return key
}
