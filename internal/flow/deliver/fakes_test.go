package deliver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/engine/shaping"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store in memory with the rules of store.Queue.
type memory struct {
	mu         sync.Mutex
	accounts   map[model.AccountID]model.Account
	messages   map[ident.ID]model.Message
	bodies     map[ident.ID][]byte
	recipients map[model.RecipientKey]*model.Recipient
	events     []model.Event
	notices    []model.Notice
	leases     map[int64]string
	dead       map[int64]bool
	next       int64
	settles    int
	claims     int
	rows       int   // outcomes settled
	fault      error // what Claim, Settle, Message and Body answer
	fetched    int   // bodies read
	listed     []model.Suppression
	unread     error // what Suppressed answers
	lookUps    int
	soft       map[string]model.SoftBounce
	paths      []model.PathState
}

func newMemory() *memory {
	m := &memory{
		accounts: map[model.AccountID]model.Account{}, messages: map[ident.ID]model.Message{}, bodies: map[ident.ID][]byte{},
		recipients: map[model.RecipientKey]*model.Recipient{}, leases: map[int64]string{}, dead: map[int64]bool{}, soft: map[string]model.SoftBounce{},
	}
	for id := range model.AccountID(4) {
		m.accounts[id+1] = model.Account{ID: id + 1, Name: fmt.Sprintf("account%d", id+1), State: model.AccountActive, Weight: 1}
	}
	return m
}

func (m *memory) locked(f func()) { m.mu.Lock(); defer m.mu.Unlock(); f() }

func compareLanes(a, b model.Lane) int {
	return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Account, b.Account))
}

func (m *memory) Lanes(_ context.Context, after model.Lane, limit int) ([]store.LaneHead, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	heads := map[model.Lane]time.Time{}
	for _, r := range m.recipients {
		if old, ok := heads[r.Lane]; r.State == model.StateWaiting && compareLanes(r.Lane, after) > 0 && (!ok || r.Due.Before(old)) {
			heads[r.Lane] = r.Due
		}
	}
	var out []store.LaneHead
	for l, d := range heads {
		out = append(out, store.LaneHead{Lane: l, Due: d})
	}
	slices.SortFunc(out, func(a, b store.LaneHead) int { return compareLanes(a.Lane, b.Lane) })
	return out[:min(limit, len(out))], m.fault
}

func (m *memory) Claim(_ context.Context, claims []store.Claim, lease int64, now, nextDue time.Time) ([]store.Claimed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claims++
	if m.fault != nil {
		return nil, m.fault
	}
	var out []store.Claimed
	for _, c := range claims {
		got := store.Claimed{Lane: c.Lane}
		var waiting []*model.Recipient
		for _, r := range m.recipients {
			if r.Lane == c.Lane && r.State == model.StateWaiting {
				waiting = append(waiting, r)
			}
		}
		slices.SortFunc(waiting, func(a, b *model.Recipient) int {
			return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Message, b.Message), cmp.Compare(a.N, b.N))
		})
		for _, r := range waiting {
			if len(got.Recipients) == c.Limit || r.Due.After(now) {
				got.Head = r.Due
				break
			}
			r.State, r.Lease, r.Due = model.StateLeased, lease, nextDue
			r.Attempts++
			got.Recipients = append(got.Recipients, *r)
		}
		out = append(out, got)
	}
	return out, nil
}

func (m *memory) Suppressed(_ context.Context, account model.AccountID, keys []string) ([]model.Suppression, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lookUps++
	var found []model.Suppression
	for _, e := range m.listed {
		if e.Account == account && slices.Contains(keys, e.Key) {
			found = append(found, e)
		}
	}
	return found, m.unread
}

func (m *memory) SoftBounce(_ context.Context, account model.AccountID, key string) (model.SoftBounce, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.soft[key]
	if !ok {
		b = model.SoftBounce{Account: account, Key: key}
	}
	return b, m.unread
}

func (m *memory) Settle(_ context.Context, outcomes []store.Outcome) (stale []model.RecipientKey, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.settles++
	if m.fault != nil {
		return nil, m.fault
	}
	for _, o := range outcomes {
		r := m.recipients[o.Key]
		if r == nil || r.State != model.StateLeased || r.Lease != o.Lease {
			stale = append(stale, o.Key)
			continue
		}
		m.rows++
		m.listed = append(m.listed, o.Suppress...)
		if o.Soft != nil {
			m.soft[o.Soft.Key] = *o.Soft
		}
		r.State, r.Due, r.Lease = o.State, o.Due, 0
		if o.Attempted || !o.Reply.At.IsZero() {
			r.Last = o.Reply
		}
		if o.Event != nil {
			m.events = append(m.events, *o.Event)
		}
		if !o.Attempted {
			r.Attempts--
		}
		if o.Notice != "" {
			m.notices = append(m.notices, model.Notice{Key: o.Key, Kind: o.Notice, At: o.At})
		}
	}
	return stale, nil
}

func (m *memory) RecoverLeases(_ context.Context, lease int64, due time.Time, limit int) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.recipients {
		if r.State == model.StateLeased && r.Lease == lease && n < limit {
			r.State, r.Lease, r.Due = model.StateWaiting, 0, due
			n++
		}
	}
	return n, nil
}

func (m *memory) Message(_ context.Context, id ident.ID) (model.Message, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	msg, ok := m.messages[id]
	if !ok && m.fault == nil {
		return msg, &store.Error{Kind: store.NotFound, Op: "read message"}
	}
	return msg, m.fault
}

func (m *memory) Body(_ context.Context, id ident.ID) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fetched++
	b, ok := m.bodies[id]
	if !ok && m.fault == nil {
		return nil, &store.Error{Kind: store.NotFound, Op: "read body"}
	}
	return b, m.fault
}

func (m *memory) AccountByID(_ context.Context, id model.AccountID) (model.Account, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.accounts[id], m.fault
}

func (m *memory) OpenLease(_ context.Context, node string, _, _ time.Time) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return 0, m.fault
	}
	m.next++
	m.leases[m.next] = node
	return m.next, nil
}

func (m *memory) RenewLease(_ context.Context, lease int64, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.leases[lease]; !ok {
		return &store.Error{Kind: store.NotFound, Op: "renew lease"}
	}
	return m.fault
}

func (m *memory) DeadLeases(_ context.Context, node string, own int64, _ time.Time) (dead []int64, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for l, n := range m.leases {
		if l != own && n == node || m.dead[l] {
			dead = append(dead, l)
		}
	}
	return dead, nil
}

func (m *memory) CloseLease(_ context.Context, lease int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.leases, lease)
	return nil
}

func (m *memory) LiveNodes(context.Context, time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	nodes := map[string]bool{}
	for lease, node := range m.leases {
		nodes[node] = !m.dead[lease]
	}
	return len(nodes), m.fault
}

func (m *memory) KeepPaths(_ context.Context, _ string, list []model.PathState) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paths = list
	return m.fault
}

func (m *memory) PathStates(context.Context, string) ([]model.PathState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.paths, m.fault
}

// told is what was told last of the paths.
func (m *memory) told() (list []model.PathState) {
	m.locked(func() { list = m.paths })
	return list
}

// count is how many recipients are in a state.
func (m *memory) count(st model.RecipientState) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.recipients {
		if r.State == st {
			n++
		}
	}
	return n
}

func (m *memory) recipient(key model.RecipientKey) model.Recipient {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.recipients[key]
}

// story is the kinds of the events of a recipient in order.
func (m *memory) story(key model.RecipientKey) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var kinds []string
	for _, e := range m.events {
		if e.Message == key.Message && e.N == key.N {
			kinds = append(kinds, string(e.Kind))
		}
	}
	return strings.Join(kinds, " ")
}

var _ submit.Queue = (*Service)(nil)

// bench is a Service among fakes.
type bench struct {
	*Service
	t       *testing.T
	store   *memory
	net     *internet
	ids     *ident.Source
	noticed int
}

func newBench(t *testing.T, change func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, store: newMemory(), net: newInternet(), ids: ident.NewSource(clock.System{}, 1)}
	c := Config{Node: "n1", Helo: "mx1.example.org", DelayNotice: 4 * time.Hour}
	if change != nil {
		change(&c)
	}
	b.Service = New(Deps{
		Store: b.store, Router: b.net, Connector: b.net, IDs: b.ids, Bounces: rules(t), Random: func() float64 { return 0.5 },
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		ReturnPath: func(k model.RecipientKey, whole bool, domain string) string {
			return fmt.Sprintf("b%d-%v@%s", k.N, whole, cmp.Or(domain, "bounce.example.org"))
		},
		Noticed: func() { b.noticed++ },
	}, c)
	return b
}

// shape has the bench go by rules of shaping before those of the program.
func (b *bench) shape(text string) {
	b.t.Helper()
	table, err := shaping.New(strings.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	b.Shaping, b.shaped = table, shaping.NewState(table)
}

// rules are those of the program.
func rules(t testing.TB) *bounce.Rules {
	t.Helper()
	r, err := bounce.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b *bench) start() {
	b.t.Helper()
	if err := b.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) stop() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := b.Stop(ctx); err != nil {
		b.t.Errorf("Stop: %v", err)
	}
}

// submit does what flow/submit does: reserve, accept, tell.
func (b *bench) submit(msg model.Message, addresses ...string) ident.ID {
	msg.ID = b.ids.Next()
	msg.AcceptedAt = time.Now()
	if msg.Account == 0 {
		msg.Account = 1
	}
	if msg.ExpiresAt.IsZero() {
		msg.ExpiresAt = msg.AcceptedAt.Add(5 * 24 * time.Hour)
	}
	if msg.Origin == "" {
		msg.Origin, msg.Sender = model.OriginSMTP, "sender@school.example"
	}
	raw := []byte("Subject: x\r\n\r\nx\r\n")
	msg.Size = int64(len(raw))
	var rs []model.Recipient
	for i, a := range addresses {
		_, domain, _ := strings.Cut(a, "@")
		r := model.Recipient{
			RecipientKey: model.RecipientKey{Message: msg.ID, N: i},
			Lane:         model.Lane{Domain: domain, Class: msg.Class, Account: msg.Account}, Address: a, Due: msg.AcceptedAt,
		}
		if lease, due, ok := b.Reserve(r.Lane); ok {
			r.State, r.Lease, r.Due, r.Attempts = model.StateLeased, lease, due, 1
		}
		rs = append(rs, r)
	}
	b.store.insert(msg, raw, rs)
	b.Accepted(&msg, raw, rs)
	return msg.ID
}

func (m *memory) insert(msg model.Message, raw []byte, rs []model.Recipient) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.messages[msg.ID], m.bodies[msg.ID] = msg, raw
	for _, r := range rs {
		m.recipients[r.RecipientKey] = &r
	}
}

// queue puts mail straight into the store, as an earlier process left it.
func (b *bench) queue(account model.AccountID, class model.Class, n int, domain string) {
	for range n {
		id := b.ids.Next()
		msg := model.Message{
			ID: id, Account: account, Class: class, Origin: model.OriginSMTP, Sender: "s@school.example", AcceptedAt: time.Now(),
			ExpiresAt: time.Now().Add(24 * time.Hour),
		}
		b.store.insert(msg, []byte("Subject: y\r\n\r\ny\r\n"), []model.Recipient{{
			RecipientKey: model.RecipientKey{Message: id}, Lane: model.Lane{Domain: domain, Class: class, Account: account},
			Address: fmt.Sprintf("a%d-%d@%s", account, id, domain), Due: time.Now(),
		}})
	}
}

// pass lets time go by and everything settle that is then due.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func key(id ident.ID, n int) model.RecipientKey { return model.RecipientKey{Message: id, N: n} }

var errStore = &store.Error{Kind: store.Unavailable, Op: "test", Err: errors.New("gone")}
