package submit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/store"
)

func TestCommitAllIsOneCommit(t *testing.T) {
	w := newWorld(t)
	w.queue.free = 2
	var txs []Transaction
	for i := range 5 {
		tx, err := w.begin(w.school(), to(fmt.Sprintf("r%d@sink.example", i)), Options{}, text)
		w.ok(err)
		txs = append(txs, tx)
	}
	before := w.store.Stats()
	answer := &Answer{Key: "k1", Response: func(rs []Receipt) []byte { return []byte(rs[0].MessageID) }}
	receipts, err := w.CommitAll(t.Context(), txs, answer)
	w.ok(err)
	if n := w.store.Stats().Commits - before.Commits; n != 1 || len(receipts) != 5 {
		t.Errorf("%d receipts in %d commits", len(receipts), n)
	}
	for i, r := range receipts {
		m, rs, raw := w.stored(r)
		if rs[0].Address != fmt.Sprintf("r%d@sink.example", i) || r.MessageID != receipts[0].MessageID || !strings.Contains(raw, "Message-ID: "+r.MessageID) || m.ID != r.ID {
			t.Errorf("message %d: %+v", i, r)
		}
		if leased := rs[0].State == model.StateLeased; leased != (i < 2) {
			t.Errorf("message %d: %v", i, rs[0].State)
		}
	}
	got, err := w.store.IdempotentResponse(t.Context(), w.account("school").ID, "k1", w.Clock.Now())
	if err != nil || string(got) != receipts[0].MessageID {
		t.Errorf("kept answer %q, %v", got, err)
	}
	// The same call again: nothing is stored, and the caller learns that another was first.
	w.queue.free, w.queue.accepted = 1, nil
	tx, err := w.begin(w.school(), to("again@sink.example"), Options{}, text)
	w.ok(err)
	if _, err = w.CommitAll(t.Context(), []Transaction{tx}, answer); !store.Is(err, store.Exists) {
		t.Errorf("repeated: %v", err)
	}
	evs, err := w.store.ListEvents(t.Context(), store.EventFilter{Recipient: "again@sink.example", Limit: 10})
	if err != nil || len(evs) > 0 || len(w.queue.accepted) > 0 || len(w.queue.places) > 0 {
		t.Errorf("the repeat left %v, %v, %v", evs, w.queue, err)
	}
}

func TestCommitAllIsAllOrNone(t *testing.T) {
	w := newWorld(t)
	for name, bad := range map[string]string{
		"refused by policy": strings.Replace(text, "info@school.example", "x@shop.example", 1),
		"no message":        "hej",
		"failed on the way": text + strings.Repeat("x", maxSize),
	} {
		w.queue.free = 10
		var txs []Transaction
		for _, s := range []string{text, text, bad, text} {
			tx, _ := w.begin(w.school(), to("anna@sink.example", "bo@sink.example"), Options{}, s)
			txs = append(txs, tx)
		}
		if _, err := w.CommitAll(t.Context(), txs, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
		for _, tx := range txs {
			tx.Abort()
		}
		w.nothing(name)
	}
}

func TestFaultsOfTheStoreArePassing(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name           string
		fault          error
		code           int
		enhanced, want string
	}{
		{"full", &store.Error{Kind: store.Full, Op: "accept", Err: errors.New("disk I/O secret")}, 452, "4.3.1", "Out of room for mail now"},
		{"unavailable", &store.Error{Kind: store.Unavailable, Op: "accept"}, 451, "4.3.0", "cannot be kept safely now"},
		{"internal", &store.Error{Kind: store.Internal, Op: "accept"}, 451, "4.3.0", "cannot be kept safely now"},
		{"an identifier that was used before", &store.Error{Kind: store.Exists, Op: "accept"}, 451, "4.3.0", "cannot be kept safely now"},
	} {
		w.queue.free = 2
		w.store.accept = tt.fault
		_, err := w.send(w.school(), to("anna@sink.example", "bo@sink.example", "c@sink.example"), Options{}, text)
		refused(t, tt.name, err, tt.code, tt.enhanced, tt.want)
		if !errors.Is(err, tt.fault) {
			t.Errorf("%s: the cause is lost", tt.name)
		}
		w.nothing(tt.name)
		w.store.accept, w.store.read = nil, tt.fault
		w.Directory.Flush()
		err = w.CheckSender(t.Context(), w.school(), "info@school.example")
		refused(t, tt.name+" when looking up", err, tt.code, tt.enhanced, tt.want)
		w.store.read = nil
		if err := w.CheckSender(t.Context(), w.school(), "info@school.example"); err != nil {
			t.Errorf("%s: not recovered: %v", tt.name, err)
		}
	}
	if _, err := w.send(w.school(), to("anna@sink.example"), Options{}, text); err != nil {
		t.Error(err)
	}
}

func TestMemoryBudget(t *testing.T) {
	w := newWorld(t)
	var open []Transaction
	var err error
	large := text + strings.Repeat("x", 30<<10)
	for range 10 {
		var tx Transaction
		if tx, err = w.begin(w.school(), to("anna@sink.example"), Options{}, large); err != nil {
			break
		}
		open = append(open, tx)
	}
	refused(t, "over the budget", err, 452, "4.3.1", "Too many large messages are on their way in, try again later")
	if len(open) < 2 {
		t.Errorf("only %d messages of 30 KiB fit in 128 KiB", len(open))
	}
	// Small ones still go.
	if _, err := w.send(w.school(), to("anna@sink.example"), Options{}, text); err != nil {
		t.Errorf("a small message: %v", err)
	}
	_, err = open[0].Commit(t.Context())
	w.ok(err)
	for _, tx := range open {
		tx.Abort()
	}
	w.released("aborted")
	// What is declared is not made room for before it comes.
	e := to("anna@sink.example")
	e.Size = maxSize
	for range 10 {
		if _, err := w.begin(w.school(), e, Options{}, text); err != nil {
			t.Fatalf("declared large: %v", err)
		}
	}
	w.released("declared")
}

func TestPrivateKeysAreSealedAtRest(t *testing.T) {
	w := newWorld(t)
	dom := w.domain("school.example")
	keys, err := w.store.Store.SigningKeys(t.Context(), dom.ID)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	w.ok(w.store.Close()) // everything is in the file now
	files, _ := filepath.Glob(w.file + "*")
	var disk []byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		w.ok(err)
		disk = append(disk, data...)
	}
	for _, k := range keys {
		pkcs8, err := w.ring.Open(k.Sealed, dkim.SealContext(dom.Name, k.Selector))
		w.ok(err)
		// Long values are spread over pages, so the search is for pieces of 16 octets.
		if !bytes.Contains(disk, k.Public[:16]) || !bytes.Contains(disk, k.Sealed[:16]) {
			t.Fatalf("the file does not hold the key %s at all: the search finds nothing", k.Selector)
		}
		// The last octets of both forms are secret: of RSA the CRT coefficient, of Ed25519 the seed.
		for i := len(pkcs8) - 16; i > 0 && i > len(pkcs8)-600; i -= 16 {
			if k.Algorithm == dkim.Ed25519 && i < len(pkcs8)-32 {
				break // the OIDs before the seed are no secret
			}
			if bytes.Contains(disk, pkcs8[i:i+16]) {
				t.Errorf("octets of the private key %s are in the file in the clear", k.Selector)
			}
		}
	}
	if bytes.Contains(disk, bytes.Repeat([]byte{7}, 32)) {
		t.Error("the root key is in the file")
	}
}
