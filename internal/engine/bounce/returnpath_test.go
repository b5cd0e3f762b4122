package bounce

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/model"
)

func TestReturnPathsComeBack(t *testing.T) {
	r := NewReturnPaths([]byte(strings.Repeat("k", 32)), "Bounce.School.Example")
	rapid.Check(t, func(t *rapid.T) {
		key := model.RecipientKey{Message: ident.ID(rapid.Int64Range(1, 1<<62).Draw(t, "message")), N: rapid.IntRange(0, 5000).Draw(t, "n")}
		all := rapid.Bool().Draw(t, "all")
		path := r.Make(key, all, "")
		local, domain, _ := strings.Cut(path, "@")
		if len(local) != 30 || domain != "bounce.school.example" || path != strings.ToLower(path) {
			t.Fatalf("return path %q", path)
		}
		got, gotAll, err := r.Parse(strings.ToUpper(local))
		if err != nil || gotAll != all || got.Message != key.Message || !all && got.N != key.N {
			t.Fatalf("%v %v came back as %v %v, %v", key, all, got, gotAll, err)
		}
		if own := r.Make(key, all, "bounce.town.example"); own != local+"@bounce.town.example" {
			t.Fatalf("at another domain %q", own)
		}
		// Whatever one character becomes, it is refused.
		i := rapid.IntRange(0, len(local)-1).Draw(t, "i")
		c := rapid.SampledFrom([]byte(alphabet+"z=+.")).Draw(t, "c")
		forged := local[:i] + string(c) + local[i+1:]
		if _, _, err := r.Parse(forged); forged != local && err == nil {
			t.Fatalf("forged %q of %q was taken", forged, local)
		}
	})
}

func TestOnlyOurKeyMakesReturnPaths(t *testing.T) {
	ours := NewReturnPaths([]byte(strings.Repeat("a", 32)), "bounce.example")
	theirs := NewReturnPaths([]byte(strings.Repeat("b", 32)), "bounce.example")
	local, _, _ := strings.Cut(theirs.Make(model.RecipientKey{Message: 7}, false, ""), "@")
	for _, bad := range []string{local, "", "b", "postmaster", strings.Repeat("b", 30), strings.Repeat("b", 64), local[1:]} {
		if _, _, err := ours.Parse(bad); err != ErrNotOurs {
			t.Errorf("Parse(%q) = %v", bad, err)
		}
	}
}

// TestNoSpareBit: the last character has a bit that belongs to no octet.
func TestNoSpareBit(t *testing.T) {
	r := NewReturnPaths([]byte(strings.Repeat("k", 32)), "bounce.example")
	local, _, _ := strings.Cut(r.Make(model.RecipientKey{Message: 2, N: 4}, false, ""), "@")
	last := strings.IndexByte(alphabet, local[len(local)-1])
	twin := local[:len(local)-1] + string(alphabet[last^1])
	if _, _, err := r.Parse(twin); err != ErrNotOurs {
		t.Errorf("%s, the twin of %s, was taken: %v", twin, local, err)
	}
}

func FuzzReturnPathParse(f *testing.F) {
	r := NewReturnPaths([]byte(strings.Repeat("k", 32)), "bounce.example")
	local, _, _ := strings.Cut(r.Make(model.RecipientKey{Message: 7, N: 3}, false, ""), "@")
	f.Add(local)
	f.Add("b")
	f.Fuzz(func(t *testing.T, s string) {
		if _, _, err := r.Parse(s); err == nil && !strings.EqualFold(s, local) {
			t.Errorf("%q was taken", s)
		}
	})
}
