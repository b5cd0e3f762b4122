package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/test/rig"
)

// fault is something wrong with the DNS of a domain that is live in the store, and what must become of the domain.
type fault struct {
	name    string
	change  func(records string) string
	answer  lab.Answer // of the whole domain
	becomes model.DomainState
}

// faults are the sorts; a hundredth of the domains has each.
var faults = [...]fault{
	{"no ownership record", drop("_budkavle-challenge."), "", model.DomainDegraded},
	{"no DMARC record", drop("_dmarc."), "", model.DomainDegraded},
	{"no RSA key", drop("k=rsa"), "", model.DomainDegraded},
	{"another's RSA key", func(r string) string { return strings.ReplaceAll(r, "k=rsa; p=MIIB", "k=rsa; p=MIIC") }, "", model.DomainDegraded},
	{"no SPF record", drop("v=spf1"), "", model.DomainLive},
	{"two SPF records", twice("v=spf1"), "", model.DomainLive},
	{"no return path", drop("bounce."), "", model.DomainLive},
	{"neither SPF nor return path", func(r string) string { return drop("v=spf1")(drop("bounce.")(r)) }, "", model.DomainDegraded},
	{"the domain is gone", func(string) string { return "" }, "", model.DomainStopped},
	{"SERVFAIL", func(r string) string { return r }, lab.AnswerServFail, model.DomainLive},
}

func drop(mark string) func(string) string {
	return func(records string) string {
		var kept strings.Builder
		for line := range strings.Lines(records) {
			if !strings.Contains(line, mark) || strings.HasPrefix(mark, "bounce.") && !strings.HasPrefix(line, mark) {
				kept.WriteString(line)
			}
		}
		return kept.String()
	}
}

func twice(mark string) func(string) string {
	return func(records string) string {
		for line := range strings.Lines(records) {
			if strings.Contains(line, mark) {
				return records + strings.Replace(line, mark, mark+" mx", 1)
			}
		}
		return records
	}
}

// faultOf is what is wrong with domain i; nil: nothing. The faulty ones lie evenly among the others.
func faultOf(i int) *fault {
	if n := i % 100; n%10 == 7 {
		return &faults[n/10]
	}
	return nil
}

func domainName(i int) string { return fmt.Sprintf("d%05d.example", i) }

// operator is what the operator publishes.
const operator = `bounce.bench.example. IN MX 10 mx.bench.example.
bounce.bench.example. IN TXT "v=spf1 include:spf.bench.example -all"
spf.bench.example. IN TXT "v=spf1 ip4:127.0.0.1 -all"
mx.bench.example. IN A 127.0.0.1
*._report._dmarc.bounce.bench.example. IN TXT "v=DMARC1"
`

// customer is what one publishes whose domain is in order: what domain show prints, and where its own mail goes.
const customer = `_budkavle-challenge.%[1]s. IN TXT "budkavle-verification=%[2]s"
r._domainkey.%[1]s. IN TXT "%[3]s" "%[4]s"
e._domainkey.%[1]s. IN TXT "%[5]s"
bounce.%[1]s. IN CNAME bounce.bench.example.
%[1]s. IN TXT "v=spf1 include:spf.bench.example ~all"
_dmarc.%[1]s. IN TXT "v=DMARC1; p=none; rua=mailto:dmarc@bounce.bench.example"
%[1]s. IN MX 10 mx.bench.example.
`

const token = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// world is the lab with all zones, and a node whose store has all domains, live and due.
type world struct {
	plan
	lab    *lab.Lab
	node   *rig.Node
	config config.Config
}

func newWorld(ctx context.Context, p plan, dir string, l *lab.Lab) (*world, error) {
	w := &world{plan: p, lab: l}
	dns := l.DNSAddr()
	more := fmt.Sprintf("[dns]\nservers = [%q]\nauthority_port = %d\n[delivery]\nport = %d\nbounce_domain = \"bounce.bench.example\"\nsource_addresses = [\"127.0.0.1\"]\n[domains]\nspf_include = \"spf.bench.example\"\n",
		dns, netip.MustParseAddrPort(dns).Port(), l.Port())
	var err error
	if w.node, err = rig.NewNode(p.budkavle, dir, more); err != nil {
		return nil, err
	}
	if w.config, err = config.Load(w.node.Config, false, os.Environ()); err != nil {
		return nil, err
	}
	// One pair of keys for all: to make 10,000 RSA keys takes an hour, and who holds one is not looked at.
	keys, err := makeKeys()
	if err != nil {
		return nil, err
	}
	var zone strings.Builder
	zone.WriteString(operator)
	rsa, ed := dkim.Record(keys[0].Algorithm, keys[0].Public), dkim.Record(keys[1].Algorithm, keys[1].Public)
	for i := range p.domains {
		records := fmt.Sprintf(customer, domainName(i), token, rsa[:200], rsa[200:], ed)
		if f := faultOf(i); f != nil {
			records = f.change(records)
			if f.answer != "" {
				l.Fail(domainName(i), f.answer)
			}
		}
		zone.WriteString(records)
	}
	if err := l.Replace(zone.String()); err != nil {
		return nil, err
	}
	return w, w.fill(ctx, keys)
}

func makeKeys() ([]dkim.Generated, error) {
	rsa, err := dkim.Generate(dkim.RSA, rand.Reader)
	if err != nil {
		return nil, err
	}
	ed, err := dkim.Generate(dkim.Ed25519, rand.Reader)
	return []dkim.Generated{rsa, ed}, err
}

// fill puts the domains into the store, 50 at a time, which share commits.
func (w *world) fill(ctx context.Context, keys []dkim.Generated) (err error) {
	st, err := sqlite.Open(ctx, w.node.Store, clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		if cerr := st.Close(); err == nil {
			err = cerr
		}
	}()
	ring, err := keyring.Open(w.config.Secret(), rand.Reader)
	if err != nil {
		return err
	}
	a, err := st.Account(ctx, "bench")
	if err != nil {
		return err
	}
	f := filler{store: st, ring: ring, ids: ident.NewSource(clock.System{}, 1023), account: a.ID, keys: keys}
	const lanes = 50
	errs := make([]error, lanes)
	var adding sync.WaitGroup
	for lane := range lanes {
		adding.Go(func() {
			for i := lane; i < w.domains && errs[lane] == nil; i += lanes {
				errs[lane] = f.add(ctx, domainName(i))
			}
		})
	}
	adding.Wait()
	for _, e := range errs {
		if e != nil {
			return e
		}
	}
	return nil
}

type filler struct {
	store   store.Store
	ring    *keyring.Ring
	ids     *ident.Source
	account model.AccountID
	keys    []dkim.Generated
}

func (f *filler) add(ctx context.Context, name string) error {
	now := time.Now()
	old := now.Add(-30 * 24 * time.Hour)
	d := model.Domain{
		Name: name, Account: f.account, State: model.DomainLive, Setup: model.SetupTXT, Token: token, ReturnPath: true,
		CreatedAt: old, ChangedAt: old, OwnedAt: old, AskedAt: old, CheckedAt: now.Add(-6 * time.Hour), NextCheck: now,
	}
	var keys []model.SigningKey
	for _, k := range f.keys {
		selector := k.Algorithm[:1]
		sealed, err := f.ring.Seal(k.PKCS8, dkim.SealContext(name, selector))
		if err != nil {
			return err
		}
		keys = append(keys, model.SigningKey{
			Selector: selector, Algorithm: k.Algorithm, State: model.KeyActive, Public: k.Public, Sealed: sealed, CreatedAt: old, ChangedAt: old,
		})
	}
	_, err := f.store.AddDomain(ctx, d, keys, model.Event{ID: f.ids.Next(), Kind: model.EventAccount, At: now, Account: f.account})
	return err
}
