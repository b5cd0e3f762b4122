package submit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
)

// asked says how often the store was asked since the last time.
func (w *world) asked() map[string]int {
	got := w.store.calls
	w.store.calls = map[string]int{}
	return got
}

// lookAll asks the directory for everything there is and for as much that is not there.
func (w *world) lookAll(secret string) {
	t, d := w.t, w.Directory
	t.Helper()
	dom := w.domain("school.example")
	_, err := d.Account(t.Context(), dom.Account)
	w.ok(err)
	_, err = d.Domain(t.Context(), "school.example")
	w.ok(err)
	_, err = d.Key(t.Context(), secret)
	w.ok(err)
	_, err = d.Signer(t.Context(), &dom)
	w.ok(err)
	if _, err := d.Account(t.Context(), 99); !store.Is(err, store.NotFound) {
		t.Errorf("account: %v", err)
	}
	if _, err := d.Domain(t.Context(), "none.example"); !store.Is(err, store.NotFound) {
		t.Errorf("domain: %v", err)
	}
	if _, err := d.Credential(t.Context(), "nobody"); !store.Is(err, store.NotFound) {
		t.Errorf("credential: %v", err)
	}
	if _, err := d.Key(t.Context(), "key-wrong"); !store.Is(err, store.NotFound) {
		t.Errorf("key: %v", err)
	}
}

func TestDirectoryRemembers(t *testing.T) {
	w := newWorld(t)
	_, secret, err := w.desk.AddKey(t.Context(), "school", "web")
	w.ok(err)
	once := fmt.Sprint(map[string]int{"account": 2, "credential": 1, "domain": 2, "key": 2, "signing keys": 1})
	w.lookAll(secret)
	if got := fmt.Sprint(w.asked()); got != once {
		t.Errorf("the store was asked %v, want %v", got, once)
	}
	w.lookAll(secret)
	if got := w.asked(); len(got) != 0 {
		t.Errorf("what is known was asked for: %v", got)
	}
	w.Directory.Flush()
	w.lookAll(secret)
	if got := fmt.Sprint(w.asked()); got != once {
		t.Errorf("after Flush the store was asked %v, want %v", got, once)
	}
	// A fault is not remembered.
	w.store.read = &store.Error{Kind: store.Unavailable, Op: "x"}
	for range 2 {
		if _, err := w.Directory.Domain(t.Context(), "other.example"); !store.Is(err, store.Unavailable) {
			t.Errorf("%v", err)
		}
	}
	if got := w.asked()["domain"]; got != 2 {
		t.Errorf("asked %d times in a fault", got)
	}
}

// TestFlushDuringALookUp has the directory emptied while an answer is on its way: that answer may be old.
func TestFlushDuringALookUp(t *testing.T) {
	w := newWorld(t)
	w.store.during = w.Directory.Flush
	for range 2 {
		_, err := w.Directory.Domain(t.Context(), "school.example")
		w.ok(err)
	}
	if got := w.asked()["domain"]; got != 2 {
		t.Errorf("asked %d times: an answer from before the flush was kept", got)
	}
}

func TestDirectoryIsBounded(t *testing.T) {
	w := newWorld(t)
	c := cache[int, int]{}
	for i := range 10 {
		if v, err := lookUp(w.Directory, c, 3, i, func() (int, error) { return -i, nil }); err != nil || v != -i || len(c) > 3 {
			t.Errorf("%d: %d, %v, %d entries", i, v, err, len(c))
		}
	}
	if _, err := w.Directory.Credential(t.Context(), strings.Repeat("x", model.MaxUsername+1)); !store.Is(err, store.NotFound) || len(w.Directory.credentials) != 0 {
		t.Errorf("a long name: %v, %d entries", err, len(w.Directory.credentials))
	}
}

func TestCovering(t *testing.T) {
	w := newWorld(t)
	w.addDomain("school", "sub.school.example", "test")
	for name, want := range map[string]string{
		"school.example": "school.example", "a.b.school.example": "school.example", "x.sub.school.example": "sub.school.example",
		"example": "", "": "", "none.example": "", "[192.0.2.1]": "", "a.a.a.a.a.a.a.a.a.a.a.a.school.example": "", // too deep
	} {
		dom, err := w.Directory.Covering(t.Context(), name)
		w.ok(err)
		if got := func() string {
			if dom == nil {
				return ""
			}
			return dom.Name
		}(); got != want {
			t.Errorf("%s is covered by %q, want %q", name, got, want)
		}
	}
}

func TestKeysThatCannotBeUsed(t *testing.T) {
	w := newWorld(t)
	other, err := keyring.New(make([]byte, 32))
	w.ok(err)
	w.Service.Directory = NewDirectory(w.store, other, dkim.GoEngine{})
	w.queue.free = 1
	_, err = w.send(w.school(), to("anna@sink.example"), Options{}, text)
	refused(t, "another key file", err, 451, "4.7.5", "The keys of school.example cannot be used now, try again later")
	w.nothing("another key file")
	d, err := w.store.AddDomain(t.Context(), model.Domain{Name: "keyless.example", Account: 1, State: model.DomainLive}, nil, model.Event{ID: w.IDs.Next(), Kind: model.EventDomain})
	w.ok(err)
	if _, err := w.Directory.Signer(t.Context(), &d); err == nil {
		t.Error("a domain without keys has a signer")
	}
}

// TestUnsignedOnlyByTheStoresWord: a domain whose keys are lost from DNS signs with none of them, and may send only when its
// return path is aligned.
func TestUnsignedOnlyByTheStoresWord(t *testing.T) {
	w := newWorld(t)
	d, err := w.store.Domain(t.Context(), "school.example")
	w.ok(err)
	change := func(aligned bool, to model.KeyState) {
		t.Helper()
		keys, err := w.store.SigningKeys(t.Context(), d.ID)
		w.ok(err)
		c := store.DomainChange{Domain: d, From: d.State}
		c.Domain.ReturnPath = aligned
		for _, k := range keys {
			from := k.State
			k.State = to
			c.Keys = append(c.Keys, store.KeyChange{SigningKey: k, From: from})
		}
		w.ok(w.store.ChangeDomain(t.Context(), c))
		d, err = w.store.Domain(t.Context(), "school.example")
		w.ok(err)
		w.Directory.Flush()
	}
	change(false, model.KeyLost)
	if _, err := w.Directory.Signer(t.Context(), &d); err == nil {
		t.Error("unsigned, and SPF is not aligned")
	}
	change(true, model.KeyLost)
	if s, err := w.Directory.Signer(t.Context(), &d); s != nil || err != nil {
		t.Errorf("lost keys sign: %v, %v", s, err)
	}
	change(true, model.KeyRetired)
	if _, err := w.Directory.Signer(t.Context(), &d); err == nil {
		t.Error("unsigned, though no key is lost")
	}
}
