package submit

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
)

// cacheEntries bounds each map of the directory. At about 500 octets an entry, signers at 4 KiB, all five together
// stay under 60 MiB. A full map is emptied: with ten thousand domains in use that costs a burst of look-ups.
const cacheEntries = 10_000

// Directory answers who is who from memory, and from the store when it has not been asked before. It is emptied
// when the store's directory signal moves, so what it says is at most a second old. Absence is remembered too: a
// password guesser costs no look-ups in the store.
type Directory struct {
	store  store.Store
	ring   *keyring.Ring
	engine dkim.Engine

	mu          sync.Mutex
	generation  int // counts Flush, so that an answer fetched before a Flush is not kept after it
	accounts    map[model.AccountID]found[model.Account]
	domains     map[string]found[model.Domain]
	credentials map[string]found[model.Credential]
	keys        map[[32]byte]found[model.APIKey]
	signers     map[model.DomainID]found[*dkim.Signer]
}

type found[T any] struct {
	value T
	err   error // a NotFound that is remembered
}

// NewDirectory returns an empty directory over the store; private keys are unsealed with ring and used by engine.
func NewDirectory(st store.Store, ring *keyring.Ring, engine dkim.Engine) *Directory {
	d := &Directory{store: st, ring: ring, engine: engine}
	d.Flush()
	return d
}

// Flush forgets everything.
func (d *Directory) Flush() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.generation++
	d.accounts = map[model.AccountID]found[model.Account]{}
	d.domains = map[string]found[model.Domain]{}
	d.credentials = map[string]found[model.Credential]{}
	d.keys = map[[32]byte]found[model.APIKey]{}
	d.signers = map[model.DomainID]found[*dkim.Signer]{}
}

// lookUp is one cached question. pick names the map, under the lock.
func lookUp[K comparable, V any](d *Directory, pick func() map[K]found[V], key K, fetch func() (V, error)) (V, error) {
	d.mu.Lock()
	f, ok := pick()[key]
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
	if m := pick(); d.generation == generation {
		if len(m) >= cacheEntries {
			clear(m)
		}
		m[key] = found[V]{v, err}
	}
	return v, err
}

// Account finds an account by number.
func (d *Directory) Account(ctx context.Context, id model.AccountID) (model.Account, error) {
	return lookUp(d, func() map[model.AccountID]found[model.Account] { return d.accounts }, id, func() (model.Account, error) {
		return d.store.AccountByID(ctx, id)
	})
}

// AccountByName finds an account by name. It asks the store: only configuration names accounts.
func (d *Directory) AccountByName(ctx context.Context, name string) (model.Account, error) {
	return d.store.Account(ctx, name)
}

// Domain finds a sender domain by exactly this name.
func (d *Directory) Domain(ctx context.Context, name string) (model.Domain, error) {
	return lookUp(d, func() map[string]found[model.Domain] { return d.domains }, name, func() (model.Domain, error) {
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

// Credential finds an SMTP user.
func (d *Directory) Credential(ctx context.Context, username string) (model.Credential, error) {
	return lookUp(d, func() map[string]found[model.Credential] { return d.credentials }, username, func() (model.Credential, error) {
		return d.store.Credential(ctx, username)
	})
}

// Key finds an API key by the key itself.
func (d *Directory) Key(ctx context.Context, secret string) (model.APIKey, error) {
	hash := sha256.Sum256([]byte(secret))
	return lookUp(d, func() map[[32]byte]found[model.APIKey] { return d.keys }, hash, func() (model.APIKey, error) {
		return d.store.KeyByHash(ctx, hash[:])
	})
}

// Signer returns the domain's active keys, ready to sign. A domain without any is an error: nothing leaves unsigned.
func (d *Directory) Signer(ctx context.Context, dom *model.Domain) (*dkim.Signer, error) {
	return lookUp(d, func() map[model.DomainID]found[*dkim.Signer] { return d.signers }, dom.ID, func() (*dkim.Signer, error) {
		keys, err := d.store.SigningKeys(ctx, dom.ID)
		if err != nil {
			return nil, err
		}
		var active []dkim.Key
		for _, k := range keys {
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
		return dkim.NewSigner(active...)
	})
}
