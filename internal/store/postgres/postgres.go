// Package postgres keeps everything in PostgreSQL, so that several nodes can share one queue.
//
// Each transaction sends its statements together and waits for PostgreSQL's commit with synchronous_commit on. A
// server that is down or restarts makes changes fail with store.Unavailable; connections are made anew by
// themselves. A commit that was cut off may have happened: it is asked after for some seconds (package sqlstore). If the
// server stays away longer, the client, told 451, sends again, which may double a message but never lose one.
package postgres

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlstore"
)

//go:embed schema/*.sql
var schema embed.FS

// connections of a node: its writer and some readers.
const connections = 8

// Open connects to the database of the URL and brings its schema forward.
func Open(ctx context.Context, url string, c clock.Clock) (*sqlstore.Store, error) {
	const op = "open store"
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		// The library's error may repeat the URL and with it a password.
		return nil, &store.Error{Kind: store.Internal, Op: op, Err: errors.New("store.url is not a PostgreSQL URL")}
	}
	cfg.MaxConns = connections
	cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	cfg.ConnConfig.RuntimeParams["application_name"] = "budkavle"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, &store.Error{Kind: store.Unavailable, Op: op, Err: err}
	}
	e := &engine{pool: pool, texts: map[string]string{}}
	if err := migrate(ctx, pool); err != nil {
		pool.Close()
		var se *store.Error
		if errors.As(err, &se) {
			return nil, err
		}
		return nil, &store.Error{Kind: e.Fault(err), Op: op, Err: err}
	}
	return sqlstore.New(e, c), nil
}

// migrationLock is the advisory lock under which one node at a time changes the schema; any fixed number will do.
const migrationLock = 0x6275646b // "budk"

func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return err
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock) // the lock ends with the connection too
	}()
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	return sqlstore.Migrate(ctx, db, goose.DialectPostgres, files)
}

type engine struct {
	pool *pgxpool.Pool

	mu    sync.Mutex
	texts map[string]string // queries with ? to queries with $1; bounded by maxTexts
}

const maxTexts = 500

// rebind numbers the parameters as PostgreSQL wants them. No query of ours holds a question mark otherwise.
func (e *engine) rebind(query string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if text, ok := e.texts[query]; ok {
		return text
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(i))
		}
		b.WriteString(part)
	}
	if len(e.texts) < maxTexts {
		e.texts[query] = b.String()
	}
	return b.String()
}

// Query implements sqlstore.Reader.
func (e *engine) Query(ctx context.Context, each func(sqlstore.Scanner) error, query string, args ...any) error {
	rows, err := e.pool.Query(ctx, e.rebind(query), args...)
	if err != nil {
		return err
	}
	return iterate(rows, each)
}

func iterate(rows pgx.Rows, each func(sqlstore.Scanner) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Begin implements sqlstore.Engine.
func (e *engine) Begin(ctx context.Context) (sqlstore.Tx, error) {
	tx, err := e.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &transaction{engine: e, tx: tx}, nil
}

// Fault implements sqlstore.Engine. What the server did not say is a fault of the way to it.
func (e *engine) Fault(err error) store.Kind {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return store.Unavailable
	}
	switch {
	case pe.Code == "23505": // unique_violation
		return store.Exists
	case pe.Code == "25006", pe.Code == "53100": // read_only_sql_transaction, disk_full
		return store.Full
	case strings.HasPrefix(pe.Code, "57P"), strings.HasPrefix(pe.Code, "08"), strings.HasPrefix(pe.Code, "53"),
		pe.Code == "40001", pe.Code == "40P01", pe.Code == "55P03": // shutdown, connection, resources, serialisation, deadlock, lock
		return store.Unavailable
	}
	return store.Internal
}

// Cut implements sqlstore.Engine: what the server answered is decided, unless it said that it ends.
func (e *engine) Cut(err error) bool {
	var pe *pgconn.PgError
	return !errors.As(err, &pe) || strings.HasPrefix(pe.Code, "57P") || strings.HasPrefix(pe.Code, "08")
}

// Lock implements sqlstore.Engine.
func (e *engine) Lock() string { return ` FOR UPDATE SKIP LOCKED` }

// Wait implements sqlstore.Engine.
func (e *engine) Wait() string { return ` FOR UPDATE` }

// Writers implements sqlstore.Engine. Two, so that one prepares its changes while the other waits for the disk.
func (e *engine) Writers() int { return 2 }

// Close implements sqlstore.Engine.
func (e *engine) Close() error {
	e.pool.Close()
	return nil
}

// transaction gathers statements and sends them together.
type transaction struct {
	engine *engine
	tx     pgx.Tx
	batch  pgx.Batch
	done   []func(int64) error // one a queued statement; nil where nobody asks
}

// Later implements sqlstore.Tx.
func (t *transaction) Later(_ context.Context, done func(int64) error, query string, args ...any) error {
	t.batch.Queue(t.engine.rebind(query), args...)
	t.done = append(t.done, done)
	return nil
}

// Flush implements sqlstore.Tx.
func (t *transaction) Flush(ctx context.Context) error {
	if len(t.done) == 0 {
		return nil
	}
	results := t.tx.SendBatch(ctx, &t.batch)
	err := t.results(results)
	t.batch, t.done = pgx.Batch{}, t.done[:0]
	return errors.Join(err, results.Close())
}

func (t *transaction) results(results pgx.BatchResults) error {
	for _, done := range t.done {
		tag, err := results.Exec()
		if err != nil {
			return err
		}
		if done == nil {
			continue
		}
		if err := done(tag.RowsAffected()); err != nil {
			return err
		}
	}
	return nil
}

// Query implements sqlstore.Reader.
func (t *transaction) Query(ctx context.Context, each func(sqlstore.Scanner) error, query string, args ...any) error {
	if err := t.Flush(ctx); err != nil {
		return err
	}
	rows, err := t.tx.Query(ctx, t.engine.rebind(query), args...)
	if err != nil {
		return err
	}
	return iterate(rows, each)
}

// Commit implements sqlstore.Tx.
func (t *transaction) Commit(ctx context.Context) error {
	if err := t.Flush(ctx); err != nil {
		return err
	}
	return t.tx.Commit(ctx)
}

// Rollback implements sqlstore.Tx. A connection that is gone has rolled back by itself.
func (t *transaction) Rollback(ctx context.Context) { _ = t.tx.Rollback(ctx) }
