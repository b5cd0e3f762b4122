package onboard

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// fakeDNS is a checker over what a test says is published. A domain of which nothing is said has nothing.
type fakeDNS struct {
	mu     sync.Mutex
	down   bool
	zones  map[string]*zoneOf
	checks []time.Time // of all domains, the last 100,000
	now    func() time.Time
	ending chan struct{} // if set, checks wait for it
}

// zoneOf is what one domain has.
type zoneOf struct {
	ownership, spf, path, dmarc proof.State
	keys                        map[string]proof.State // by selector; "*" is every one
}

func allProved() *zoneOf {
	return &zoneOf{proof.Proved, proof.Proved, proof.Proved, proof.Proved, map[string]proof.State{"*": proof.Proved}}
}

func (f *fakeDNS) Domain(ctx context.Context, e proof.Expected) proof.Report {
	if f.ending != nil {
		select {
		case <-f.ending:
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	at := f.now()
	if f.checks = append(f.checks, at); len(f.checks) > 100_000 {
		f.checks = f.checks[1:]
	}
	r := proof.Report{Domain: e.Domain, At: at, Keys: map[string]proof.State{}}
	z := f.zones[e.Domain]
	switch {
	case f.down:
		z = &zoneOf{proof.Unclear, proof.Unclear, proof.Unclear, proof.Unclear, map[string]proof.State{"*": proof.Unclear}}
	case z == nil:
		z = &zoneOf{proof.Missing, proof.Missing, proof.Missing, proof.Missing, nil}
	}
	r.Ownership, r.SPF, r.ReturnPath, r.DMARC = z.ownership, z.spf, z.path, z.dmarc
	for _, k := range e.Keys {
		s := proof.Missing
		if all, ok := z.keys["*"]; ok {
			s = all
		}
		if own, ok := z.keys[k.Selector]; ok {
			s = own
		}
		r.Keys[k.Selector] = s
	}
	for _, w := range proof.Wanted(e, nil) {
		state := map[string]proof.State{
			proof.SubjectOwnership: z.ownership, proof.SubjectSPF: z.spf, proof.SubjectReturnPath: z.path, proof.SubjectDMARC: z.dmarc,
			proof.SubjectDKIM: r.Keys[strings.Split(w.Name, ".")[0]],
		}[w.Subject]
		r.Records = append(r.Records, proof.Answered{Record: w, State: state})
	}
	return r
}

func (f *fakeDNS) set(domain string, change func(z *zoneOf)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.zones[domain] == nil {
		f.zones[domain] = allProved()
	}
	change(f.zones[domain])
}

func (f *fakeDNS) turn(down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = down
}

// asked is how many checks there were since an instant.
func (f *fakeDNS) asked(since time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.checks) - slices.IndexFunc(append(slices.Clone(f.checks), time.Now().Add(day)), func(t time.Time) bool { return !t.Before(since) })
}

// mailbox keeps what owners are written.
type mailbox struct {
	mu      sync.Mutex
	letters []Letter
	to      []string
}

func (m *mailbox) Warn(_ context.Context, a model.Account, l Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters, m.to = append(m.letters, l), append(m.to, a.Contact)
	return nil
}

func (m *mailbox) warnings() []Warning {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Warning
	for _, l := range m.letters {
		list = append(list, l.Warning)
	}
	return list
}

// bench is a desk with DNS, in virtual time.
type bench struct {
	*desk
	dns    *fakeDNS
	mail   *mailbox
	public []byte // of the keys that record gives
}

func settings() Settings {
	return Settings{
		KeyZone: "keys.operator.example", ReturnLabel: "bounce", ReturnTarget: "bounce.operator.example", Include: "spf.operator.example",
		ReportTo: "dmarc@bounce.operator.example", Claim: 14 * day, Recheck: 6 * hour, Hold: 6 * day,
	}
}

// inTime gives the test a bench with the accounts school, which has a contact, and shop.
func inTime(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))) // identifiers begin in 2024
		b := &bench{desk: newDesk(t, "school", "shop"), dns: &fakeDNS{zones: map[string]*zoneOf{}, now: time.Now}, mail: &mailbox{}}
		b.clock, b.ids = clock.System{}, ident.NewSource(clock.System{}, 1)
		b.Settings = settings()
		b.Checker, b.Notifier = b.dns, b.mail
		_, err := b.SetContact(t.Context(), "school", "it@school.example")
		b.ok(err)
		f(t, b)
	})
}

func (b *bench) add(name string, choices ...Choice) model.Domain {
	b.t.Helper()
	d, err := b.AddDomain(b.t.Context(), "school", name, "", choices...)
	b.ok(err)
	return d
}

func (b *bench) verify(name string) Checked {
	b.t.Helper()
	c, err := b.Verify(b.t.Context(), name)
	b.ok(err)
	return c
}

func (b *bench) domain(name string) model.Domain {
	b.t.Helper()
	d, err := b.desk.store.Domain(b.t.Context(), name)
	b.ok(err)
	return d
}

// keys are the keys of a domain as "selector state".
func (b *bench) keys(name string) string {
	b.t.Helper()
	keys, err := b.desk.store.SigningKeys(b.t.Context(), b.domain(name).ID)
	b.ok(err)
	var list []string
	for _, k := range keys {
		list = append(list, k.Selector+" "+string(k.State))
	}
	return strings.Join(list, ", ")
}

// events are the reasons of a domain's events, the oldest first.
func (b *bench) events(name string) []string {
	b.t.Helper()
	evs, err := b.desk.store.ListEvents(b.t.Context(), store.EventFilter{Domain: b.domain(name).ID, Ascending: true, Limit: 1000})
	b.ok(err)
	var list []string
	for _, e := range evs {
		if e.Kind != model.EventDomain {
			continue
		}
		list = append(list, e.Data.Reason)
	}
	return list
}

func (b *bench) told(name string, want ...string) {
	b.t.Helper()
	if got := b.events(name); !slices.Equal(got, want) {
		b.t.Errorf("events of %s\n  %s\nwant\n  %s", name, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func (b *bench) state(name string, want model.DomainState, lacks ...string) {
	b.t.Helper()
	if d := b.domain(name); d.State != want || !slices.Equal(d.Lacks, lacks) {
		b.t.Errorf("%s is %s and lacks %v; want %s, %v", name, d.State, d.Lacks, want, lacks)
	}
}

// watch runs a watch while f does, and waits for its end.
func (b *bench) watch(f func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = NewWatch(b.Service, b.dns, slog.New(slog.DiscardHandler)).Run(ctx) })
	f()
	cancel()
	wg.Wait()
}

// record puts a live domain into the store without making keys, which takes its time.
func (b *bench) record(name string) {
	b.t.Helper()
	key := model.SigningKey{Selector: "r", Algorithm: model.AlgorithmRSA, State: model.KeyActive, Public: append([]byte{}, b.public...), Sealed: []byte{2}, CreatedAt: time.Now()}
	d := model.Domain{Name: name, Account: 1, State: model.DomainAdded, Setup: model.SetupTXT, Token: "t", CreatedAt: time.Now(), ChangedAt: time.Now(), NextCheck: time.Now()}
	_, err := b.desk.store.AddDomain(b.t.Context(), d, []model.SigningKey{key}, model.Event{ID: b.ids.Next(), Kind: model.EventAccount, At: time.Now()})
	b.ok(err)
}
