package node

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/postgres"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

// OpenStore opens the store of the configuration and brings its schema forward.
func OpenStore(ctx context.Context, cfg config.Config, c clock.Clock) (store.Store, error) {
	if path, ok := strings.CutPrefix(cfg.Store.URL, "sqlite:"); ok {
		s, err := sqlite.Open(ctx, path, c)
		if err != nil {
			return nil, wording.Errorf("%s: %w", storeName(cfg), err)
		}
		return s, nil
	}
	s, err := postgres.Open(ctx, cfg.Store.URL, c)
	if err != nil {
		return nil, wording.Errorf("%s: %w", storeName(cfg), err)
	}
	return s, nil
}

// storeName says which store it is, for errors. The URL of a database may hold a password.
func storeName(cfg config.Config) string {
	if strings.HasPrefix(cfg.Store.URL, "sqlite:") {
		return "store.url " + cfg.Store.URL
	}
	return "store.url"
}
