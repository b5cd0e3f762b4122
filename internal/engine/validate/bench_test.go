package validate

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/lab"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

var rows = flag.Int("rows", 1_000_000, "rows of BenchmarkBulk")

// manyDomains answers for every domain after a delay, without keeping any: one in twenty does not exist, one has no MX,
// the others share a thousand mail servers.
type manyDomains struct {
	dns.Resolver
	delay time.Duration
}

func (m manyDomains) LookupMX(_ context.Context, name string) (dns.Answer[dns.MX], error) {
	time.Sleep(m.delay)
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	switch n := h.Sum32() % 1000; n % 20 {
	case 0:
		return dns.Answer[dns.MX]{}, &dns.Error{Kind: dns.NXDomain, Name: name, Type: "MX"}
	case 1:
		return dns.Answer[dns.MX]{}, &dns.Error{Kind: dns.NoData, Name: name, Type: "MX"}
	default:
		return dns.Answer[dns.MX]{Records: mx(fmt.Sprintf("mx%d.example", n)), Name: name}, nil
	}
}

func (m manyDomains) LookupA(_ context.Context, name string) (dns.Answer[netip.Addr], error) {
	return dns.Answer[netip.Addr]{Records: one, Name: name}, nil
}

// domainsOfList is a prime, so that all of them come.
const domainsOfList = 50_021

// list makes the rows of a file as they are read. Every 50th address is the one before once more.
type list struct {
	left, n int
	buf     []byte
	rest    []byte
}

func (l *list) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		if l.left == 0 {
			return 0, io.EOF
		}
		l.left--
		l.n++
		n := l.n - l.n%50/49
		domain := n * 7919 % domainsOfList
		l.buf = fmt.Appendf(l.buf[:0], "%d;Förnamn Efternamn;fornamn.efternamn%d@domain%d.example;Stockholm\n", l.n, n, domain)
		l.rest = l.buf
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// BenchmarkBulk checks a file of a million rows at 50,000 domains and writes the results as CSV: with DNS that answers at
// once, or after 20 ms, and with the lab's, asked over UDP as any other.
//
//	go test -run '^$' -bench Bulk -benchtime 1x ./internal/engine/validate
func BenchmarkBulk(b *testing.B) {
	b.Run("dns=at-once", func(b *testing.B) { bulkOnce(b, manyDomains{}) })
	b.Run("dns=20ms", func(b *testing.B) { bulkOnce(b, manyDomains{delay: 20 * time.Millisecond}) })
	b.Run("dns=lab", func(b *testing.B) {
		l, err := lab.Start(b.Context(), lab.Config{Zone: labZone()})
		if err != nil {
			b.Fatal(err)
		}
		defer l.Stop(context.WithoutCancel(b.Context()))
		client, err := dns.New(dns.Config{Servers: []string{l.DNSAddr()}})
		if err != nil {
			b.Fatal(err)
		}
		bulkOnce(b, client)
	})
}

// labZone has the domains of list as manyDomains has them.
func labZone() *lab.Zone {
	var records strings.Builder
	for n := range 1000 {
		fmt.Fprintf(&records, "mx%d.hosts.example. A 127.0.0.1\n", n)
	}
	for n := range domainsOfList {
		switch n % 20 {
		case 0:
		case 1:
			fmt.Fprintf(&records, "domain%d.example. A 127.0.0.1\n", n)
		default:
			fmt.Fprintf(&records, "domain%d.example. MX 10 mx%d.hosts.example.\n", n, n%1000)
		}
	}
	z := lab.BuiltinZone()
	z.Records = records.String()
	return z
}

func bulkOnce(b *testing.B, r dns.Resolver) {
	v := validator(b, r)
	for b.Loop() {
		runtime.GC()
		var before, m runtime.MemStats
		runtime.ReadMemStats(&before)
		var peak uint64
		out, began := NewCSV(&octets{}), time.Now()
		sum, err := v.Bulk(b.Context(), &list{left: *rows}, Options{Emit: out.Write, Progress: func(n int, _ int64) {
			if n%10_000 == 0 {
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse+m.StackInuse-before.HeapInuse-before.StackInuse)
			}
		}})
		if err != nil || sum.Addresses != *rows || sum.Domains != min(*rows, domainsOfList) || sum.Results[Unknown] > 0 {
			b.Fatalf("%+v, %v", sum, err)
		}
		b.ReportMetric(float64(*rows)/time.Since(began).Seconds(), "rows/s")
		b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
		b.ReportMetric(float64(sum.Results[Undeliverable]), "undeliverable")
	}
}

func (o *octets) Write(p []byte) (int, error) {
	o.n += int64(len(p))
	return len(p), nil
}
