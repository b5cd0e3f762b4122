package addresses

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/reputation"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	hour = time.Hour
	day  = 24 * hour
)

var one, two = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")

// lockedDNS is DNS that a test may change while it is asked.
type lockedDNS struct {
	dns.Resolver // nil: what is not asked
	mu           sync.Mutex
	fake         *dnstest.Fake
}

func (l *lockedDNS) set(change func(f *dnstest.Fake)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(l.fake)
}

func (l *lockedDNS) LookupPTR(ctx context.Context, a netip.Addr) (dns.Answer[string], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fake.LookupPTR(ctx, a)
}

func (l *lockedDNS) LookupA(ctx context.Context, name string) (dns.Answer[netip.Addr], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fake.LookupA(ctx, name)
}

func (l *lockedDNS) LookupTXT(ctx context.Context, name string) (dns.Answer[string], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fake.LookupTXT(ctx, name)
}

// outside is what stands around a service: subscribers that answer as told, and the operator's mailbox.
type outside struct {
	mu sync.Mutex
	told
	answer func(ctx context.Context, host string) int // nil: 200 at once
	fault  error                                      // of letters
	log    bytes.Buffer
}

// told is what came out.
type told struct {
	letters []letter
	to      []string
	calls   []call
	at      []time.Time
	hosts   []string
}

// seen is what came out so far.
func (o *outside) seen() told {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.told
}

func (o *outside) becomes(answer func(ctx context.Context, host string) int, fault error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer, o.fault = answer, fault
}

func (o *outside) logged() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.String()
}

// logger takes the log.
type logger struct{ *outside }

func (l logger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(p)
}

func (o *outside) write(_ context.Context, to, subject, text string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fault != nil {
		return o.fault
	}
	o.letters, o.to = append(o.letters, letter{subject, text}), append(o.to, to)
	return nil
}

func (o *outside) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	var c call
	if err = errors.Join(err, json.Unmarshal(body, &c)); err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.calls, o.at, o.hosts = append(o.calls, c), append(o.at, time.Now()), append(o.hosts, r.URL.Host)
	answer := o.answer
	o.mu.Unlock()
	status := http.StatusOK
	if answer != nil {
		status = answer(r.Context(), r.URL.Host)
	}
	if status == 0 {
		return nil, context.Cause(r.Context())
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("thanks"))}, nil
}

// world is a store with services over it, in virtual time.
type world struct {
	*Service // the first
	t        *testing.T
	store    store.Store
	config   Config
	dns      *lockedDNS
	out      *outside
	end      context.CancelFunc
	running  sync.WaitGroup
}

// inTime runs a test in virtual time with a service that does not run yet.
func inTime(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
		if err != nil {
			t.Fatal(err)
		}
		list, err := reputation.Known().List("zen.spamhaus.org", "", reputation.Addresses)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, store: st, out: &outside{}, dns: &lockedDNS{fake: &dnstest.Fake{
			PTR: map[netip.Addr][]string{one: {"mx1.example"}, two: {"mx2.example"}}, Faults: map[string]dns.Kind{},
			A: map[string][]netip.Addr{"mx1.example": {one}, "mx2.example": {two}, "2.0.0.127.zen.spamhaus.org": {netip.MustParseAddr("127.0.0.2")}},
		}}}
		w.config = Config{
			Store: st, Ring: ring, Clock: clock.System{}, Random: rand.Reader, IDs: ident.NewSource(clock.System{}, 1), Log: slog.New(slog.NewTextHandler(logger{w.out}, nil)),
			Hostname: "mx1.example", Notice: day, Resolver: w.dns, Lists: []reputation.List{list}, HTTP: w.out,
			Page: Page{URL: "https://mail.example/senders", Contact: "mail@example.org", BounceDomain: "bounce.example", Signs: "example.org", ReturnLabel: "bounce"},
		}
		w.config.Write, w.config.Alert = w.out.write, func(ctx context.Context, subject, text string) error { return w.out.write(ctx, "", subject, text) }
		w.Service = New(w.config)
		test(t, w)
		w.stop()
	})
}

// run starts a service; stop ends all that run.
func (w *world) run(s *Service) {
	ctx, cancel := context.WithCancel(w.t.Context())
	before := w.end
	w.end = func() {
		cancel()
		if before != nil {
			before()
		}
	}
	w.running.Go(func() { _ = s.Run(ctx) })
}

func (w *world) stop() {
	if w.end != nil {
		w.end()
		w.end = nil
	}
	w.running.Wait()
}

// pass lets time go by until nothing moves.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) add(a netip.Addr, s model.AddressState) model.SourceAddress {
	w.t.Helper()
	added, err := w.Add(w.t.Context(), model.SourceAddress{Address: a, State: s})
	w.ok(err)
	return added
}

func (w *world) stored(a netip.Addr) model.SourceAddress {
	w.t.Helper()
	got, err := w.store.Address(w.t.Context(), a)
	w.ok(err)
	return got
}

func (w *world) events() []string {
	w.t.Helper()
	evs, err := w.store.ListEvents(w.t.Context(), store.EventFilter{Ascending: true, Limit: 1000})
	w.ok(err)
	var list []string
	for _, ev := range evs {
		list = append(list, ev.Data.Reason)
	}
	return list
}

func (w *world) wantEvents(want ...string) {
	w.t.Helper()
	got := w.events()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		w.t.Errorf("events\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func texts(list []model.SourceAddress) string {
	var all []string
	for _, a := range list {
		all = append(all, a.Address.String())
	}
	return strings.Join(all, " ")
}
