// Package sqlite keeps everything in one SQLite file: the store of a single node.
//
// The file is in WAL mode with synchronous=FULL: a commit is on disk when it returns. One connection writes; other
// processes (the command line) may write too and wait for each other up to busyTimeout. When the disk is full or
// the file read-only, changes fail with store.Full and work again by themselves afterwards. Several nodes cannot share the
// file: that is what package postgres is for.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlstore"
)

//go:embed schema/*.sql
var schema embed.FS

const (
	busyTimeout = "10000" // milliseconds
	// Readers are short; four keep both cores busy.
	readers = 4
	// The write-ahead log is copied into the file when it has this many pages: 64 MiB. A larger log means fewer
	// copies of pages that are changed again and again.
	checkpointPages = "16384"
	// Page caches in KiB: the writer's, and that of each reader, behind which stands the system's. 32 + 4 x 8 = 64 MiB.
	writerCache = "32768"
	readerCache = "8192"
)

// Open opens or creates the file at path and brings its schema forward.
func Open(ctx context.Context, path string, c clock.Clock) (*sqlstore.Store, error) {
	e := newEngine()
	err := e.open(ctx, path)
	if err == nil {
		return sqlstore.New(e, c), nil
	}
	_ = e.close() // err says more
	var se *store.Error
	if !errors.As(err, &se) {
		err = &store.Error{Kind: e.Fault(err), Op: "open store", Err: fmt.Errorf("%s: %w", path, err)}
	}
	return nil, err
}

func newEngine() *engine {
	return &engine{statements: map[string]*sql.Stmt{}, write: map[string]*sql.Stmt{}}
}

func (e *engine) open(ctx context.Context, path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err != nil {
		return &store.Error{Kind: store.Unavailable, Op: "open store", Err: err}
	}
	if e.writer, err = sql.Open("sqlite", dsn(path, false)); err != nil {
		return err
	}
	e.writer.SetMaxOpenConns(1)
	files, err := fs.Sub(schema, "schema")
	if err != nil {
		return err
	}
	if err := sqlstore.Migrate(ctx, e.writer, goose.DialectSQLite3, files); err != nil {
		return err
	}
	if e.conn, err = e.writer.Conn(ctx); err != nil {
		return err
	}
	if e.reader, err = sql.Open("sqlite", dsn(path, true)); err != nil {
		return err
	}
	e.reader.SetMaxOpenConns(readers)
	e.reader.SetMaxIdleConns(readers)
	return nil
}

func dsn(path string, readOnly bool) string {
	q := url.Values{}
	cache := writerCache
	if readOnly {
		cache = readerCache
	}
	for _, p := range []string{
		"busy_timeout(" + busyTimeout + ")", "journal_mode(WAL)", "synchronous(FULL)",
		"wal_autocheckpoint(" + checkpointPages + ")", "cache_size(-" + cache + ")", "temp_store(MEMORY)",
	} {
		q.Add("_pragma", p)
	}
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

type engine struct {
	writer *sql.DB
	conn   *sql.Conn            // the one connection that writes, used by one transaction at a time
	write  map[string]*sql.Stmt // prepared on conn; as many as there are different statements, some dozens

	reader     *sql.DB
	mu         sync.Mutex
	statements map[string]*sql.Stmt // prepared on reader; bounded by maxStatements
}

// maxStatements bounds the prepared queries: filters that may be combined give some hundreds of texts.
const maxStatements = 500

func (e *engine) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if st, ok := e.statements[query]; ok {
		return st, nil
	}
	st, err := e.reader.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(e.statements) < maxStatements {
		e.statements[query] = st
	}
	return st, nil
}

// Query implements sqlstore.Reader.
func (e *engine) Query(ctx context.Context, each func(sqlstore.Scanner) error, query string, args ...any) error {
	st, err := e.prepared(ctx, query)
	if err != nil {
		return err
	}
	return iterate(ctx, st, each, args)
}

func iterate(ctx context.Context, st *sql.Stmt, each func(sqlstore.Scanner) error, args []any) error {
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Begin implements sqlstore.Engine. IMMEDIATE takes the write lock at once, so that a transaction which has read
// cannot find itself unable to write.
func (e *engine) Begin(ctx context.Context) (sqlstore.Tx, error) {
	tx := &transaction{e}
	return tx, tx.Later(ctx, nil, `BEGIN IMMEDIATE`)
}

// Fault implements sqlstore.Engine.
func (e *engine) Fault(err error) store.Kind {
	var se *sqlite.Error
	if !errors.As(err, &se) {
		return store.Internal
	}
	switch code := se.Code(); code & 0xff { // the primary code of an extended one
	case lib.SQLITE_FULL, lib.SQLITE_READONLY:
		return store.Full
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_CANTOPEN, lib.SQLITE_IOERR, lib.SQLITE_PROTOCOL:
		return store.Unavailable
	case lib.SQLITE_CONSTRAINT:
		if code == lib.SQLITE_CONSTRAINT_UNIQUE || code == lib.SQLITE_CONSTRAINT_PRIMARYKEY || code == lib.SQLITE_CONSTRAINT_ROWID {
			return store.Exists
		}
	}
	return store.Internal
}

// Cut implements sqlstore.Engine: there is no wire to lose the answer on, and a commit that failed is undone.
func (e *engine) Cut(error) bool { return false }

// Lock implements sqlstore.Engine: the write lock covers the whole file.
func (e *engine) Lock() string { return "" }

// Wait implements sqlstore.Engine.
func (e *engine) Wait() string { return "" }

// Writers implements sqlstore.Engine.
func (e *engine) Writers() int { return 1 }

// Close implements sqlstore.Engine. Closing the last connection copies the log into the file.
func (e *engine) Close() error { return e.close() }

func (e *engine) close() error {
	var errs []error
	if e.reader != nil {
		errs = append(errs, e.reader.Close())
	}
	if e.conn != nil {
		errs = append(errs, e.conn.Close())
	}
	if e.writer != nil {
		errs = append(errs, e.writer.Close())
	}
	return errors.Join(errs...)
}

// transaction is the one that is open on the writing connection.
type transaction struct {
	e *engine
}

func (t *transaction) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := t.e.write[query]; ok {
		return st, nil
	}
	st, err := t.e.conn.PrepareContext(ctx, query)
	if err == nil {
		t.e.write[query] = st
	}
	return st, err
}

// Query implements sqlstore.Reader.
func (t *transaction) Query(ctx context.Context, each func(sqlstore.Scanner) error, query string, args ...any) error {
	st, err := t.prepared(ctx, query)
	if err != nil {
		return err
	}
	return iterate(ctx, st, each, args)
}

// Later implements sqlstore.Tx. There is no wire to save trips on, so it is now.
func (t *transaction) Later(ctx context.Context, done func(int64) error, query string, args ...any) error {
	st, err := t.prepared(ctx, query)
	if err != nil {
		return err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil || done == nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	return done(n)
}

// Flush implements sqlstore.Tx.
func (t *transaction) Flush(context.Context) error { return nil }

// Commit implements sqlstore.Tx.
func (t *transaction) Commit(ctx context.Context) error { return t.Later(ctx, nil, `COMMIT`) }

// Rollback implements sqlstore.Tx. SQLite rolls back by itself on some faults; then there is nothing left to do.
func (t *transaction) Rollback(ctx context.Context) { _ = t.Later(ctx, nil, `ROLLBACK`) }
