package submit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// list puts an address on a list of the school's.
func (w *world) list(kind model.SuppressionKind, address, tag string) {
	w.t.Helper()
	w.ok(w.store.AddSuppressions(w.t.Context(), []model.Suppression{{
		Account: w.account("school").ID, Domain: w.domain("school.example").ID, Kind: kind, Key: model.SuppressionKey(address), Tag: tag, Address: address,
		Reason: "no such user", Count: 1, CreatedAt: w.Clock.Now(),
	}}))
}

func TestSuppressedRecipientsAreEventsAndNoErrors(t *testing.T) {
	w := newWorld(t)
	noticed := 0
	w.Noticed = func() { noticed++ }
	w.queue.free = 10
	w.list(model.SuppressBounce, "dead@Sink.example", "")
	w.list(model.SuppressUnsubscribe, "gone@sink.example", "news")
	w.list(model.SuppressComplaint, "angry@sink.example", "")
	r, err := w.send(w.school(), to("Dead@sink.example", "anna@sink.example", "gone@sink.example", "angry@sink.example"), Options{Tags: []string{"news"}}, text)
	w.ok(err)
	_, rs, _ := w.stored(r)
	var got []string
	for _, r := range rs {
		got = append(got, fmt.Sprint(r.State, " ", r.Attempts, " ", strings.Contains(r.Last.Text, "not sent: ")))
	}
	if want := []string{"bounced 0 true", "leased 1 false", "bounced 0 true", "bounced 0 true"}; !slices.Equal(got, want) {
		t.Errorf("recipients %q", got)
	}
	evs, err := w.store.ListEvents(t.Context(), store.EventFilter{Message: r.ID, Ascending: true, Limit: 20})
	w.ok(err)
	codes := map[string]int{}
	for _, e := range evs {
		if e.Kind == model.EventBounced {
			codes[e.Recipient] = e.Data.Code
		}
	}
	if len(evs) != 7 || codes["Dead@sink.example"] != 605 || codes["gone@sink.example"] != 606 || codes["angry@sink.example"] != 607 {
		t.Errorf("%d events, codes %v", len(evs), codes)
	}
	ns, err := w.store.ListNotices(t.Context(), 10)
	if err != nil || len(ns) != 3 || noticed != 1 || len(w.queue.places) != 0 {
		t.Errorf("notices %v, %v; told %d times, places %v", ns, err, noticed, w.queue.places)
	}

	r, err = w.send(w.school(), to("gone@sink.example"), Options{Tags: []string{"report"}}, text)
	w.ok(err)
	if _, rs, _ := w.stored(r); rs[0].State != model.StateLeased {
		t.Errorf("mail with another tag: %v", rs[0].State)
	}
}

func TestMailIsPutOffWhileTheListsCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.store.lists = &store.Error{Kind: store.Unavailable, Op: "test", Err: errors.New("gone")}
	_, err := w.send(w.school(), to("anna@sink.example"), Options{}, text)
	refused(t, "without lists", err, 451, "4.3.0", "try again later")
	w.nothing("without lists")
}

func TestADomainsOwnReturnPath(t *testing.T) {
	w := newWorld(t)
	w.ReturnLabel = "bounce"
	d := w.domain("school.example")
	d.ReturnPath = true
	w.ok(w.store.ChangeDomain(t.Context(), store.DomainChange{Domain: d, From: d.State}))
	r, err := w.send(w.school(), to("anna@sink.example"), Options{}, text)
	w.ok(err)
	if m, _, _ := w.stored(r); m.Meta.ReturnDomain != "bounce.school.example" {
		t.Errorf("mail comes back to %q", m.Meta.ReturnDomain)
	}
}
