package digest

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store/sqlite"
)

// BenchmarkDay counts a day of 20,000 events of a domain, one in twenty of them a failure, among so many others.
func BenchmarkDay(b *testing.B) {
	for _, others := range []int{0, 20_000, 200_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			st, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"), clock.System{})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			a, err := st.AddAccount(b.Context(), model.Account{Name: "school", State: model.AccountActive, Weight: 1})
			if err != nil {
				b.Fatal(err)
			}
			ids := ident.NewSource(clock.System{}, 1)
			own, err := st.AddDomain(b.Context(), model.Domain{Name: "school.example", Account: a.ID, State: model.DomainLive}, nil, model.Event{ID: ids.Next()})
			if err != nil {
				b.Fatal(err)
			}
			var evs []model.Event
			add := func(i int, domain model.DomainID) {
				ev := model.Event{ID: ids.Next(), Kind: model.EventDelivered, At: time.Now(), Account: a.ID, Domain: domain, Message: ident.ID(i + 1), Recipient: fmt.Sprintf("user%d@b.example", i)}
				if i%20 == 0 {
					ev.Kind, ev.Data = model.EventBounced, model.EventData{Class: "user-unknown", Listed: true, Reply: &model.Reply{Code: 550, Text: "no such user"}}
				}
				evs = append(evs, ev)
			}
			for i := range 20_000 {
				add(i, own.ID)
				for range others / 20_000 {
					add(i, own.ID+1)
				}
			}
			for ; len(evs) > 0; evs = evs[min(len(evs), 5000):] {
				if err := st.NoteEvents(b.Context(), evs[:min(len(evs), 5000)]); err != nil {
					b.Fatal(err)
				}
			}
			s := New(Config{Store: st, Location: time.UTC})
			day := DayOf(time.Now().UTC())
			for b.Loop() {
				d, err := s.Of(b.Context(), &a, day)
				if err != nil || d.Delivered != 19_000 || d.Listed != 1000 {
					b.Fatalf("%+v, %v", d, err)
				}
			}
		})
	}
}
