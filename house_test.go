package budkavle_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	module           = "github.com/budkavle/budkavle/"
	maxFileLines     = 800
	maxFunctionLines = 120
)

// floors is the order of docs/decisions/0001: a package imports only what stands on lower floors, and on its
// own floor only what inFloor allows.
var floors = []string{"base", "standard", "model", "store", "engine", "flow", "edge", "node"}

// inFloor holds the floors whose packages may import one another: tools and formats build on each other, and the
// stores on the interfaces they implement. Engines, flows and edges do not know their neighbours.
var inFloor = map[string]bool{"base": true, "standard": true, "model": true, "store": true}

// aside are folders of internal that are not floors, with what they may import of the module. cli is the one
// edge that starts nodes and labs.
var aside = map[string][]string{
	"lab": {"internal/base/", "internal/standard/", "internal/lab"},
}

var exceptions = map[string][]string{
	"internal/edge/cli": {"internal/node", "internal/lab"},
	// The node builds the edges; the command line stands above the node.
	"cmd/budkavle": {"internal/edge/cli"},
}

type source struct {
	dir  string // slash-separated, from the root of the module
	path string
	test bool
	file *ast.File
}

func sources(t *testing.T) ([]source, *token.FileSet) {
	t.Helper()
	fset := token.NewFileSet()
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "tools" || d.Name() == "bin" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, p, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{path.Dir(filepath.ToSlash(p)), p, strings.HasSuffix(p, "_test.go"), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d source files found; is this the root of the module?", len(all))
	}
	return all, fset
}

func floorOf(dir string) int {
	rest, ok := strings.CutPrefix(dir, "internal/")
	if !ok {
		return -1
	}
	name, _, _ := strings.Cut(rest, "/")
	for i, f := range floors {
		if f == name {
			return i
		}
	}
	return -1
}

func mayImport(from, to string) bool {
	for _, allowed := range exceptions[from] {
		if to == allowed || strings.HasPrefix(to, allowed+"/") {
			return true
		}
	}
	if from == to || strings.HasPrefix(to, from+"/") {
		return true
	}
	for folder, allowed := range aside {
		if from == "internal/"+folder || strings.HasPrefix(from, "internal/"+folder+"/") {
			for _, prefix := range allowed {
				if strings.HasPrefix(to, prefix) {
					return true
				}
			}
			return false
		}
	}
	a, b := floorOf(from), floorOf(to)
	if a < 0 || b < 0 {
		return false
	}
	return b < a || a == b && inFloor[floors[a]]
}

func TestImportsGoDownwards(t *testing.T) {
	all, _ := sources(t)
	for _, s := range all {
		if s.test || s.dir == "." || strings.HasPrefix(s.dir, "test") {
			continue // tests may reach for anything; what ships may not
		}
		for _, imp := range s.file.Imports {
			p, _ := strconv.Unquote(imp.Path.Value)
			to, ours := strings.CutPrefix(p, module)
			if ours && !mayImport(s.dir, to) {
				t.Errorf("%s imports %s: see the floors in docs/decisions/0001-floors.md", s.path, to)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	all, _ := sources(t)
	documented := map[string]bool{}
	for _, s := range all {
		if s.test || s.dir == "." {
			continue
		}
		documented[s.dir] = documented[s.dir] || s.file.Doc != nil && len(s.file.Doc.Text()) > 80
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment that says what it is, how it fails and what it is not", dir)
		}
	}
}

func TestFilesAndFunctionsStaySmall(t *testing.T) {
	all, fset := sources(t)
	for _, s := range all {
		if n := fset.File(s.file.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines, at most %d", s.path, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			if n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; n > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, at most %d", s.path, f.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

func TestNoPackageKeepsStateOrStartsByItself(t *testing.T) {
	all, fset := sources(t)
	for _, s := range all {
		switch path.Base(s.dir) {
		case "util", "utils", "common", "helpers", "misc":
			t.Errorf("%s: name the package after the thing it holds", s.dir)
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init function", fset.Position(f.Pos()))
			}
		}
	}
}
