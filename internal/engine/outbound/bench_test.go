package outbound

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// sink takes mail without looking at it, as cheaply as Go can.
func sink(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReaderSize(conn, 64<<10)
	w := bufio.NewWriter(conn)
	_, _ = io.WriteString(w, "220 sink\r\n")
	_ = w.Flush()
	data := false
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case data && string(line) == ".\r\n":
			data = false
			_, _ = io.WriteString(w, "250 2.0.0 queued\r\n")
		case data:
			continue
		case bytes.HasPrefix(line, []byte("EHLO")):
			_, _ = io.WriteString(w, "250-sink\r\n250-PIPELINING\r\n250-SIZE\r\n250 8BITMIME\r\n")
		case bytes.HasPrefix(line, []byte("DATA")):
			data = true
			_, _ = io.WriteString(w, "354 go\r\n")
		default:
			_, _ = io.WriteString(w, "250 2.1.0 ok\r\n")
		}
		if r.Buffered() == 0 {
			_ = w.Flush()
		}
	}
}

// BenchmarkSend measures messages of 4 KiB on sessions in use, one for each CPU and then ten: against the sink above in
// the same process, or with OUTBOUND_PEER=127.0.0.1:2526 against another, such as `smtp-sink -c 127.0.0.1:2526 1000`.
// It reports the CPU time of this process besides.
func BenchmarkSend(b *testing.B) {
	peer := os.Getenv("OUTBOUND_PEER")
	if peer == "" {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				go sink(conn)
			}
		}()
		peer = ln.Addr().String()
	}
	for _, sessions := range []int{1, 10} {
		b.Run(fmt.Sprintf("sessions=%dxCPU", sessions), func(b *testing.B) { benchmarkSend(b, peer, sessions) })
	}
}

func benchmarkSend(b *testing.B, peer string, sessions int) {
	c := New(Config{})
	m := mailTo("recipient@example.org")
	m.Raw = bytes.Repeat([]byte("A line of a message, about as long as lines of messages are.  \r\n"), 64)
	b.ReportAllocs()
	b.SetBytes(int64(len(m.Raw)))
	b.SetParallelism(sessions)
	before := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		s, err := c.Connect(b.Context(), Target{Host: "sink", Addr: netip.MustParseAddrPort(peer), Helo: "bench", TLS: smtp.TLSNone})
		if err != nil {
			b.Error(err)
			return
		}
		defer s.Close()
		for pb.Next() {
			if r := s.Send(b.Context(), m); r.Recipients[0].Err != nil {
				b.Error(r.Recipients[0].Err)
				return
			}
		}
	})
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
