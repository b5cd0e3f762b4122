package addresses

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
	"github.com/budkavle/budkavle/internal/store"
)

// TestAFaultIsToldOnce takes the PTR record away for hours, then the resolver, and brings both back.
func TestAFaultIsToldOnce(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		const reverse = "1.2.0.192.in-addr.arpa"
		w.add(one, model.AddressActive)
		w.run(w.Service)
		pass(10 * time.Second)
		if a := w.stored(one); a.PTR != model.PTRProved || a.CheckedAt.IsZero() || time.Until(a.NextCheck) < 19*hour || time.Until(a.NextCheck) > 29*hour {
			t.Fatalf("%+v", a)
		}
		w.dns.set(func(f *dnstest.Fake) {
			f.PTR[one] = []string{"elsewhere.example"}
			f.A["elsewhere.example"] = []netip.Addr{two}
		})
		w.recheck()
		pass(3 * hour) // an hour apart, since it is bad
		if a := w.stored(one); a.PTR != model.PTRWrong || !strings.Contains(a.PTRFault, "leads to 192.0.2.2") || time.Until(a.NextCheck) > 73*time.Minute {
			t.Errorf("%+v", a)
		}
		checked := w.stored(one).CheckedAt
		w.dns.set(func(f *dnstest.Fake) { f.Faults[reverse] = dns.ServFail })
		pass(3 * hour)
		if a := w.stored(one); a.PTR != model.PTRWrong || a.CheckedAt.Sub(checked) > 2*hour {
			t.Errorf("a resolver that is down changed it: %+v", a)
		}
		w.dns.set(func(f *dnstest.Fake) {
			delete(f.Faults, reverse)
			f.PTR[one] = []string{"mx1.example"}
		})
		pass(2 * hour)
		w.dns.set(func(f *dnstest.Fake) { f.Faults[reverse] = dns.ServFail })
		w.recheck()
		pass(2 * hour)
		if a := w.stored(one); a.PTR != model.PTRProved || a.PTRFault != "" || texts(w.Senders()) != "192.0.2.1" || w.Senders()[0].PTR != model.PTRProved {
			t.Errorf("what was proved is not, for want of a resolver: %+v", a)
		}
		w.wantEvents("192.0.2.1: active", "192.0.2.1: PTR record wrong: elsewhere.example", "192.0.2.1: the PTR record is in order again")
		if len(w.out.seen().letters) != 2 || w.out.seen().to[0] != "" || !strings.Contains(w.out.seen().letters[0].text, "451 4.7.25") || !strings.Contains(w.out.seen().letters[1].subject, "i ordning igen / ") {
			t.Errorf("letters: %+v", w.out.seen().letters)
		}
	})
}

// recheck makes every address due now.
func (w *world) recheck() {
	w.t.Helper()
	_, err := w.store.ClaimAddresses(w.t.Context(), time.Now().Add(2*day), time.Now(), 10)
	w.ok(err)
	w.DirectoryChanged()
}

// TestWhatWasMendedNeedNotWait has an operator look at an address between two looks of the watch.
func TestWhatWasMendedNeedNotWait(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.add(one, model.AddressActive)
		w.dns.set(func(f *dnstest.Fake) { f.PTR[one] = nil })
		w.run(w.Service)
		pass(time.Minute)
		if s := w.Senders(); s[0].PTR != model.PTRMissing {
			t.Fatalf("%+v", s)
		}
		w.dns.set(func(f *dnstest.Fake) { f.PTR[one] = []string{"mx1.example"} })
		desk := New(w.config) // another process
		a, err := desk.Verify(t.Context(), one)
		w.ok(err)
		w.DirectoryChanged() // by the signal, in a node
		pass(time.Second)
		if s := w.Senders(); a.PTR != model.PTRProved || s[0].PTR != model.PTRProved {
			t.Errorf("%+v, senders %+v", a, s)
		}
		if _, err := desk.Verify(t.Context(), two); !store.Is(err, store.NotFound) {
			t.Errorf("none there: %v", err)
		}
	})
}

func TestABlocklistIsToldOnce(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		const listing = "1.2.0.192.zen.spamhaus.org"
		w.add(one, model.AddressActive)
		w.dns.set(func(f *dnstest.Fake) { f.A[listing] = []netip.Addr{netip.MustParseAddr("127.0.0.2")} })
		w.run(w.Service)
		pass(10 * time.Second)
		if a := w.stored(one); strings.Join(a.Listed, " ") != "zen.spamhaus.org" || a.PTR != model.PTRProved || time.Until(a.NextCheck) > 73*time.Minute {
			t.Fatalf("%+v", a)
		}
		w.dns.set(func(f *dnstest.Fake) { f.A[listing] = []netip.Addr{netip.MustParseAddr("127.255.255.254")} }) // it refuses to answer, which is no news
		pass(2 * hour)
		if a := w.stored(one); len(a.Listed) != 1 {
			t.Errorf("a list that refuses took it off: %+v", a)
		}
		w.dns.set(func(f *dnstest.Fake) { delete(f.A, listing) })
		pass(2 * hour)
		if a := w.stored(one); len(a.Listed) != 0 {
			t.Errorf("%+v", a)
		}
		w.wantEvents("192.0.2.1: active", "192.0.2.1: on the blocklist zen.spamhaus.org", "192.0.2.1: on no blocklist any longer")
		if len(w.out.seen().letters) != 2 {
			t.Errorf("%d letters", len(w.out.seen().letters))
		}
	})
}

// TestSeveralNodesCheckAnAddressOnce has two services on one store.
func TestSeveralNodesCheckAnAddressOnce(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.add(one, model.AddressActive)
		w.dns.set(func(f *dnstest.Fake) { f.PTR[one] = nil })
		for range 2 {
			w.run(New(w.config))
		}
		pass(6 * hour)
		w.wantEvents("192.0.2.1: active", "192.0.2.1: PTR record missing: the address has no PTR record")
		if len(w.out.seen().letters) != 1 {
			t.Errorf("%d letters", len(w.out.seen().letters))
		}
		if r := w.stored(one).Revision; r < 5 || r > 8 {
			t.Errorf("%d checks in 6 hours, want one an hour", r)
		}
	})
}
