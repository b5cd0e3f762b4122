package dkim

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/standard/message"
)

const sampleHeader = "Received: from client.example (client.example [127.0.0.1])\r\n\tby mx.example with ESMTPSA id 1; Mon, 23 Nov 2026 09:00:00 +0000\r\n" +
	"From: Skolan <info@school.example>\r\nTo: anna@sink.example\r\nSubject: =?utf-8?q?N=C3=A4rvaro?= vecka 47\r\n" +
	"Date: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@school.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"

func engines(tb testing.TB) []Engine {
	tb.Helper()
	lib, err := LoadEngine()
	if err != nil {
		tb.Fatal(err) // libssl3 is among what the tests install
	}
	return []Engine{GoEngine{}, lib}
}

func newKey(tb testing.TB, e Engine, algorithm string) (Key, Generated) {
	tb.Helper()
	g, err := Generate(algorithm, rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	k, err := LoadKey(e, "school.example", "s-"+algorithm, algorithm, g.PKCS8)
	if err != nil {
		tb.Fatal(err)
	}
	return k, g
}

func BenchmarkSign(b *testing.B) {
	h, err := message.Parse([]byte(sampleHeader))
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range engines(b) {
		for _, algorithm := range []string{RSA, Ed25519} {
			k, _ := newKey(b, e, algorithm)
			s, _ := NewSigner(k)
			b.Run(e.Name()+"/"+algorithm, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Sign(h, make([]byte, 32), time.Unix(0, 0)); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkBodyHash(b *testing.B) {
	body := bytes.Repeat([]byte("Hej alla, h\xc3\xa4r kommer veckans n\xc3\xa4rvaro f\xc3\xb6r klass 7B.\r\n"), 4096/56)
	b.SetBytes(int64(len(body)))
	h := NewBodyHash()
	for b.Loop() {
		h.Reset()
		_, _ = h.Write(body)
		h.Sum()
	}
}
