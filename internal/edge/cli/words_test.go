package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/budkavle/budkavle/internal/engine/reputation"
)

// speakers are the functions whose string arguments a person reads: name to index of the first such argument.
var speakers = map[string]int{"T": 0, "say": 0, "Say": 0, "newTable": 0, "listing": 0, "done": 1, "explain": 1, "change": 1, "Errorf": 0, "bad": 1, "remark": 0}

// speaking are the folders whose texts and errors are shown by this package.
var speaking = []string{".", "../../base/config", "../../base/keyring", "../../base/ident", "../../flow/onboard", "../../flow/digest", "../../flow/addresses", "../../node", "../../lab", "../../standard/spf", "../../engine/proof", "../../standard/dkim", "../../engine/bounce", "../../standard/address", "../../engine/validate", "../../standard/dns", "../../engine/reputation", "../../standard/dmarc", "../../standard/mtasts", "../../standard/tlsrpt", "../../standard/bimi", "../../standard/dane", "../../standard/report", "../../engine/stage", "../../flow/reports", "../../flow/suppression", "../../engine/shaping", "../../flow/guard", "../../flow/relay"}

// spoken collects every English text of the package's source.
func spoken(t *testing.T) []string {
	t.Helper()
	set := map[string]bool{}
	var files []string
	for _, folder := range speaking {
		list, err := filepath.Glob(folder + "/*.go")
		if err != nil || len(list) == 0 {
			t.Fatalf("sources in %s: %v, %v", folder, list, err)
		}
		files = append(files, list...)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := called(call)
			first, ok := speakers[name]
			if !ok || len(call.Args) <= first {
				return true
			}
			args := call.Args[first:]
			if name != "newTable" && name != "listing" {
				args = args[:1] // what follows are arguments to set in
			}
			for _, arg := range args {
				if lit, ok := arg.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					text, _ := strconv.Unquote(lit.Value)
					set[text] = true
				}
			}
			return true
		})
	}
	helpTexts(reflect.TypeFor[commands](), set)
	var list []string
	for text := range set {
		list = append(list, text)
	}
	sort.Strings(list)
	return list
}

// called names the function of a call; only this module's own Errorf counts.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if x, ok := f.X.(*ast.Ident); ok && f.Sel.Name == "Errorf" && x.Name != "wording" {
			return ""
		}
		return f.Sel.Name
	}
	return ""
}

func helpTexts(t reflect.Type, set map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if help := f.Tag.Get("help"); help != "" {
			set[help] = true
		}
		if f.Type.Kind() == reflect.Struct {
			helpTexts(f.Type, set)
		}
	}
}

func TestEveryTextHasItsSwedish(t *testing.T) {
	sv := wordsFor("sv").swedish
	said := map[string]bool{}
	texts := append(spoken(t), stateWords...)
	texts = slices.AppendSeq(texts, maps.Keys(reputation.Swedish())) // a table holds both languages
	for _, text := range texts {
		said[text] = true
		if !strings.ContainsFunc(strings.NewReplacer("%w", "", "%s", "").Replace(text), unicode.IsLetter) {
			continue // nothing in it but what is set into it
		}
		translation, ok := sv[text]
		if !ok {
			t.Errorf("no Swedish for %q", text)
			continue
		}
		if a, b := verbs(text), verbs(translation); a != b {
			t.Errorf("%q takes %s, its Swedish %q takes %s", text, a, translation, b)
		}
	}
	for text := range sv {
		if !said[text] {
			t.Errorf("Swedish for %q, which nothing says", text)
		}
	}
}

// stateWords are shown through variables.
var stateWords = []string{
	"active", "suspended", "locked", "added", "waiting", "live", "degraded", "stopped", "leased", "held", "delivered", "bounced",
	"expired", "cancelled", "transactional", "bulk", "accepted", "rejected", "deferred", "released", "replied", "account", "domain", "unsubscribed", "complained", "returned", "bounce", "unsubscribe", "complaint", "allow",
	"deliverable", "undeliverable", "do_not_send", "low", "medium", "high",
	"credential", "class", "warming", "retiring", "retired", "proved", "missing", "wrong", "unclear", "address", "report",
}

func verbs(s string) string {
	var v []string
	for i := 0; i < len(s)-1; i++ {
		if s[i] == '%' {
			i++
			v = append(v, fmt.Sprintf("%%%c", s[i]))
		}
	}
	return strings.Join(v, " ")
}

func TestLanguageComesFromFlagThenLocale(t *testing.T) {
	for _, tt := range []struct {
		args, env []string
		want      string
	}{
		{nil, nil, "account"},
		{nil, []string{"LANG=sv_SE.UTF-8"}, "konto"},
		{nil, []string{"LANG=sv_SE.UTF-8", "LC_ALL=C"}, "account"},
		{[]string{"--lang", "sv"}, []string{"LANG=en_US"}, "konto"},
		{[]string{"queue", "list", "--lang=sv"}, nil, "konto"},
		{[]string{"--lang"}, []string{"LC_MESSAGES=sv"}, "konto"},
	} {
		if got := wordsFor(languageOf(tt.args, tt.env)).T("account"); got != tt.want {
			t.Errorf("%v %v: %q, want %q", tt.args, tt.env, got, tt.want)
		}
	}
}
