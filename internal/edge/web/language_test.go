package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// spoken are the texts of the templates, and the sentences of the source that reach one.
func spoken(t *testing.T) map[string]bool {
	t.Helper()
	said := map[string]bool{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(files, path)
		for _, m := range regexp.MustCompile(`\bt ("(?:[^"\\]|\\.)*")`).FindAllStringSubmatch(string(text), -1) {
			english, uerr := strconv.Unquote(m[1])
			if uerr != nil {
				t.Errorf("%s: %s: %v", path, m[1], uerr)
			}
			said[english] = true
		}
		return err
	})
	if err != nil || len(said) < 10 {
		t.Fatalf("%d texts in the templates, %v", len(said), err)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "swedish") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) > 0 {
				name, _ := call.Fun.(*ast.Ident)
				if lit, ok := call.Args[0].(*ast.BasicLit); ok && name != nil && name.Name == "say" {
					text, _ := strconv.Unquote(lit.Value)
					said[text] = true
				}
			}
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); regexp.MustCompile(`^[A-Z].* .*[.:]$`).MatchString(text) {
					said[text] = true
				}
			}
			return true
		})
	}
	return said
}

func TestEveryTextHasItsSwedish(t *testing.T) {
	sv, said := swedish(), spoken(t)
	for english := range said {
		translation, ok := sv[english]
		if !ok {
			t.Errorf("no Swedish for %q", english)
		}
		if strings.Count(english, "%") != strings.Count(translation, "%") {
			t.Errorf("%q and its Swedish %q take different arguments", english, translation)
		}
	}
	for english := range sv {
		if !said[english] {
			t.Errorf("Swedish for %q, which nothing says", english)
		}
	}
}
