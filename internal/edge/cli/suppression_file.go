package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/flow/suppression"
	"github.com/budkavle/budkavle/internal/model"
)

type suppressionImport struct {
	whose
	File    string `arg:"" help:"File; - for standard input."`
	Kind    string `help:"List of rows that name none: bounce, unsubscribe, complaint or allow." placeholder:"LIST"`
	Tag     string `help:"Tag of unsubscriptions that name none." placeholder:"TAG"`
	Reason  string `help:"Reason of rows that have none." placeholder:"TEXT"`
	Refused string `help:"File to write rows to that cannot be used, as JSON lines (default: they are shown)." placeholder:"FILE"`
}

func (c *suppressionImport) Run(a *app) error {
	if c.Kind != "" {
		if _, err := suppression.ParseKind(c.Kind); err != nil {
			return &usageError{err}
		}
	}
	return a.withOffice(func(ctx context.Context, o *office) (err error) {
		account, domain, err := c.find(ctx, a, o)
		if err != nil {
			return err
		}
		in, size, err := a.openInput(c.File)
		if err != nil {
			return err
		}
		defer in.Close()
		read := &counting{in: in}
		t, began := newTerminal(a.Err, a.environ), time.Now()
		t.last = began
		refuse, closeRefused, err := c.refusals(a, t)
		if err != nil {
			return err
		}
		defer func() {
			if cerr := closeRefused(); err == nil {
				err = cerr
			}
		}()
		options := suppression.ImportOptions{
			List: suppression.List{Account: account}, Kind: c.Kind, Tag: c.Tag, Reason: c.Reason, Source: "import", Refused: refuse,
			Progress: func(d suppression.Imported) {
				t.progress(time.Now(), int(read.n>>10), int(size>>10), a.T("%s rows, %.0f a second", a.count(d.Rows), rate(d.Rows, began)))
			},
		}
		if domain != nil {
			options.Domain = domain.ID
		}
		done, err := o.lists().Import(ctx, read, options)
		t.settle()
		if err != nil {
			return wording.Errorf("%s: %w; %d rows before are listed, and reading the file again does no harm but to their counts", c.File, err, done.Listed)
		}
		return a.tellImported(done)
	})
}

// refusals shows rows that cannot be used, or writes them to a file.
func (c *suppressionImport) refusals(a *app, t *terminal) (refuse func(suppression.Refused) error, done func() error, err error) {
	if c.Refused == "" {
		return func(r suppression.Refused) error {
			t.settle()
			fmt.Fprintln(a.Err, a.T("row %d: %s: %s", r.Row, wording.Tell(r.Why, func(english string) string { return a.T(english) }), printable(r.Text)))
			return nil
		}, func() error { return nil }, nil
	}
	f, err := os.OpenFile(c.Refused, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, nil, err
	}
	e := json.NewEncoder(f)
	return func(r suppression.Refused) error {
		return e.Encode(map[string]any{"row": r.Row, "text": r.Text, "why": r.Why.Error()})
	}, f.Close, nil
}

func (a *app) tellImported(d suppression.Imported) error {
	var err error
	if a.json {
		err = a.printJSON(d)
	} else {
		a.say("%s rows: %s listed, %s kept off the bounce list by the allow list, %s refused", a.count(d.Rows), a.count(d.Listed), a.count(d.Allowed), a.count(d.Refused))
	}
	if err == nil && d.Refused > 0 {
		err = errFaults
	}
	return err
}

// openInput opens a file, whose size may be unknown (0), or standard input.
func (a *app) openInput(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(a.In), 0, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// counting counts what is read of a file.
type counting struct {
	in io.Reader
	n  int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	return n, err
}

type suppressionExport struct {
	whose
	Kind string `help:"Only this list: bounce, unsubscribe, complaint or allow." placeholder:"LIST"`
	Out  string `help:"File to write to: JSON lines if it ends with .json or .jsonl, else CSV (default: standard output)." placeholder:"FILE"`
}

func (c *suppressionExport) Run(a *app) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		f, err := c.filter(ctx, a, o, c.Kind, "")
		if err != nil {
			return err
		}
		out, keep, discard, err := c.open(a)
		if err != nil {
			return err
		}
		defer discard()
		t, began, n := newTerminal(a.Err, a.environ), time.Now(), 0
		t.last = began
		err = o.lists().Each(ctx, f, func(_ model.Suppression, r suppression.Record) error {
			if n++; n%10_000 == 0 && c.Out != "" {
				t.progress(time.Now(), 0, 0, a.T("%s rows, %.0f a second", a.count(n), rate(n, began)))
			}
			return out.Write(r)
		})
		t.settle()
		if err == nil {
			err = out.Flush()
		}
		if err == nil {
			err = keep()
		}
		if err != nil || c.Out == "" {
			return err
		}
		return a.done(map[string]int{"rows": n}, "%s rows written", a.count(n))
	})
}

// open opens what is written to. A file takes its name when all is in it.
func (c *suppressionExport) open(a *app) (out suppression.Writer, keep func() error, discard func(), err error) {
	if c.Out == "" {
		nothing := func() error { return nil }
		if a.json {
			return suppression.NewJSON(a.Out), nothing, func() {}, nil
		}
		return suppression.NewCSV(a.Out), nothing, func() {}, nil
	}
	f, err := os.CreateTemp(filepath.Dir(c.Out), filepath.Base(c.Out)+".*")
	if err != nil {
		return nil, nil, nil, err
	}
	out = suppression.NewCSV(f)
	if ext := strings.ToLower(filepath.Ext(c.Out)); ext == ".json" || ext == ".jsonl" {
		out = suppression.NewJSON(f)
	}
	keep = func() error {
		if err := f.Close(); err != nil {
			return err
		}
		return os.Rename(f.Name(), c.Out)
	}
	discard = func() { // after keep there is nothing under that name
		f.Close()
		_ = os.Remove(f.Name())
	}
	return out, keep, discard, nil
}
