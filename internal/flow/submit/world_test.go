package submit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/flow/onboard"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// world is a service over a store on disk, with the account school and its domain school.example.
type world struct {
	*Service
	t     testing.TB
	file  string
	store *faultyStore
	queue *fakeQueue
	log   *bytes.Buffer
	ring  *keyring.Ring
	desk  *onboard.Service
	disk  error // what DiskCheck answers
}

const maxSize, maxMemory = 64 << 10, 128 << 10

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, file: sqlitetest.File(t), queue: &fakeQueue{}, log: &bytes.Buffer{}}
	st, err := sqlite.Open(context.Background(), w.file, clock.System{})
	w.ok(err)
	t.Cleanup(func() { st.Close() })
	w.ring, err = keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	w.store = &faultyStore{Store: st, calls: map[string]int{}}
	ids := ident.NewSource(clock.System{}, 1)
	w.desk = onboard.New(st, w.ring, clock.System{}, rand.Reader, ids)
	w.Service = New(Config{
		Store: w.store, Directory: NewDirectory(w.store, w.ring, dkim.GoEngine{}), Queue: w.queue, Clock: clock.System{}, Random: rand.Reader, IDs: ids,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), Hostname: "mx.example", MaxSize: maxSize, MaxMemory: maxMemory,
		Expire: 5 * 24 * time.Hour, ExpireBulk: 24 * time.Hour, DiskCheck: func() error { return w.disk },
	})
	w.addAccount("school")
	w.addDomain("school", "school.example", "test")
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) addAccount(name string) {
	w.t.Helper()
	_, err := w.desk.AddAccount(w.t.Context(), model.Account{Name: name})
	w.ok(err)
}

// addDomain makes its keys too, which takes a while; without a waiver it is not live.
func (w *world) addDomain(account, name, waiver string) {
	w.t.Helper()
	_, err := w.desk.AddDomain(w.t.Context(), account, name, waiver)
	w.ok(err)
}

func (w *world) account(name string) model.Account {
	w.t.Helper()
	a, err := w.store.Store.Account(w.t.Context(), name)
	w.ok(err)
	return a
}

func (w *world) domain(name string) model.Domain {
	w.t.Helper()
	d, err := w.store.Store.Domain(w.t.Context(), name)
	w.ok(err)
	return d
}

// school is the principal of the account of that name.
func (w *world) school() Principal {
	return Principal{
		Account: w.account("school"), Credential: "school-web", Client: netip.MustParseAddr("192.0.2.1"), Helo: "web1", TLS: "TLS1.3", Origin: model.OriginSMTP,
	}
}

func to(addresses ...string) Envelope {
	e := Envelope{Sender: "info@school.example"}
	for _, a := range addresses {
		e.Recipients = append(e.Recipients, Recipient{Address: a})
	}
	return e
}

const text = "From: Skolan <info@school.example>\r\nTo: anna@sink.example\r\nSubject: =?utf-8?q?N=C3=A4rvaro?=\r\n\r\nHej\r\n"

// begin starts a message and writes it.
func (w *world) begin(p Principal, e Envelope, o Options, text string) (Transaction, error) {
	tx, err := w.Begin(w.t.Context(), p, e, o)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(tx.Abort)
	_, err = tx.Write([]byte(text))
	return tx, err
}

// send takes a message through to its commit.
func (w *world) send(p Principal, e Envelope, o Options, text string) (Receipt, error) {
	tx, err := w.begin(p, e, o, text)
	if err != nil {
		return Receipt{}, err
	}
	defer tx.Abort()
	return tx.Commit(w.t.Context())
}

// stored reads back what a receipt names.
func (w *world) stored(r Receipt) (model.Message, []model.Recipient, string) {
	w.t.Helper()
	m, err := w.store.Store.Message(w.t.Context(), r.ID)
	w.ok(err)
	rs, err := w.store.Recipients(w.t.Context(), r.ID, 0, 10_000)
	w.ok(err)
	raw, err := w.store.Body(w.t.Context(), r.ID)
	w.ok(err)
	return m, rs, string(raw)
}

// nothing checks that no message and no event of one is stored, no place is kept and no memory is held.
func (w *world) nothing(name string) {
	w.t.Helper()
	evs, err := w.store.ListEvents(w.t.Context(), store.EventFilter{Kinds: []model.EventKind{model.EventAccepted}, Limit: 10})
	w.ok(err)
	if len(evs) > 0 || len(w.queue.accepted) > 0 {
		w.t.Errorf("%s: stored: %v, told: %v", name, evs, w.queue.accepted)
	}
	w.released(name)
}

// released checks that no place is reserved that nobody takes, and that the whole memory budget is free.
func (w *world) released(name string) {
	w.t.Helper()
	if len(w.queue.places) > 0 {
		w.t.Errorf("%s: places are still reserved: %v", name, w.queue.places)
	}
	release, err := w.Hold(maxMemory)
	if err != nil {
		w.t.Errorf("%s: memory is still held", name)
		return
	}
	release()
}

func refused(t testing.TB, name string, err error, code int, enhanced, text string) {
	t.Helper()
	var e *smtp.Error
	if !errors.As(err, &e) || e.Code != code || e.Enhanced != enhanced || !strings.Contains(e.Text, text) {
		t.Errorf("%s: %v; want %d %s with %q", name, err, code, enhanced, text)
	}
}

// fakeQueue gives places while free is more than none.
type fakeQueue struct {
	mu       sync.Mutex
	free     int
	places   []model.Lane // reserved, neither taken nor given back
	accepted []model.Recipient
}

const lease = 42

func (q *fakeQueue) Reserve(lane model.Lane) (int64, time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free == 0 {
		return 0, time.Time{}, false
	}
	q.free--
	q.places = append(q.places, lane)
	return lease, time.Now().Add(time.Hour), true
}

func (q *fakeQueue) Accepted(_ *model.Message, _ []byte, recipients []model.Recipient) {
	q.mu.Lock()
	q.accepted = append(q.accepted, recipients...)
	q.mu.Unlock()
	q.Forget(recipients)
}

func (q *fakeQueue) Forget(recipients []model.Recipient) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range recipients {
		if i := slices.Index(q.places, r.Lane); r.State == model.StateLeased && i >= 0 {
			q.places = slices.Delete(q.places, i, i+1)
		}
	}
}

// faultyStore counts look-ups and fails when told to.
type faultyStore struct {
	store.Store
	mu     sync.Mutex
	calls  map[string]int
	accept error // what Accept answers
	read   error // what look-ups answer
	lists  error // what Suppressed answers
	during func()
}

func (s *faultyStore) look(what string) error {
	s.mu.Lock()
	s.calls[what]++
	during, err := s.during, s.read
	s.during = nil
	s.mu.Unlock()
	if during != nil {
		during()
	}
	return err
}

func (s *faultyStore) Accept(ctx context.Context, subs []store.Submission, idem *store.Idempotency) error {
	if s.accept != nil {
		return s.accept
	}
	return s.Store.Accept(ctx, subs, idem)
}

func (s *faultyStore) AccountByID(ctx context.Context, id model.AccountID) (model.Account, error) {
	if err := s.look("account"); err != nil {
		return model.Account{}, err
	}
	return s.Store.AccountByID(ctx, id)
}

func (s *faultyStore) Domain(ctx context.Context, name string) (model.Domain, error) {
	if err := s.look("domain"); err != nil {
		return model.Domain{}, err
	}
	return s.Store.Domain(ctx, name)
}

func (s *faultyStore) Credential(ctx context.Context, name string) (model.Credential, error) {
	if err := s.look("credential"); err != nil {
		return model.Credential{}, err
	}
	return s.Store.Credential(ctx, name)
}

func (s *faultyStore) KeyByHash(ctx context.Context, hash []byte) (model.APIKey, error) {
	if err := s.look("key"); err != nil {
		return model.APIKey{}, err
	}
	return s.Store.KeyByHash(ctx, hash)
}

func (s *faultyStore) SigningKeys(ctx context.Context, id model.DomainID) ([]model.SigningKey, error) {
	if err := s.look("signing keys"); err != nil {
		return nil, err
	}
	return s.Store.SigningKeys(ctx, id)
}

func (s *faultyStore) Suppressed(ctx context.Context, account model.AccountID, keys []string) ([]model.Suppression, error) {
	if s.lists != nil {
		return nil, s.lists
	}
	return s.Store.Suppressed(ctx, account, keys)
}
