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
			return nil, wording.Errorf("store.url %s: %w", cfg.Store.URL, err)
		}
		return s, nil
	}
	s, err := postgres.Open(ctx, cfg.Store.URL, c)
	if err != nil {
		return nil, wording.Errorf("store.url: %w", err) // the URL may hold a password
	}
	return s, nil
}
