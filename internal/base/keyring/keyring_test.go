package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestOpenMakesTheFileOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "secret.key")
	var wg sync.WaitGroup
	derived := make([][]byte, 8)
	for i := range derived {
		wg.Go(func() {
			r, err := Open(path, rand.Reader)
			if err != nil {
				t.Error(err)
				return
			}
			derived[i] = r.Derive("x", 16)
		})
	}
	wg.Wait()
	for _, d := range derived {
		if !bytes.Equal(d, derived[0]) {
			t.Fatal("processes that start at the same time got different keys")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, _ := filepath.Glob(path + ".*")
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOpenRefusesABadFile(t *testing.T) {
	for _, tt := range []struct {
		name string
		data int
		mode os.FileMode
		want string
	}{
		{"short", 31, 0o600, "restore it from its backup"},
		{"readable by others", 32, 0o644, "chmod 600"},
	} {
		path := filepath.Join(t.TempDir(), "secret.key")
		if err := os.WriteFile(path, make([]byte, tt.data), tt.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, rand.Reader); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestOnlyTheSameKeyAndContextUnseal(t *testing.T) {
	a, err := New(bytes.Repeat([]byte{1}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := New(bytes.Repeat([]byte{2}, keySize))
	sealed, err := a.Seal([]byte("private"), []byte("domain 1"))
	if err != nil || bytes.Contains(sealed, []byte("private")) {
		t.Fatalf("Seal: %q, %v", sealed, err)
	}
	if plain, err := a.Open(sealed, []byte("domain 1")); err != nil || string(plain) != "private" {
		t.Errorf("Open: %q, %v", plain, err)
	}
	if _, err := a.Open(sealed, []byte("domain 2")); !errors.Is(err, ErrSealed) {
		t.Errorf("other context: %v", err)
	}
	if _, err := b.Open(sealed, []byte("domain 1")); !errors.Is(err, ErrSealed) {
		t.Errorf("other key: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := a.Open(sealed, []byte("domain 1")); !errors.Is(err, ErrSealed) {
		t.Errorf("altered: %v", err)
	}
	if bytes.Equal(a.Derive("x", 32), a.Derive("y", 32)) || bytes.Equal(a.Derive("x", 32), b.Derive("x", 32)) {
		t.Error("derived keys are alike")
	}
	if _, err := New([]byte("short")); err == nil {
		t.Error("a short root key was taken")
	}
}

// TestDerivedKeysStay: return paths and links that were given out hold only as long as the same file gives the same keys.
func TestDerivedKeysStay(t *testing.T) {
	r, err := New(bytes.Repeat([]byte{1}, keySize))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(r.Derive("return path", 16)); got != "8180bff4908ec71647acada290619bb4" {
		t.Errorf("derived %s", got)
	}
	// What an earlier program sealed opens.
	sealed, err := hex.DecodeString("8a7549c4a59706f797e68a24b97ef23e8251c833c6046571ceaa1eab6b7df16b73e500")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := r.Open(sealed, []byte("domain 1")); err != nil || string(plain) != "private" {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestNoFileWithoutRandomNumbers(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "secret.key"), strings.NewReader("short")); err == nil {
		t.Error("a key of 5 octets was made")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}
