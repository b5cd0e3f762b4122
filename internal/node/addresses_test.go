package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/config"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/flow/addresses"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// addressed is a node that only knows its addresses: 192.0.2.1 of the configuration.
func addressed(t *testing.T) *Node {
	t.Helper()
	st, err := sqlite.Open(t.Context(), sqlitetest.File(t), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	cfg := config.Default()
	cfg.DNS.Servers, cfg.Delivery.SourceAddresses, cfg.Delivery.BounceDomain = []string{"127.0.0.1:1"}, []string{"192.0.2.1"}, "bounce.operator.example"
	n := &Node{cfg: cfg, store: st, ids: ident.NewSource(clock.System{}, 1), sys: System{Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Random: rand.Reader}}
	if n.ring, err = keyring.New(bytes.Repeat([]byte{7}, 32)); err != nil {
		t.Fatal(err)
	}
	if n.addresses, err = NewAddresses(cfg, st, n.ring, n.ids, n.sys); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAlertsGoToOperatorsOnly(t *testing.T) {
	n := addressed(t)
	for _, a := range []model.Account{
		{Name: "staff", Operator: true, Contact: "drift@operator.example"}, {Name: "silent", Operator: true}, {Name: "school", Contact: "it@school.example"},
	} {
		a.State, a.Weight, a.CreatedAt = model.AccountActive, 1, time.Now()
		if _, err := n.store.AddAccount(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.alertOperators(t.Context(), "192.0.2.1: PTR", "text\n"); err != nil {
		t.Fatal(err)
	}
	rows, err := n.store.ListQueue(t.Context(), store.Filter{}, model.RecipientKey{}, 10)
	if err != nil || len(rows) != 1 || rows[0].Address != "drift@operator.example" {
		t.Errorf("queue %+v, %v", rows, err)
	}
}

func TestBulkAsksOfNoAddressWhereAnotherServerSends(t *testing.T) {
	n := addressed(t)
	if got := n.senders(); len(got) != 1 || got[0].PTR != model.PTRUnclear {
		t.Errorf("without a route: %+v", got)
	}
	n.cfg.Delivery.Routes = []config.Route{{Match: "*", Account: "school", Host: "smtp.school.example"}, {Match: "*.example", Host: "smtp.other.example"}}
	if got := n.senders(); len(got) != 1 {
		t.Errorf("with routes for some: %+v", got)
	}
	n.cfg.Delivery.Routes = append(n.cfg.Delivery.Routes, config.Route{Match: "*", Host: "smtp.relay.example"})
	if got := n.senders(); got != nil {
		t.Errorf("with a route for all: %+v", got)
	}
}

// TestLettersNeedADomainOfOurOwn: the command line takes a mail subscriber only where the node can write.
func TestLettersNeedADomainOfOurOwn(t *testing.T) {
	n := addressed(t)
	ask := func(s *addresses.Service) error {
		_, _, err := s.Subscribe(context.Background(), model.SubscriberMail, "it@school.example", "sv")
		return err
	}
	if err := ask(n.addresses); err == nil {
		t.Error("subscribed, though nobody can write")
	}
	n.cfg.Senders.FromDomain = "operator.example"
	s, err := NewAddresses(n.cfg, n.store, n.ring, n.ids, n.sys)
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(s); err != nil {
		t.Error(err)
	}
	if err := n.writeLetter(t.Context(), "it@school.example", "s", "t"); !store.Is(err, store.NotFound) {
		t.Errorf("a letter from a domain that is not there: %v", err)
	}
	n.cfg.Reputation.Blocklists = []string{"dbl.spamhaus.org"}
	if _, err := NewAddresses(n.cfg, n.store, n.ring, n.ids, n.sys); err == nil {
		t.Error("a list of domains was taken for one of addresses")
	}
}

func TestTheMachinesOwnAddresses(t *testing.T) {
	for text, want := range map[string]bool{"127.0.0.1": true, "192.0.2.1": false, "2001:db8::1": false} {
		if got := local(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
