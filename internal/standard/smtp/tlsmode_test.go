package smtp

import "testing"

func TestParseTLSMode(t *testing.T) {
	tests := map[string]struct {
		want    TLSMode
		trusted bool
	}{
		"": {TLSOpportunistic, false}, "none": {TLSNone, false}, "opportunistic": {TLSOpportunistic, false},
		"required": {TLSRequired, true}, "implicit": {TLSImplicit, true},
	}
	for in, tt := range tests {
		if got, err := ParseTLSMode(in); err != nil || got != tt.want || got.MustBeTrusted() != tt.trusted {
			t.Errorf("%q: got %q, trusted %v, %v", in, got, got.MustBeTrusted(), err)
		}
	}
	if _, err := ParseTLSMode("Required"); err == nil {
		t.Error("an unknown word was taken")
	}
}
