package lab

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestZoneFaultsAreNamed(t *testing.T) {
	for _, tt := range []struct{ name, zone, want string }{
		{"syntax", "ttl = ", "line 1"},
		{"unknown key", "tll = \"1m\"", `unknown key "tll"`},
		{"unknown key of a server", one("", "address = 1"), `unknown key "provider.server.address"`},
		{"nothing", "", "0 providers"},
		{"ttl", "ttl = \"0s\"\n" + strings.TrimPrefix(one("", ""), "greylist"), "line"},
		{"outside", one("", "[[provider.server]]\nhost=\"a.example\"\naddresses=[\"192.0.2.1\"]"), "192.0.2.1 is not loopback"},
		{"taken address", one("", "[[provider.server]]\nhost=\"a.example\"\naddresses=[\"127.0.9.1\"]"), `is one of "One" already`},
		{"no address", one("", "[[provider.server]]\nhost=\"a.example\""), "has no addresses"},
		{"domain", "[[provider]]\nname=\"A\"\ndomains=[\"å.example\"]\nanswer=\"nxdomain\"", "is not a domain name"},
		{"domain twice", "[[provider]]\nname=\"A\"\ndomains=[\"a.example\",\"A.example.\"]\nanswer=\"nxdomain\"", `domain a.example is one of "A" already`},
		{"name twice", "[[provider]]\nname=\"A\"\ndomains=[\"a.example\"]\nanswer=\"nxdomain\"\n[[provider]]\nname=\"A\"\ndomains=[\"b.example\"]\nanswer=\"nxdomain\"", `provider 2 "A": wants a name of its own`},
		{"no server", "[[provider]]\nname=\"A\"\ndomains=[\"a.example\"]", "has no [[provider.server]]"},
		{"answer", one(`answer = "maybe"`, ""), `answer "maybe" is not`},
		{"useless server", one(`answer = "null-mx"`, ""), "leads to no server"},
		{"mix", one("mix = { eats = 1 }", ""), "mix: knows [accepts"},
		{"mix of nothing", one("mix = { accepts = 0 }", ""), "all weights are 0"},
		{"weight", one("mix = { accepts = -1 }", ""), "weight -1 of accepts"},
		{"tls", one("", `tls = "maybe"`), `tls "maybe" is not none or broken`},
		{"delay", one("", `delay = "2h"`), "delay 0s to 1m"},
		{"returns", "returns = \"192.0.2.1:25\"\n" + one("", ""), "is not loopback"},
		{"records", "records = \"a.example. A 192.0.2.1\"\n" + one("", ""), "192.0.2.1, which is not loopback"},
		{"record syntax", "records = \"a.example. MX x\"\n" + one("", ""), "records: "},
		{"include", "records = \"$INCLUDE /etc/passwd\"\n" + one("", ""), "records: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseZone(tt.zone); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if _, err := ReadZone(filepath.Join(t.TempDir(), "none.toml")); err == nil || !strings.Contains(err.Error(), "none.toml") {
		t.Errorf("error %v", err)
	}
	path := filepath.Join(t.TempDir(), "zone.toml")
	if err := os.WriteFile(path, []byte(builtin), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadZone(path); err != nil {
		t.Error(err)
	}
}

// The built-in zone names reserved domains only, RFC 2606.
func TestBuiltinZoneHasEveryBehaviour(t *testing.T) {
	z := BuiltinZone()
	mixed, answers, ways := map[Behaviour]bool{Loses: true}, map[Answer]bool{}, map[TLS]bool{}
	for _, p := range z.Providers {
		if p.Share == 0 {
			t.Errorf("%s gets no mail", p.Name)
		}
		answers[p.Answer] = true
		for b := range maps.Keys(p.Mix) {
			mixed[b] = true
		}
		for _, s := range p.Servers {
			ways[s.TLS] = true
		}
		for _, d := range p.Domains {
			if !strings.HasSuffix(d, ".example") {
				t.Errorf("domain %s", d)
			}
		}
	}
	if len(mixed) != len(behaviours()) || len(answers) != 6 || len(ways) != 3 {
		t.Errorf("behaviours %v, answers %v, TLS %v", mixed, answers, ways)
	}
}

func TestAddressesFollowTheShares(t *testing.T) {
	z := BuiltinZone()
	total := 0
	for _, p := range z.Providers {
		total += p.Share
	}
	for _, n := range []int{0, 1, 7, 300, 10_000} {
		list := z.Addresses(n)
		seen := map[string]bool{}
		counts := map[string]int{}
		for _, a := range list {
			seen[a] = true
			for _, p := range z.Providers {
				if slices.Contains(p.Domains, domainOf(a)) {
					counts[p.Name]++
				}
			}
		}
		if len(list) != n || len(seen) != n {
			t.Errorf("%d addresses, %d distinct, want %d", len(list), len(seen), n)
		}
		for _, p := range z.Providers {
			if got := float64(counts[p.Name]); math.Abs(got-float64(n*p.Share)/float64(total)) > 1 {
				t.Errorf("%d addresses: %s has %v of share %d", n, p.Name, got, p.Share)
			}
		}
	}
	if !slices.Equal(z.Addresses(50), BuiltinZone().Addresses(50)) {
		t.Error("the addresses change from run to run")
	}
}

func TestBehaviourFollowsWeightsAndSeed(t *testing.T) {
	p := Provider{Mix: map[Behaviour]int{Accepts: 3, Unknown: 1, Spam: 0}}
	counts := map[Behaviour]int{}
	moved := 0
	for i := range 4000 {
		a := fmt.Sprintf("person%d@one.example", i)
		b := p.behaviour(1, a)
		counts[b]++
		if p.behaviour(1, a) != b {
			t.Fatal("a mailbox changes its mind")
		}
		if p.behaviour(2, a) != b {
			moved++
		}
	}
	if counts[Unknown] < 850 || counts[Unknown] > 1150 || counts[Accepts]+counts[Unknown] != 4000 || moved == 0 {
		t.Errorf("%v, %d moved by the seed", counts, moved)
	}
}

func FuzzParseZone(f *testing.F) {
	f.Add(builtin)
	f.Add(dnsZone)
	f.Add(one("mix = { full = 1 }", "rate = 3"))
	f.Add("records = \"$GENERATE 1-1000000 a$.example. A 127.0.0.1\"\n" + one("", ""))
	f.Fuzz(func(t *testing.T, text string) {
		z, err := ParseZone(text)
		if err != nil {
			return
		}
		n, err := newNames(z)
		if err != nil {
			t.Fatalf("a zone that was taken cannot be published: %v", err)
		}
		for _, list := range n.tree.records {
			for _, rr := range list {
				if err := onLoopback(rr); err != nil {
					t.Error(err)
				}
			}
		}
		for _, a := range z.Addresses(20) {
			if !strings.Contains(a, "@") {
				t.Errorf("address %q", a)
			}
		}
	})
}
