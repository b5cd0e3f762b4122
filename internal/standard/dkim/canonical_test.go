package dkim

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/standard/message"
)

// TestRelaxed is the example of RFC 6376 3.4.5.
func TestRelaxed(t *testing.T) {
	h, err := message.Parse([]byte("A: X\r\nB : Y\t\r\n\tZ  \r\n"))
	if err != nil {
		t.Fatal(err)
	}
	var header []byte
	for _, f := range h {
		header = relaxField(header, f.Raw)
	}
	if want := "a:X\r\nb:Y Z\r\n"; string(header) != want {
		t.Errorf("header %q, want %q", header, want)
	}
	if got, want := bodyHash(" C \r\nD \t E\r\n\r\n\r\n"), sha256.Sum256([]byte(" C\r\nD E\r\n")); !bytes.Equal(got, want[:]) {
		t.Error("the body's canonical form differs")
	}
}

func TestRelaxField(t *testing.T) {
	for in, want := range map[string]string{
		"SUBJect: AbC\r\n":                     "subject:AbC\r\n",
		"Subject \t:  a \t b \r\n":             "subject:a b\r\n",
		"Subject:a\r\n \t \r\n  b\r\n \r\n":    "subject:a b\r\n",
		"Subject:\r\n":                         "subject:\r\n",
		"Subject: \t\r\n":                      "subject:\r\n",
		"X: n\xc3\xa4r\r\n":                    "x:n\xc3\xa4r\r\n",
		"DKIM-Signature: v=1;\r\n\tbh=x; b=":   "dkim-signature:v=1; bh=x; b=\r\n",
		"Received: from a\r\n\tby b; then\r\n": "received:from a by b; then\r\n",
	} {
		if got := string(relaxField(nil, []byte(in))); got != want {
			t.Errorf("relaxField(%q) = %q, want %q", in, got, want)
		}
	}
}

func bodyHash(pieces ...string) []byte {
	b := NewBodyHash()
	for _, p := range pieces {
		_, _ = b.Write([]byte(p))
	}
	return b.Sum()
}

// relaxBody is RFC 6376 3.4.4 word by word, slowly.
func relaxBody(body string) string {
	lines := strings.Split(body, "\r\n")
	for i, l := range lines {
		l = regexp.MustCompile(`[ \t]+`).ReplaceAllString(l, " ")
		lines[i] = strings.TrimSuffix(l, " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\r\n") + "\r\n"
}

func TestBodyHash(t *testing.T) {
	for body, canonical := range map[string]string{
		"":                          "",
		"\r\n\r\n":                  "",
		" \t\r\n \r\n":              "",
		"a":                         "a\r\n", // a last line without end gets one
		"a\r\n":                     "a\r\n",
		"a\r\n\r\n\r\n":             "a\r\n",
		"\r\n\r\na \r\n":            "\r\n\r\na\r\n",
		"  a\t\tb  ":                " a b\r\n",
		"a\r\n \r\nb":               "a\r\n\r\nb\r\n",
		"a\rb\r\r\n":                "a\rb\r\r\n", // a lone CR is text
		"a\nb":                      "a\nb\r\n",
		strings.Repeat("x", 9000):   strings.Repeat("x", 9000) + "\r\n",
		strings.Repeat("y ", 5000):  strings.Repeat("y ", 4999) + "y\r\n",
		strings.Repeat("\r\n", 5e3): "",
	} {
		want := sha256.Sum256([]byte(canonical))
		if relaxBody(body) != canonical {
			t.Errorf("the reference makes %.40q of %.40q", relaxBody(body), body)
		}
		if !bytes.Equal(bodyHash(body), want[:]) {
			t.Errorf("%.40q is not hashed as %.40q", body, canonical)
		}
	}
	// RFC 6376 3.4.4, as RFC 6376's erratum 1384 has it: the hash of a body without text.
	if got := base64.StdEncoding.EncodeToString(bodyHash()); got != "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" {
		t.Errorf("hash of nothing %s", got)
	}
	b := NewBodyHash()
	_, _ = b.Write([]byte("first \r"))
	b.Sum()
	b.Reset()
	_, _ = b.Write([]byte("second"))
	if !bytes.Equal(b.Sum(), bodyHash("second")) {
		t.Error("Reset leaves something of the body before")
	}
}

// TestBodyHashInPieces proves that it does not matter where the stream is cut.
func TestBodyHashInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"\r", "\n", "\r\n", " ", "\t", "a", "bc", strings.Repeat("x", 5000)})).Draw(t, "body")
		body := strings.Join(words, "")
		var pieces []string
		for rest := body; rest != ""; {
			n := rapid.IntRange(1, min(len(rest), 7000)).Draw(t, "cut")
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		want := sha256.Sum256([]byte(relaxBody(body)))
		if !bytes.Equal(bodyHash(body), want[:]) {
			t.Fatalf("whole %q", body)
		}
		if !bytes.Equal(bodyHash(pieces...), want[:]) {
			t.Fatalf("pieces %q", pieces)
		}
	})
}

func FuzzBodyHash(f *testing.F) {
	for _, s := range []string{"", "a\r\n", " \r\n", "a \t b\r\n\r\n", "\r", "a\r\r\nb\n"} {
		f.Add(s, uint16(1))
	}
	f.Fuzz(func(t *testing.T, body string, cut uint16) {
		want := sha256.Sum256([]byte(relaxBody(body)))
		at := min(int(cut), len(body))
		if got := bodyHash(body[:at], body[at:]); !bytes.Equal(got, want[:]) {
			t.Errorf("%q cut at %d", body, at)
		}
	})
}

// FuzzRelaxField compares with RFC 6376 3.4.2 word by word.
func FuzzRelaxField(f *testing.F) {
	for _, s := range []string{"A: b\r\n", "Subject : a\r\n b \r\n", "X:", "X:\r\n \r\n"} {
		f.Add(s)
	}
	space := regexp.MustCompile(`[ \t]+`)
	f.Fuzz(func(t *testing.T, block string) {
		h, err := message.Parse([]byte(block))
		if err != nil {
			return
		}
		for _, field := range h {
			_, value, _ := strings.Cut(string(field.Raw), ":")
			value = space.ReplaceAllString(strings.NewReplacer("\r", "", "\n", "").Replace(value), " ")
			want := strings.ToLower(field.Name) + ":" + strings.Trim(value, " ") + "\r\n"
			if got := string(relaxField(nil, field.Raw)); got != want {
				t.Errorf("relaxField(%q) = %q, want %q", field.Raw, got, want)
			}
		}
	})
}

// TestRFC8463Vector is appendix A of RFC 8463.
func TestRFC8463Vector(t *testing.T) {
	const header = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n" +
		"Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\nMessage-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"
	const body = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n"
	const own = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;\r\n" +
		" q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : date;\r\n" +
		" bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b="
	const want = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
	if got := base64.StdEncoding.EncodeToString(bodyHash(body)); got != "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=" {
		t.Errorf("bh=%s", got)
	}
	seed, err := base64.StdEncoding.DecodeString("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	if err != nil {
		t.Fatal(err)
	}
	h, err := message.Parse([]byte(header))
	if err != nil {
		t.Fatal(err)
	}
	var canonical []byte
	for _, name := range []string{"From", "To", "Subject", "Date", "Message-ID"} {
		canonical = relaxField(canonical, h.All(name)[0].Raw)
	}
	k := Key{Algorithm: Ed25519, Signer: ed25519.NewKeyFromSeed(seed)}
	sig, err := k.signature(canonical, []byte(own))
	if got := base64.StdEncoding.EncodeToString(sig); err != nil || got != want {
		t.Errorf("b=%s, %v; want %s", got, err, want)
	}
	public := k.Signer.Public().(ed25519.PublicKey)
	if got := Record(Ed25519, public); got != "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" {
		t.Errorf("record %s", got)
	}
}
