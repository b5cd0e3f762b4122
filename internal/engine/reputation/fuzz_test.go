package reputation

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// FuzzRead: whatever a list answers, a refusal is never a listing, nothing from outside 127.0.0.0/8 is believed, and all
// that is said has words.
func FuzzRead(f *testing.F) {
	f.Add([]byte{127, 0, 0, 2}, uint8(0))
	f.Add([]byte{127, 255, 255, 254, 127, 0, 0, 4}, uint8(0))
	f.Add([]byte{127, 0, 0, 80, 10, 0, 0, 1}, uint8(9))
	f.Add([]byte{127, 0, 0, 1}, uint8(10))
	table := Known()
	own, err := table.List("bl.own.example", "", Addresses)
	if err != nil {
		f.Fatal(err)
	}
	lists := append(table.Lists, own)
	f.Fuzz(func(t *testing.T, octets []byte, which uint8) {
		l := &lists[int(which)%len(lists)]
		var answers []netip.Addr
		for b := range slices.Chunk(octets, 4) {
			if len(b) == 4 {
				answers = append(answers, netip.AddrFrom4([4]byte(b)))
			}
		}
		state, codes := l.read(answers)
		seen := answers[:min(len(answers), maxAnswers)]
		outside := slices.ContainsFunc(seen, func(a netip.Addr) bool { return a.As4()[0] != 127 })
		refused := slices.ContainsFunc(seen, func(a netip.Addr) bool { b := a.As4(); return b[1] == 255 && b[2] == 255 })
		switch {
		case (state == Clear) != (len(answers) == 0), (state == Broken) != outside:
			t.Fatalf("%s %v: %s", l.Zone, answers, state)
		case refused && state == Listed:
			t.Fatalf("%s %v: a refusal is a listing", l.Zone, answers)
		case (state == Listed || state == Refused) != (len(codes) > 0):
			t.Fatalf("%s %v: %s without a meaning", l.Zone, answers, state)
		}
		for _, c := range codes {
			if m := l.meaning(c); m.Means.String() == "" || !weighs(m.Weight) {
				t.Fatalf("%s %v: %+v says nothing", l.Zone, answers, m)
			}
		}
	})
}

// FuzzGeneric: no name, however odd, makes it fail, and case does not hide an address.
func FuzzGeneric(f *testing.F) {
	f.Add("host-198-51-100-7.provider.example", []byte{198, 51, 100, 7})
	f.Add("1a2b-3c4d-5e6f-7081.", []byte{0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f, 0x70, 0x81})
	f.Add("..99999999999999999999-å.", []byte{0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, name string, octets []byte) {
		addr, ok := netip.AddrFromSlice(octets)
		if !ok {
			return
		}
		if why := generic(name, addr); !why.IsZero() && !strings.Contains(why.String(), name) {
			t.Fatalf("%q: %s", name, why)
		}
		if label := reversed(addr); generic(label+".provider.example", addr).IsZero() && !strings.HasPrefix(label, "0.0.0") && !strings.HasSuffix(label, "0.0.0") {
			t.Fatalf("%s is not seen in %s", addr, label)
		}
	})
}
