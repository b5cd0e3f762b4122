package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"github.com/budkavle/budkavle/internal/store"
)

// Migrate brings the schema forward to the newest version among files. A schema that is newer already is refused: an
// older program must not write into it.
func Migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect, files fs.FS) error {
	p, err := goose.NewProvider(dialect, db, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	known := p.ListSources()
	if newest := known[len(known)-1].Version; have > newest {
		return &store.Error{
			Kind: store.Newer, Op: "open store",
			Err: fmt.Errorf("its schema is version %d, this program knows %d; run a newer budkavle", have, newest),
		}
	}
	_, err = p.Up(ctx)
	return err
}
