package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// room is a Service over a store with the account school, which has the domain school.example and two credentials, and the letters
// that were written.
type room struct {
	*Service
	t       *testing.T
	school  model.Account
	domain  model.Domain
	letters []string
	fault   error // what Write answers
	log     bytes.Buffer
}

func open(t *testing.T) *room {
	t.Helper()
	st, err := sqlite.Open(context.Background(), sqlitetest.File(t), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	r := &room{t: t}
	r.Service = New(Config{
		Store: st, Clock: clock.System{}, IDs: ident.NewSource(clock.System{}, 1), Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Write: func(_ context.Context, operator model.Account, to, subject, text string) error {
			if r.fault == nil {
				r.letters = append(r.letters, fmt.Sprintf("%s to %s: %s\n%s", operator.Name, to, subject, text))
			}
			return r.fault
		},
	})
	r.school = r.account(model.Account{Name: "school", Contact: "owner@board.example"})
	r.domain, err = st.AddDomain(t.Context(), model.Domain{Name: "school.example", Account: r.school.ID, State: model.DomainLive}, nil, model.Event{ID: r.IDs.Next(), Kind: model.EventDomain})
	r.ok(err)
	return r
}

func (r *room) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) account(a model.Account) model.Account {
	r.t.Helper()
	a.State = model.AccountActive
	a, err := r.Store.AddAccount(r.t.Context(), a)
	r.ok(err)
	return a
}

// send takes a message of the account to so many, against a limit of 50 that locks.
func (r *room) send(credential, client, subject string, recipients int) error {
	r.t.Helper()
	now := time.Now()
	m := model.Message{
		ID: r.IDs.Next(), Account: r.school.ID, Domain: r.domain.ID, DomainName: "school.example", Origin: model.OriginSMTP, AcceptedAt: now,
		Meta: model.Meta{Credential: credential, Client: client, Subject: subject},
	}
	sub := store.Submission{Message: m, Raw: []byte("x"), Budget: &store.Budget{
		N: int64(recipients), Charges: []model.Charge{{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: 50}, Locks: true}},
		Lock: func(*model.Over) (string, model.Event) {
			return "more than 500", model.Event{ID: r.IDs.Next(), Kind: model.EventAccount, At: now, Account: r.school.ID}
		},
	}}
	for n := range recipients {
		sub.Recipients = append(sub.Recipients, model.Recipient{RecipientKey: model.RecipientKey{Message: m.ID, N: n}, Lane: model.Lane{Domain: "v.example", Account: r.school.ID}, Address: fmt.Sprintf("u%d@v.example", n)})
		sub.Events = append(sub.Events, model.Event{ID: r.IDs.Next(), Kind: model.EventAccepted, At: now, Account: r.school.ID, Domain: r.domain.ID, Message: m.ID, N: n})
	}
	return r.Store.Accept(r.t.Context(), []store.Submission{sub}, nil)
}

func (r *room) lock() {
	r.t.Helper()
	r.ok(r.send("school-web", "192.0.2.7", "Faktura", 30))
	r.ok(r.send("school-web", "192.0.2.7", "Faktura", 1))
	r.ok(r.send("school-old", "198.51.100.9", "You won", 19))
	if err := r.send("school-old", "198.51.100.9", "You won", 1); !store.Is(err, store.Over) {
		r.t.Fatalf("not locked: %v", err)
	}
}

// told is what was written and the last event of the account.
func (r *room) told() string {
	r.t.Helper()
	r.tellAll(r.t.Context())
	evs, err := r.Store.ListEvents(r.t.Context(), store.EventFilter{Account: r.school.ID, Kinds: []model.EventKind{model.EventAccount}, Limit: 1})
	r.ok(err)
	text := strings.Join(r.letters, "\n")
	r.letters = nil
	return text + "\n" + evs[0].Data.Reason
}

func TestOwnerAndOperatorsAreTold(t *testing.T) {
	r := open(t)
	r.account(model.Account{Name: "operator", Operator: true, Contact: "ops@operator.example"})
	r.account(model.Account{Name: "night", Operator: true, Contact: "night@operator.example"})
	if r.tellAll(t.Context()); len(r.letters) > 0 {
		t.Errorf("told of nothing: %v", r.letters)
	}
	r.lock()
	got := r.told()
	for _, want := range []string{
		"night to owner@board.example: Kontot school är låst / Account school is locked\n", "night to ops@operator.example: ", "night to night@operator.example: ",
		"  från adresserna: 192.0.2.7 (31), 198.51.100.9 (19)\n  av användarna: school-web (31), school-old (19)\n  som domänerna: school.example (50)\n",
		"  client addresses: 192.0.2.7 (31), 198.51.100.9 (19)\n", `  subjects: "You won", "Faktura"`,
		"3 meddelanden till 50 mottagare", "budkavle account unlock school", "(owner@board.example)",
		"\nsent in the half hour before: 3 messages to 50 recipients; client addresses: 192.0.2.7 (31)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in what was told:\n%s", want, got)
		}
	}
	if again := r.told(); strings.Contains(again, "owner@") {
		t.Errorf("told twice: %s", again)
	}
}

func TestTheConfiguredAddressIsTold(t *testing.T) {
	r := open(t)
	r.Tell = "abuse@operator.example"
	r.account(model.Account{Name: "operator", Operator: true, Contact: "ops@operator.example"})
	r.lock()
	if got := r.told(); strings.Contains(got, "ops@") || !strings.Contains(got, "operator to abuse@operator.example: ") {
		t.Errorf("told:\n%s", got)
	}
}

// TestFaultsAreTriedAgain has the first letter fail; and there may be nobody who can write.
func TestFaultsAreTriedAgain(t *testing.T) {
	r := open(t)
	r.account(model.Account{Name: "operator", Operator: true})
	r.lock()
	r.fault = errors.New("disk full")
	if got := r.told(); !strings.Contains(r.log.String(), "disk full") || got != "\n" {
		t.Errorf("told %q, logged %s", got, r.log.String())
	}
	r.fault = nil
	now := time.Now().Add(tryAgain + time.Second)
	if list, err := r.Store.ClaimLocks(t.Context(), now, now, 10); err != nil || len(list) != 1 {
		t.Fatalf("not tried again: %v, %v", list, err)
	}
	alone := open(t)
	alone.lock()
	if got := alone.told(); !strings.HasPrefix(got, "\nsent in the half hour before") || !strings.Contains(alone.log.String(), "no active account of an operator") {
		t.Errorf("told %q, logged %s", got, alone.log.String())
	}
}

func TestRunTellsAndEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	r := open(t)
	r.account(model.Account{Name: "operator", Operator: true})
	written := make(chan string)
	r.Write = func(_ context.Context, _ model.Account, to, _, _ string) error { written <- to; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	r.lock()
	r.Poke()
	r.Poke() // never waits
	if to := <-written; to != "owner@board.example" {
		t.Errorf("written to %s", to)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.ok(r.Store.Close())
}

func TestUnlock(t *testing.T) {
	r := open(t)
	add := func(username string, at time.Time) {
		r.ok(r.Store.AddCredential(t.Context(), model.Credential{Username: username, Account: r.school.ID, Salt: []byte{1}, StoredKey: []byte{1}, ServerKey: []byte{1}, CreatedAt: at}))
	}
	refused := func(owner bool, want string) {
		t.Helper()
		if _, err := r.Unlock(t.Context(), "school", owner); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("unlock: %v, want %q", err, want)
		}
	}
	refused(false, `account "school" is active, not locked`)
	add("school-web", time.Now().Add(-time.Hour))
	key := model.APIKey{ID: r.IDs.Next(), Account: r.school.ID, Prefix: "key-abcdef", Hash: []byte("1"), CreatedAt: time.Now().Add(-time.Hour)}
	r.ok(r.Store.AddKey(t.Context(), key))
	r.lock()
	refused(true, "SMTP user school-web is older than the lock of school; remove it (budkavle credential remove school-web)")
	r.ok(r.Store.RemoveCredential(t.Context(), "school-web"))
	refused(true, "API key key-abcdef is older than the lock of school; remove it (budkavle key remove "+key.ID.String()+")")
	r.ok(r.Store.RemoveKey(t.Context(), key.ID))
	refused(true, "account school has no SMTP user and no API key that is newer than its lock")
	add("school-web", time.Now().Add(time.Second))
	a, err := r.Unlock(t.Context(), "school", true)
	if err != nil || a.State != model.AccountActive || a.Reason != "" {
		t.Errorf("unlocked: %+v, %v", a, err)
	}
	r.ok(r.send("school-web", "192.0.2.7", "Hej", 50)) // a new half hour
	if err := r.send("school-web", "192.0.2.7", "Hej", 1); !store.Is(err, store.Over) {
		t.Errorf("not locked again: %v", err)
	}
	if a, err := r.Unlock(t.Context(), "school", false); err != nil || a.State != model.AccountActive {
		t.Errorf("by the operator: %+v, %v", a, err)
	}
	if _, err := r.Unlock(t.Context(), "nobody", false); !store.Is(err, store.NotFound) {
		t.Error(err)
	}
}

func TestSetLimit(t *testing.T) {
	r := open(t)
	for username, account := range map[string]model.AccountID{"school-web": r.school.ID, "other": r.school.ID + 1} {
		r.ok(r.Store.AddCredential(t.Context(), model.Credential{Username: username, Account: account, Salt: []byte{1}, StoredKey: []byte{1}, ServerKey: []byte{1}}))
	}
	r.ok(r.Store.AddKey(t.Context(), model.APIKey{ID: r.IDs.Next(), Account: r.school.ID, Prefix: "key-abcdef", Hash: []byte("1")}))
	before, err := r.Store.Signals(t.Context())
	r.ok(err)
	for _, tt := range []struct {
		rule model.LimitRule
		want string // empty: it is taken
	}{
		{model.LimitRule{Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: model.NoLimit, Size: 7}}, ""},
		{model.LimitRule{Scope: model.ScopeClass, Name: "bulk", Limits: model.Limits{Day: 7}}, ""},
		{model.LimitRule{Scope: model.ScopeClass, Name: model.EachName, Limits: model.Limits{Day: 7}}, ""},
		{model.LimitRule{Scope: model.ScopeClass, Name: "personal", Limits: model.Limits{Day: 7}}, "use transactional or bulk"},
		{model.LimitRule{Scope: model.ScopeDomain, Name: "x.example", Limits: model.Limits{Recipients: 7}}, "for a whole account only"},
		{model.LimitRule{Scope: model.ScopeAccount, Limits: model.Limits{Day: -2}}, "a limit of -2"},
		{model.LimitRule{Scope: "town", Name: "x", Limits: model.Limits{Day: 2}}, `scope "town"`},
		{model.LimitRule{Scope: model.ScopeDomain, Limits: model.Limits{Day: 2}}, "a name goes with the scopes"},
		{model.LimitRule{Scope: model.ScopeDomain, Name: "x.example", Limits: model.Limits{Day: 2}}, `"x.example" is no domain of the account`},
		{model.LimitRule{Scope: model.ScopeCredential, Name: "web", Limits: model.Limits{Day: 2}}, `"web" is no credential of the account`},
		{model.LimitRule{Scope: model.ScopeCredential, Name: "other", Limits: model.Limits{Day: 2}}, `"other" is no credential of the account`},
		{model.LimitRule{Scope: model.ScopeDomain, Name: "school.example", Limits: model.Limits{Day: 2}}, ""},
		{model.LimitRule{Scope: model.ScopeCredential, Name: "school-web", Limits: model.Limits{Day: 2}}, ""},
		{model.LimitRule{Scope: model.ScopeCredential, Name: "key-abcdef", Limits: model.Limits{Day: 2}}, ""},
		{model.LimitRule{Scope: model.ScopeCredential, Name: "gone"}, ""},
	} {
		tt.rule.Account = r.school.ID
		if err := r.SetLimit(t.Context(), tt.rule); (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.rule, err, tt.want)
		}
	}
	after, err := r.Store.Signals(t.Context())
	if err != nil || after[store.SignalDirectory] != before[store.SignalDirectory]+7 {
		t.Errorf("signals %v, then %v, %v", before, after, err)
	}
}
