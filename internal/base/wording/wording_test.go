package wording_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/budkavle/budkavle/internal/base/wording"
)

var swedish = map[string]string{
	"%q is not a port":    "%q är ingen port",
	"key %s: %w":          "nyckel %s: %w",
	"key %s: %s":          "nyckel %s: %s",
	"%s cannot be read":   "%s kan inte läsas",
	"%d of %s are broken": "av %[2]s är %[1]d trasiga",
}

func translate(pattern string) string {
	if sv, ok := swedish[pattern]; ok {
		return sv
	}
	return pattern
}

func TestTell(t *testing.T) {
	port := wording.Errorf("%q is not a port", "x")
	for _, tt := range []struct {
		name       string
		err        error
		english, s string
	}{
		{"plain", port, `"x" is not a port`, `"x" är ingen port`},
		{"wrapped", wording.Errorf("key %s: %w", "a", port), `key a: "x" is not a port`, `nyckel a: "x" är ingen port`},
		{"joined", errors.Join(port, wording.Errorf("%s cannot be read", "b")), "\"x\" is not a port\nb cannot be read", "\"x\" är ingen port\nb kan inte läsas"},
		{"other order", wording.Errorf("%d of %s are broken", 2, "c"), "2 of c are broken", "av c är 2 trasiga"},
		{"text inside", wording.Errorf("key %s: %s", "a", wording.Say("%s cannot be read", "b")), "key a: b cannot be read", "nyckel a: b kan inte läsas"},
		{"foreign inside", wording.Errorf("key %s: %w", "a", io.EOF), "key a: EOF", "nyckel a: EOF"},
		{"foreign outside", fmt.Errorf("so: %w", port), `so: "x" is not a port`, `so: "x" is not a port`},
		{"no translation", wording.Errorf("unheard of"), "unheard of", "unheard of"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.english {
				t.Errorf("English %q, want %q", got, tt.english)
			}
			if got := wording.Tell(tt.err, translate); got != tt.s {
				t.Errorf("Swedish %q, want %q", got, tt.s)
			}
		})
	}
	if !errors.Is(wording.Errorf("key %s: %w", "a", io.EOF), io.EOF) {
		t.Error("what was wrapped is not found")
	}
}
