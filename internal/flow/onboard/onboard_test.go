package onboard

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// desk is a Service over an empty store at a fixed time.
type desk struct {
	*Service
	store store.Store
	ring  *keyring.Ring
	t     testing.TB
}

type fixed struct{ clock.System }

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func (fixed) Now() time.Time { return now }

func newDesk(t testing.TB, accounts ...string) *desk {
	t.Helper()
	st, err := sqlite.Open(context.Background(), sqlitetest.File(t), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{New(st, ring, fixed{}, rand.Reader, ident.NewSource(clock.System{}, 1)), st, ring, t}
	for _, name := range accounts {
		_, err := d.AddAccount(t.Context(), model.Account{Name: name})
		d.ok(err)
	}
	return d
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) says(what string, err error, want string) {
	d.t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		d.t.Errorf("%s: %v; want an error with %q", what, err, want)
	}
}

// signals is how often running nodes were told.
func (d *desk) signals(name string) int64 {
	d.t.Helper()
	all, err := d.store.Signals(d.t.Context())
	d.ok(err)
	return all[name]
}

func TestAccounts(t *testing.T) {
	d := newDesk(t)
	a, err := d.AddAccount(t.Context(), model.Account{Name: "school", Bulk: true, State: model.AccountLocked})
	d.ok(err)
	if a.ID == 0 || a.Weight != 1 || !a.Bulk || a.State != model.AccountActive || !a.CreatedAt.Equal(now) || d.signals(store.SignalDirectory) != 1 {
		t.Errorf("%+v", a)
	}
	_, err = d.AddAccount(t.Context(), model.Account{Name: "school"})
	if !store.Is(err, store.Exists) {
		t.Errorf("twice: %v", err)
	}
	for _, name := range []string{"", "School", "a b", "-a", "a.", "å", strings.Repeat("a", 64)} {
		_, err := d.AddAccount(t.Context(), model.Account{Name: name})
		d.says(name, err, "use 1 to 63 lower-case letters")
	}
	for _, weight := range []int{-1, 101} {
		_, err := d.AddAccount(t.Context(), model.Account{Name: "shop", Weight: weight})
		d.says("weight", err, "use 1 to 100")
	}
	a, err = d.SetAccountState(t.Context(), "school", model.AccountSuspended, "unpaid")
	d.ok(err)
	stored, err := d.store.Account(t.Context(), "school")
	if err != nil || stored.State != model.AccountSuspended || stored.Reason != "unpaid" || a.State != stored.State || d.signals(store.SignalQueue) != 1 {
		t.Errorf("%+v, %v", stored, err)
	}
	_, err = d.SetAccountState(t.Context(), "school", model.AccountActive, "", model.AccountLocked)
	d.says("unlock", err, `account "school" is suspended, not locked`)
	_, err = d.SetAccountState(t.Context(), "none", model.AccountActive, "")
	if !store.Is(err, store.NotFound) {
		t.Errorf("%v", err)
	}
	evs, err := d.store.ListEvents(t.Context(), store.EventFilter{Account: a.ID, Limit: 10})
	if err != nil || len(evs) != 1 || evs[0].Kind != model.EventAccount || evs[0].Data.Reason != "suspended: unpaid" {
		t.Errorf("events %+v, %v", evs, err)
	}
}

func TestDomains(t *testing.T) {
	d := newDesk(t, "school", "shop")
	dom, err := d.AddDomain(t.Context(), "school", "Räksmörgås.Example.", "the operator knows them")
	d.ok(err)
	if dom.Name != "xn--rksmrgs-5wao1o.example" || dom.State != model.DomainLive || dom.Waiver != "the operator knows them" || !dom.State.MaySend() {
		t.Errorf("%+v", dom)
	}
	waiting, err := d.AddDomain(t.Context(), "school", "school.example", "")
	d.ok(err)
	if waiting.State.MaySend() || waiting.Reason == "" {
		t.Errorf("without a waiver %+v", waiting)
	}
	for _, tt := range []struct{ account, name, want string }{
		{"school", "school.example", "exists"},
		{"shop", "school.example", "domain school.example belongs to another account; if it is yours, ask the operator"},
		{"shop", "SCHOOL.example", "belongs to another account"},
		{"shop", "sub.school.example", "domain sub.school.example is below school.example, which belongs to another account"},
		{"shop", "a.b.c.school.example", "is below school.example"},
		{"school", "example", `"example" is not a domain name such as school.example`},
		{"school", "", "is not a domain name"},
		{"school", "[192.0.2.1]", "is not a domain name"},
		{"school", "a b.example", "is not a domain name"},
		{"school", "info@school.example", "is not a domain name"},
		{"none", "none.example", "not found"},
	} {
		_, err := d.AddDomain(t.Context(), tt.account, tt.name, "x")
		d.says(tt.account+" "+tt.name, err, tt.want)
	}
	evs, err := d.store.ListEvents(t.Context(), store.EventFilter{Domain: dom.ID, Limit: 10})
	if err != nil || len(evs) != 1 || evs[0].Data.Reason != "added, live: the operator knows them" || evs[0].Account != dom.Account {
		t.Errorf("events %+v, %v", evs, err)
	}
	d.ok(d.RemoveDomain(t.Context(), "räksmörgås.example"))
	_, err = d.store.Domain(t.Context(), dom.Name)
	if !store.Is(err, store.NotFound) {
		t.Errorf("after its removal: %v", err)
	}
	if err := d.RemoveDomain(t.Context(), "none.example"); !store.Is(err, store.NotFound) {
		t.Errorf("%v", err)
	}
}

// TestDomainsAboveAndBelow: an account may divide its own domain, and a domain above another's is given.
func TestDomainsAboveAndBelow(t *testing.T) {
	d := newDesk(t, "school", "town")
	for _, add := range [][2]string{{"school", "skola.town.example"}, {"school", "news.skola.town.example"}, {"town", "town.example"}} {
		_, err := d.AddDomain(t.Context(), add[0], add[1], "x")
		d.ok(err)
	}
	_, err := d.AddDomain(t.Context(), "school", "other.town.example", "x")
	d.says("below what is now the town's", err, "is below town.example")
	_, err = d.AddDomain(t.Context(), "school", "more.skola.town.example", "x")
	d.says("the nearest domain above is its own, the next is not", err, "is below town.example")
}

func TestKeysSignAndAreSealed(t *testing.T) {
	d := newDesk(t, "school")
	dom, err := d.AddDomain(t.Context(), "school", "school.example", "x")
	d.ok(err)
	keys, err := d.store.SigningKeys(t.Context(), dom.ID)
	d.ok(err)
	var got []string
	for _, k := range keys {
		got = append(got, k.Selector+" "+k.Algorithm+" "+string(k.State))
		pkcs8, err := d.ring.Open(k.Sealed, dkim.SealContext(dom.Name, k.Selector))
		d.ok(err)
		loaded, err := dkim.LoadKey(dkim.GoEngine{}, dom.Name, k.Selector, k.Algorithm, pkcs8)
		if err != nil || loaded.Signer == nil {
			t.Errorf("%s: %v", k.Selector, err)
		}
		if _, err := d.ring.Open(k.Sealed, dkim.SealContext("other.example", k.Selector)); err == nil {
			t.Errorf("%s opens for another domain", k.Selector)
		}
	}
	if strings.Join(got, ", ") != "bk202611r rsa active, bk202611e ed25519 active" {
		t.Errorf("keys %v", got)
	}
}

func TestZoneGolden(t *testing.T) {
	for _, tt := range []struct {
		value, want string
	}{
		{"v=DMARC1; p=none", `x.example. IN TXT "v=DMARC1; p=none"`},
		{`a"b\c`, `x.example. IN TXT "a\"b\\c"`},
		{strings.Repeat("a", 255), `x.example. IN TXT "` + strings.Repeat("a", 255) + `"`},
		{strings.Repeat("a", 256), `x.example. IN TXT "` + strings.Repeat("a", 255) + `" "a"`},
		{strings.Repeat(`"`, 256), `x.example. IN TXT "` + strings.Repeat(`\"`, 255) + `" "\""`},
	} {
		r := Record{Record: proof.Record{Name: "x.example.", Type: "TXT", Value: tt.value}}
		if got := r.Zone(); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
		if _, err := dns.NewRR(r.Zone()); err != nil {
			t.Errorf("%s: %v", r.Zone(), err)
		}
	}
	if got := (Record{Record: proof.Record{Name: "x.example.", Type: "MX", Value: "10 mx.example."}}).Zone(); got != "x.example. IN MX 10 mx.example." {
		t.Error(got)
	}
}

func TestCredentials(t *testing.T) {
	d := newDesk(t, "school", "shop")
	dom, err := d.AddDomain(t.Context(), "school", "räksmörgås.example", "x")
	d.ok(err)
	c, password, err := d.AddCredential(t.Context(), "school", "räksmörgås.example", "")
	d.ok(err)
	stored, err := d.store.Credential(t.Context(), c.Username)
	d.ok(err)
	v := sasl.Verifier{Salt: stored.Salt, Iterations: stored.Iterations, StoredKey: stored.StoredKey, ServerKey: stored.ServerKey}
	if !regexp.MustCompile(`^school-[a-z2-7]{8}$`).MatchString(c.Username) || !regexp.MustCompile(`^[a-z2-7]{29}$`).MatchString(password) || stored.Domain != dom.ID || !v.Check(password) || v.Check(password+"x") {
		t.Errorf("user %q, password of %d characters, %+v", c.Username, len(password), stored)
	}
	named, other, err := d.AddCredential(t.Context(), "school", "", "web@school")
	if err != nil || named.Username != "web@school" || named.Domain != 0 || other == password {
		t.Errorf("%+v, %v", named, err)
	}
	for _, tt := range []struct{ account, domain, user, want string }{
		{"school", "", "web@school", "exists"},
		{"shop", "", "web@school", "exists"},
		{"shop", "räksmörgås.example", "", "is not one of account shop"},
		{"school", "none.example", "", "is not one of account school"},
		{"school", "none", "", "not a domain name"},
		{"none", "", "", "not found"},
		{"school", "", "a b", "use at most 128 characters without spaces"},
		{"school", "", "a,b", "commas"},
		{"school", "", "a=b", "equal signs"},
		{"school", "", "a\x01b", "without spaces"},
		{"school", "", "a\xff", "without spaces"},
		{"school", "", strings.Repeat("a", 129), "at most 128"},
	} {
		_, _, err := d.AddCredential(t.Context(), tt.account, tt.domain, tt.user)
		d.says(tt.user, err, tt.want)
	}
	d.ok(d.RemoveCredential(t.Context(), c.Username))
	if err := d.RemoveCredential(t.Context(), c.Username); !store.Is(err, store.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestKeys(t *testing.T) {
	d := newDesk(t, "school")
	before := d.signals(store.SignalDirectory)
	k, secret, err := d.AddKey(t.Context(), "school", "web")
	d.ok(err)
	hash := sha256.Sum256([]byte(secret))
	stored, err := d.store.KeyByHash(t.Context(), hash[:])
	d.ok(err)
	random, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(secret, "key-"))
	if err != nil || len(random) != 32 || stored.ID != k.ID || stored.Name != "web" || !strings.HasPrefix(secret, stored.Prefix) || len(stored.Prefix) != 10 {
		t.Errorf("%+v of %d octets, %v", stored, len(random), err)
	}
	_, _, err = d.AddKey(t.Context(), "none", "web")
	if !store.Is(err, store.NotFound) {
		t.Errorf("%v", err)
	}
	d.ok(d.RemoveKey(t.Context(), k.ID))
	if err := d.RemoveKey(t.Context(), k.ID); !store.Is(err, store.NotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if n := d.signals(store.SignalDirectory) - before; n != 2 {
		t.Errorf("nodes were told %d times", n)
	}
}

func TestNothingIsMadeWithoutRandomNumbers(t *testing.T) {
	d := newDesk(t, "school")
	d.random = strings.NewReader("few")
	_, _, err := d.AddCredential(t.Context(), "school", "", "u")
	d.says("credential", err, "no random numbers")
	_, _, err = d.AddKey(t.Context(), "school", "k")
	d.says("key", err, "no random numbers")
	if list, err := d.store.ListCredentials(t.Context(), 0, "", 10); err != nil || len(list) > 0 {
		t.Errorf("%v, %v", list, err)
	}
}
