package node

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
)

// lockStore keeps a second node from the SQLite file of a running one, whose mail it would take for that of a dead
// process. The command line opens the same file without the lock: it delivers nothing. The system lets go of the lock
// when the process ends, however it ends. nil: the store is made for several nodes.
func lockStore(cfg config.Config) (io.Closer, error) {
	path, ok := strings.CutPrefix(cfg.Store.URL, "sqlite:")
	if !ok {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, wording.Errorf("%s: %w", storeName(cfg), err)
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, wording.Errorf("%s: %w", storeName(cfg), err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, wording.Errorf("%s: another node uses this file (%w); stop it first, or let several nodes share PostgreSQL", storeName(cfg), err)
	}
	return f, nil
}
