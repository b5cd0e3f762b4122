package compose

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
)

type brokenSigner struct{}

func (brokenSigner) Public() crypto.PublicKey { return nil }

func (brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("broken")
}

func ed25519Signer(t testing.TB) *dkim.Signer {
	t.Helper()
	s, err := dkim.NewSigner(dkim.Key{
		Domain: "school.example", Selector: "s", Algorithm: dkim.Ed25519, Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestReceivedGolden(t *testing.T) {
	id := ident.ID(1234567890123456789)
	for _, tt := range []struct {
		name  string
		trace Trace
		want  string
	}{
		{
			"SMTP over TLS with AUTH to one",
			Trace{Origin: model.OriginSMTP, Helo: "web1", Client: netip.MustParseAddr("192.0.2.1"), TLS: "TLS1.3 TLS_AES_128_GCM_SHA256", Auth: true, For: "anna@sink.example"},
			"Received: from web1 ([192.0.2.1])\r\n\tby mx.example (TLS1.3 TLS_AES_128_GCM_SHA256)\r\n\twith ESMTPSA id 2490yfx0w4h8m\r\n" +
				"\tfor <anna@sink.example>; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
		{
			"SMTPUTF8 in the clear to several",
			Trace{Origin: model.OriginSMTP, Helo: "[192.0.2.1]", Client: netip.MustParseAddr("::ffff:192.0.2.1"), UTF8: true},
			"Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby mx.example\r\n\twith UTF8SMTP id 2490yfx0w4h8m; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
		{
			"IPv6 and a name that would break the field",
			Trace{Origin: model.OriginSMTP, Helo: "a (b)\r\nBcc: <x>;\"\\å", Client: netip.MustParseAddr("fe80::1%eth0")},
			"Received: from abBcc:x ([IPv6:fe80::1])\r\n\tby mx.example\r\n\twith ESMTP id 2490yfx0w4h8m; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
		{
			"no name",
			Trace{Origin: model.OriginSMTP, Helo: "()", Client: netip.MustParseAddr("2001:db8::1")},
			"Received: from unknown ([IPv6:2001:db8::1])\r\n\tby mx.example\r\n\twith ESMTP id 2490yfx0w4h8m; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
		{
			"HELO",
			Trace{Origin: model.OriginSMTP, Helo: "old", Plain: true, TLS: "TLS1.3 TLS_AES_128_GCM_SHA256", Client: netip.MustParseAddr("192.0.2.1")},
			"Received: from old ([192.0.2.1])\r\n\tby mx.example (TLS1.3 TLS_AES_128_GCM_SHA256)\r\n\twith SMTP id 2490yfx0w4h8m; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
		{
			"HTTP tells nothing of its client",
			Trace{Origin: model.OriginHTTP, Client: netip.MustParseAddr("192.0.2.1")},
			"Received: by mx.example\r\n\twith HTTP id 2490yfx0w4h8m; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
		{
			"the node's own",
			Trace{Origin: model.OriginSystem},
			"Received: by mx.example\r\n\tid 2490yfx0w4h8m; Mon, 23 Nov 2026 09:00:00 +0000\r\n",
		},
	} {
		tt.trace.Hostname, tt.trace.ID, tt.trace.At = "mx.example", id, at
		if got := strings.ReplaceAll(string(tt.trace.Received()), id.String(), "2490yfx0w4h8m"); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	long := Trace{Origin: model.OriginSMTP, Helo: strings.Repeat("x", 1000), Client: netip.MustParseAddr("192.0.2.1"), Hostname: "mx.example", ID: id, At: at, For: strings.Repeat("y", 254)}
	for _, line := range strings.Split(string(long.Received()), "\r\n") {
		if len(line) > 300 {
			t.Errorf("a line of %d octets", len(line))
		}
	}
}
