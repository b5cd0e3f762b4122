package submit

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
)

// Bounds of what is remembered. An entry has about 500 octets, a signer 14 KiB (most of it in libcrypto): 20 MiB and
// 56 MiB at most. A map that is full is emptied: with more domains in use than fit, that costs a burst of look-ups.
const (
	maxEntries = 10_000
	maxSigners = 4_000
)

// Directory answers who is who from memory, and from the store when it has not been asked before. It is emptied
// when the store's directory signal moves, so what it says is at most a second old. Absence is remembered too: a
// password guesser costs no look-ups in the store.
type Directory struct {
	store  store.Store
	ring   *keyring.Ring
	engine dkim.Engine

	mu          sync.Mutex
	generation  int // counts Flush, so that an answer fetched before a Flush is not kept after it
	accounts    cache[model.AccountID, model.Account]
	domains     cache[string, model.Domain]
	credentials cache[string, model.Credential]
	keys        cache[[32]byte, model.APIKey]
	signers     cache[model.DomainID, *dkim.Signer]
	limits      cache[model.AccountID, []model.LimitRule]
	full        map[model.AccountID]*model.Over
	routes      cache[model.AccountID, model.Route]
}

type cache[K comparable, V any] map[K]found[V]

type found[V any] struct {
	value V
	err   error // a NotFound that is remembered
}

// NewDirectory returns an empty directory over the store; private keys are unsealed with ring and used by engine.
func NewDirectory(st store.Store, ring *keyring.Ring, engine dkim.Engine) *Directory {
	return &Directory{
		store: st, ring: ring, engine: engine, accounts: cache[model.AccountID, model.Account]{}, domains: cache[string, model.Domain]{},
		credentials: cache[string, model.Credential]{}, keys: cache[[32]byte, model.APIKey]{}, signers: cache[model.DomainID, *dkim.Signer]{},
		limits: cache[model.AccountID, []model.LimitRule]{}, full: map[model.AccountID]*model.Over{}, routes: cache[model.AccountID, model.Route]{},
	}
}

// Flush forgets everything.
func (d *Directory) Flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.generation++
	clear(d.accounts)
	clear(d.domains)
	clear(d.credentials)
	clear(d.keys)
	clear(d.signers)
	clear(d.limits)
	clear(d.full)
	clear(d.routes)
}

// lookUp is one question, answered from c or by fetch.
func lookUp[K comparable, V any](d *Directory, c cache[K, V], most int, key K, fetch func() (V, error)) (V, error) {
	d.mu.Lock()
	f, ok := c[key]
	generation := d.generation
	d.mu.Unlock()
	if ok {
		return f.value, f.err
	}
	v, err := fetch()
	if err != nil && !store.Is(err, store.NotFound) {
		return v, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.generation == generation {
		if len(c) >= most {
			clear(c)
		}
		c[key] = found[V]{v, err}
	}
	return v, err
}

// Account finds an account by number.
func (d *Directory) Account(ctx context.Context, id model.AccountID) (model.Account, error) {
	return lookUp(d, d.accounts, maxEntries, id, func() (model.Account, error) {
		return d.store.AccountByID(ctx, id)
	})
}

// maxRuled bounds the accounts whose rules are remembered: most have none, and the most is 1,000 x 100 rules, 10 MiB.
const maxRuled = 1_000

// Limits returns the rules that limit an account.
func (d *Directory) Limits(ctx context.Context, id model.AccountID) ([]model.LimitRule, error) {
	return lookUp(d, d.limits, maxRuled, id, func() ([]model.LimitRule, error) { return d.store.ListLimits(ctx, id) })
}

// OwnServer reports whether the account's mail goes out by a server of its own that was tested.
func (d *Directory) OwnServer(ctx context.Context, id model.AccountID) (bool, error) {
	r, err := lookUp(d, d.routes, maxEntries, id, func() (model.Route, error) { return d.store.RouteOf(ctx, id) })
	if store.Is(err, store.NotFound) {
		return false, nil
	}
	return err == nil && r.State == model.RouteTested, err
}

// setFull remembers that a limit of the whole account has no room for even one message.
func (d *Directory) setFull(id model.AccountID, o *model.Over) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.full) >= maxRuled {
		clear(d.full) // costs a signature for each that tries
	}
	d.full[id] = o
}

// fullAt is what setFull was told, while it lasts; nil: there may be room.
func (d *Directory) fullAt(id model.AccountID, now time.Time) *model.Over {
	d.mu.Lock()
	defer d.mu.Unlock()
	if o := d.full[id]; o != nil && now.Before(o.Until) {
		return o
	}
	return nil
}

// AccountByName finds an account by name. It asks the store: only configuration names accounts.
func (d *Directory) AccountByName(ctx context.Context, name string) (model.Account, error) {
	return d.store.Account(ctx, name)
}

// Domain finds a sender domain by exactly this name.
func (d *Directory) Domain(ctx context.Context, name string) (model.Domain, error) {
	return lookUp(d, d.domains, maxEntries, name, func() (model.Domain, error) {
		return d.store.Domain(ctx, name)
	})
}

// maxLabels bounds the walk towards the root; no name in use has more.
const maxLabels = 10

// Covering finds the sender domain that covers a name: the name itself or the nearest above it. nil: there is none.
func (d *Directory) Covering(ctx context.Context, name string) (*model.Domain, error) {
	for range maxLabels {
		dom, err := d.Domain(ctx, name)
		if err == nil {
			return &dom, nil
		}
		if !store.Is(err, store.NotFound) {
			return nil, err
		}
		_, above, ok := strings.Cut(name, ".")
		if !ok {
			return nil, nil
		}
		name = above
	}
	return nil, nil
}

// Credential finds an SMTP user. A name that is too long for one is not remembered: anybody may send it.
func (d *Directory) Credential(ctx context.Context, username string) (model.Credential, error) {
	if len(username) > model.MaxUsername {
		return model.Credential{}, &store.Error{Kind: store.NotFound, Op: "SMTP user"}
	}
	return lookUp(d, d.credentials, maxEntries, username, func() (model.Credential, error) {
		return d.store.Credential(ctx, username)
	})
}

// Key finds an API key by the key itself.
func (d *Directory) Key(ctx context.Context, secret string) (model.APIKey, error) {
	hash := sha256.Sum256([]byte(secret))
	return lookUp(d, d.keys, maxEntries, hash, func() (model.APIKey, error) {
		return d.store.KeyByHash(ctx, hash[:])
	})
}

// Signer returns the domain's active keys, ready to sign. nil: mail is to leave unsigned, since the store says of every key
// that signed that its record is lost, and of the return path that it is aligned, so that DMARC passes by SPF. Any other
// domain without active keys is an error: nothing leaves unsigned by mistake.
//
// A domain that sends by its owner's server before its keys are published is left to that server to sign: nil too.
func (d *Directory) Signer(ctx context.Context, dom *model.Domain) (*dkim.Signer, error) {
	if !dom.Signs() {
		return nil, nil
	}
	return lookUp(d, d.signers, maxSigners, dom.ID, func() (*dkim.Signer, error) {
		keys, err := d.store.SigningKeys(ctx, dom.ID)
		if err != nil {
			return nil, err
		}
		var active []dkim.Key
		lost := false
		for _, k := range keys {
			lost = lost || k.State == model.KeyLost
			if k.State != model.KeyActive {
				continue
			}
			pkcs8, err := d.ring.Open(k.Sealed, dkim.SealContext(dom.Name, k.Selector))
			if err != nil {
				return nil, err
			}
			key, err := dkim.LoadKey(d.engine, dom.Name, k.Selector, k.Algorithm, pkcs8)
			clear(pkcs8)
			if err != nil {
				return nil, err
			}
			active = append(active, key)
		}
		if len(active) == 0 && lost && dom.ReturnPath {
			return nil, nil
		}
		return dkim.NewSigner(active...)
	})
}
