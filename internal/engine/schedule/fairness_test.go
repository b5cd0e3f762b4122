package schedule

import (
	"fmt"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

var (
	oneSite = PathKey{Site: "mx.big.example"}
	wide    = Limits{Connections: 1000, Recipients: 1}
)

func laneOf(account model.AccountID, class model.Class) model.Lane {
	return model.Lane{Domain: "big.example", Class: class, Account: account}
}

// feeder answers routes and claims for lanes that never run dry.
type feeder struct {
	*Scheduler
	next  ident.ID
	limit Limits
}

func (f *feeder) turn() {
	for l, ok := f.Unrouted(); ok; l, ok = f.Unrouted() {
		f.Route(l, oneSite, f.limit)
	}
	for _, r := range f.Refills(nil, 100) {
		got := make([]Handle, r.Limit)
		for i := range got {
			f.next++
			got[i] = Handle{RecipientKey: model.RecipientKey{Message: f.next}, Lane: r.Lane}
		}
		f.Claimed(r.Lane, got, epoch)
	}
}

func TestTurnsFollowTheWeights(t *testing.T) {
	type member struct {
		account model.AccountID
		class   model.Class
		weight  int
		want    float64 // share of picks
	}
	for name, members := range map[string][]member{
		"two equal accounts":       {{1, 0, 1, 0.5}, {2, 0, 1, 0.5}},
		"weights 3 and 1":          {{1, 0, 3, 0.75}, {2, 0, 1, 0.25}},
		"classes 4 to 1":           {{1, 0, 1, 0.8}, {1, 1, 1, 0.2}},
		"bulk alone has all":       {{1, 1, 1, 1}},
		"accounts within classes":  {{1, 0, 1, 0.4}, {2, 0, 1, 0.4}, {1, 1, 1, 0.15}, {2, 1, 0, 0.05}},
		"ten accounts, ten shares": {{1, 0, 1, .1}, {2, 0, 1, .1}, {3, 0, 1, .1}, {4, 0, 1, .1}, {5, 0, 1, .1}, {6, 0, 1, .1}, {7, 0, 1, .1}, {8, 0, 1, .1}, {9, 0, 1, .1}, {10, 0, 1, .1}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &feeder{Scheduler: New(Config{MaxPlaces: 1000, Initial: 1000}, epoch), limit: wide}
			for _, m := range members {
				weight := m.weight
				if name == "accounts within classes" {
					weight = map[model.AccountID]int{1: 3, 2: 1}[m.account]
				}
				f.SetAccount(m.account, weight, "")
				f.Known(laneOf(m.account, m.class), epoch)
			}
			counts := map[model.Lane]int{}
			const picks = 4000
			for range picks {
				f.turn()
				p, ok := f.Pick()
				if !ok {
					t.Fatal("nothing to pick")
				}
				counts[p.Handles[0].Lane]++
				f.Leave(p.Place)
			}
			if name == "accounts within classes" { // weights 3 and 1 in both classes
				members[0].want, members[1].want = 0.6, 0.2
			}
			for _, m := range members {
				if got := float64(counts[laneOf(m.account, m.class)]) / picks; got < m.want-0.01 || got > m.want+0.01 {
					t.Errorf("account %d, class %s: %.3f of the picks, want %.2f", m.account, m.class, got, m.want)
				}
			}
		})
	}
}

func TestANewcomerIsPickedNext(t *testing.T) {
	for _, accounts := range []int{1, 2, 10, 100, 300} {
		for _, newcomer := range []model.Class{model.ClassTransactional, model.ClassBulk} {
			t.Run(fmt.Sprintf("%d accounts, %s", accounts, newcomer), func(t *testing.T) {
				f := &feeder{Scheduler: New(Config{Initial: 10}, epoch), limit: wide}
				for id := range accounts {
					f.SetAccount(model.AccountID(id+1), 100, "") // the weight of others is no reason to wait
					f.Known(laneOf(model.AccountID(id+1), newcomer), epoch)
				}
				for range 1000 {
					f.turn()
					p, _ := f.Pick()
					f.Leave(p.Place)
				}
				f.turn()
				lane := laneOf(9999, newcomer)
				reserved := f.Reserve(lane, oneSite, wide)
				if reserved {
					f.Redeem(Handle{RecipientKey: model.RecipientKey{Message: 1 << 40}, Lane: lane})
				} else if accounts <= 10 {
					t.Fatal("no room for a newcomer")
				} else {
					f.Known(lane, epoch)
				}
				slots := 0
				for {
					p, ok := f.Pick()
					if !ok {
						t.Fatal("nothing to pick")
					}
					f.Leave(p.Place)
					f.turn()
					if p.Handles[0].Lane == lane {
						break
					}
					slots++
				}
				// Among very many accounts, one may wait until each of them had room for one.
				if limit := accounts / 200 * accounts; slots > limit {
					t.Errorf("picked after %d others", slots)
				}
			})
		}
	}
}

func TestABatchIsChargedToItsAccount(t *testing.T) {
	s := New(Config{Initial: 10}, epoch)
	limits := Limits{Connections: 10, Recipients: 50}
	put := func(account model.AccountID, message ident.ID, n int) {
		lane := laneOf(account, 0)
		for i := range n {
			if !s.Reserve(lane, oneSite, limits) {
				t.Fatalf("no room for recipient %d of account %d", i, account)
			}
			s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: message, N: i}, Lane: lane})
		}
	}
	put(1, 1, 80)
	for m := range ident.ID(40) {
		put(2, 100+m, 1)
	}
	var order []int
	for p, ok := s.Pick(); ok; p, ok = s.Pick() {
		for _, h := range p.Handles {
			if h.Message != p.Handles[0].Message {
				t.Fatalf("a transaction of two messages: %v", p.Handles)
			}
		}
		order = append(order, len(p.Handles))
		s.Leave(p.Place)
	}
	// 50 of the one, then all 40 single ones (it is in debt), then its other 30.
	if len(order) != 42 || order[0] != 50 || order[len(order)-1] != 30 {
		t.Errorf("batches: %v", order)
	}
}

func TestTransactionsKeepToADomainUnlessDomainsMix(t *testing.T) {
	for _, mixed := range []bool{false, true} {
		s := New(Config{}, epoch)
		limits := Limits{Connections: 5, Recipients: 100, Mixed: mixed}
		for i := range 12 {
			lane := model.Lane{Domain: fmt.Sprintf("d%d.example", i%3), Account: 1}
			s.Reserve(lane, oneSite, limits)
			s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: 7, N: i}, Lane: lane})
		}
		p, _ := s.Pick()
		if want := map[bool]int{false: 4, true: 12}[mixed]; len(p.Handles) != want {
			t.Errorf("mixed %v: %d in a transaction, want %d", mixed, len(p.Handles), want)
		}
	}
}

func TestASlowSiteDoesNotFillTheWindow(t *testing.T) {
	s := New(Config{MaxHandles: 1000}, epoch)
	next := ident.ID(0)
	for site := range 120 {
		key := PathKey{Site: fmt.Sprintf("slow%d", site)}
		for account := range 4 {
			for range 100 {
				lane := model.Lane{Domain: key.Site, Account: model.AccountID(account + 1)}
				if s.Reserve(lane, key, wide) {
					next++
					s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: next}, Lane: lane})
				}
			}
		}
		if p := s.paths[key]; p.resident == 0 || p.resident > 50 {
			t.Fatalf("site %d of 120 stuck ones holds %d of 1000", site, p.resident)
		}
	}
	if !s.Reserve(laneOf(1, 0), oneSite, wide) {
		t.Errorf("no room for one more site: %d resident", s.Resident())
	}
	s.check(t)
}

func TestClaimsGoBeforeReservationsOfTheSameLane(t *testing.T) {
	s := New(Config{}, epoch)
	lane := laneOf(1, 0)
	s.Known(lane, epoch)
	l, _ := s.Unrouted()
	s.Route(l, oneSite, wide)
	granted := 0
	for s.Reserve(lane, oneSite, wide) {
		granted++
	}
	if granted < 32 || granted > 128 {
		t.Errorf("%d reservations past a backlog, want a part of the room", granted)
	}
	for _, r := range s.Refills(nil, 10) {
		if r.Limit < 30 {
			t.Errorf("the backlog may claim %d", r.Limit)
		}
		s.Postpone(r.Lane, epoch.Add(time.Second))
	}
	s.check(t)
}

func TestWhatHoldsAPathIsNamed(t *testing.T) {
	s := New(Config{Initial: 2, MaxPlaces: 3}, epoch)
	put := func(site string, limits Limits, n int) {
		for i := range n {
			lane := model.Lane{Domain: site, Account: 1}
			s.Reserve(lane, PathKey{Site: site}, limits)
			s.Redeem(Handle{RecipientKey: model.RecipientKey{Message: ident.ID(1000*len(site) + i + 1)}, Lane: lane})
		}
	}
	held := func(site string) string { limit, _ := s.heldBy(s.paths[PathKey{Site: site}]); return limit }
	put("a", Limits{Connections: 1}, 3)
	put("bb", Limits{Connections: 9}, 5)
	put("ccc", Limits{Connections: 9, Rate: 1}, 3)
	put("dddd", Limits{Connections: 9}, 1)
	places := map[string]*Place{}
	for p, ok := s.Pick(); ok; p, ok = s.Pick() {
		places[p.Place.Path().Site] = p.Place
	}
	for site, want := range map[string]string{"a": HeldConnections, "ccc": HeldRate, "dddd": HeldSessions} {
		if got := held(site); got != want {
			t.Errorf("%s is held by %q, want %q", site, got, want)
		}
	}
	s.Leave(places["a"])
	if p, ok := s.Pick(); !ok || p.Place.Path().Site != "dddd" {
		t.Fatalf("the free place went to %+v", p)
	}
	s.Eased(places["bb"], "421 slow down")
	if got := held("bb"); got != HeldPaused {
		t.Errorf("eased: held by %q", got)
	}
	s.Advance(epoch.Add(3 * time.Second))
	if got := held("bb"); got != HeldCeiling {
		t.Errorf("after the pause: held by %q", got)
	}
	for range 3 {
		s.Advance(s.now.Add(5 * time.Second))
		s.Failed(places["bb"], "refused")
	}
	if got := held("bb"); got != HeldDead && got != "" {
		t.Errorf("after failures: held by %q", got)
	}
	if snap := s.Snapshot(2); len(snap.Paths) != 2 || snap.Places != 3 {
		t.Errorf("snapshot: %+v", snap)
	}
	s.check(t)
}
