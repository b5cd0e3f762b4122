package dns

import "testing"

func TestUnescape(t *testing.T) {
	tests := map[string]string{
		"plain": "plain", `a\"b`: `a"b`, `a\\b`: `a\b`, `\229`: "\xe5", `\22`: "22", `end\`: `end\`, `\0651`: "A1", "": "",
	}
	for in, want := range tests {
		if got := unescape(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	if seconds(1<<31) != 0 || seconds(60).Seconds() != 60 {
		t.Error("RFC 2181 8: a TTL with the high bit set is 0")
	}
}
