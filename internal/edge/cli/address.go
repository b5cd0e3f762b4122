package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/model"
)

type addressCommand struct {
	Check addressCheck `cmd:"" help:"Say whether mail to addresses can arrive and should be sent. Exit status 1 if one given here should not be sent to."`
}

type addressCheck struct {
	dnsFlag
	Addresses []string `arg:"" optional:"" name:"address" help:"Addresses."`
	File      string   `help:"File of addresses: CSV with any delimiter and charset; - for standard input." placeholder:"FILE"`
	Out       string   `help:"File to write the result of each row to: JSON lines if it ends with .json or .jsonl, else CSV." placeholder:"FILE"`
	Account   string   `help:"Tell also what this account's suppression lists say of the addresses."`
	Column    string   `help:"Column with the addresses, by its heading or its number from 1 (default: the one with most)." placeholder:"NAME|N"`
}

func (c *addressCheck) Run(a *app) error {
	if (len(c.Addresses) == 0) == (c.File == "") {
		return &usageError{wording.Errorf("give addresses, or a file of them with --file")}
	}
	if c.File == "" && (c.Out != "" || c.Column != "") {
		return &usageError{wording.Errorf("--out and --column go with --file")}
	}
	resolver, err := c.resolver()
	if err != nil {
		return err
	}
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	disposable, err := validate.NewDisposable(cfg.Validation.Disposable, clock.System{}, a.complain)
	if err != nil {
		return err
	}
	checks := validate.Config{Resolver: resolver, Clock: clock.System{}, Disposable: disposable}
	if c.Account == "" {
		return c.check(a, checks, 0)
	}
	return a.withOfficeOf(cfg, func(ctx context.Context, o *office) error {
		id, err := a.accountID(ctx, o, c.Account)
		if err != nil {
			return err
		}
		checks.Suppressions = o.store
		return c.check(a, checks, id)
	})
}

func (c *addressCheck) check(a *app, checks validate.Config, account model.AccountID) error {
	v := validate.New(checks)
	if c.File != "" {
		return c.file(a, v, account)
	}
	return c.each(a, v, account)
}

// each checks the addresses of the command line.
func (c *addressCheck) each(a *app, v *validate.Validator, account model.AccountID) error {
	faults := false
	for _, text := range c.Addresses {
		r, err := v.Check(a.ctx, account, text)
		if err != nil {
			return err
		}
		faults = faults || r.Verdict == validate.Undeliverable || r.Verdict == validate.DoNotSend
		if a.json {
			err = a.printJSON(r)
		} else {
			a.tellAddress(r)
		}
		if err != nil {
			return err
		}
	}
	if faults {
		return errFaults
	}
	return nil
}

func (a *app) tellAddress(r validate.Result) {
	a.say("%s: %s, risk: %s", printable(r.Address), a.T(string(r.Verdict)), a.T(string(r.Risk)))
	for _, reason := range r.Reasons {
		fmt.Fprintf(a.Out, "  %s (%s)\n", a.text(reason.Text), reason.Code)
	}
	if r.DidYouMean != "" {
		a.say("  did you mean %s?", printable(r.DidYouMean))
	}
}

// file checks a file, shows how far it has come, and sums it up.
func (c *addressCheck) file(a *app, v *validate.Validator, account model.AccountID) error {
	in, size, err := a.openInput(c.File)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := c.openResults(a)
	if err != nil {
		return err
	}
	defer out.discard()
	t, began := newTerminal(a.Err, a.environ), time.Now()
	t.last = began
	sum, err := v.Bulk(a.ctx, in, validate.Options{
		Account: account, Column: c.Column,
		Emit: out.Write,
		Progress: func(rows int, octets int64) {
			now := time.Now()
			t.progress(now, int(octets>>10), int(size>>10), a.T("%s rows, %.0f a second", a.count(rows), float64(rows)/now.Sub(began).Seconds()))
		},
	})
	t.settle()
	if err != nil {
		return wording.Errorf("%s: %w", c.File, err)
	}
	if err := out.keep(); err != nil {
		return err
	}
	switch {
	case !a.json:
		return a.tellSummary(sum, c.Out)
	case c.Out != "":
		return a.printJSON(sum)
	}
	return nil
}

// results is where rows go: a file that takes its name when all is in it, standard output, or nowhere.
type results struct {
	validate.Output
	file *os.File // nil: no file
	name string
}

func (c *addressCheck) openResults(a *app) (*results, error) {
	switch {
	case c.Out == "" && a.json:
		return &results{Output: validate.NewJSON(a.Out)}, nil
	case c.Out == "":
		return &results{Output: validate.NewCSV(io.Discard)}, nil
	}
	from, ferr := os.Stat(c.File)
	to, terr := os.Stat(c.Out)
	if ferr == nil && terr == nil && os.SameFile(from, to) {
		return nil, &usageError{wording.Errorf("--out and --file name the same file; the results need one of their own")}
	}
	f, err := os.CreateTemp(filepath.Dir(c.Out), filepath.Base(c.Out)+".*")
	if err != nil {
		return nil, err
	}
	r := &results{validate.NewCSV(f), f, c.Out}
	if ext := strings.ToLower(filepath.Ext(c.Out)); ext == ".json" || ext == ".jsonl" {
		r.Output = validate.NewJSON(f)
	}
	return r, nil
}

// keep gives the file its name.
func (r *results) keep() error {
	if err := r.Flush(); err != nil || r.file == nil {
		return err
	}
	if err := r.file.Close(); err != nil {
		return err
	}
	return os.Rename(r.file.Name(), r.name)
}

// discard removes what was not kept; after keep there is nothing under that name.
func (r *results) discard() {
	if r.file != nil {
		r.file.Close()
		_ = os.Remove(r.file.Name())
	}
}

func (a *app) tellSummary(s validate.Summary, out string) error {
	parted := map[string]string{"": a.T("one field a line"), "\t": a.T("tab")}[s.Delimiter]
	a.say("Read as %s, delimiter: %s; addresses in column %d %s", string(s.Charset), cmp.Or(parted, s.Delimiter), s.Column, printable(s.Name))
	a.say("%s rows, %s addresses, %s of them again, at %s domains; %s rows without address, %s broken",
		a.count(s.Rows), a.count(s.Addresses), a.count(s.Duplicates), a.count(s.Domains), a.count(s.Empty), a.count(s.Broken))
	fmt.Fprintln(a.Out)
	t := a.newTable("result", "addresses")
	for _, v := range validate.Verdicts() {
		t.row(a.T(string(v)), a.count(s.Results[v]))
	}
	if err := t.flush(); err != nil || len(s.Reasons) == 0 {
		return err
	}
	fmt.Fprintln(a.Out)
	t = a.newTable("reason", "rows")
	codes := slices.SortedFunc(maps.Keys(s.Reasons), func(x, y validate.Code) int {
		return cmp.Or(s.Reasons[y]-s.Reasons[x], strings.Compare(string(x), string(y)))
	})
	for _, code := range codes {
		t.row(string(code), a.count(s.Reasons[code]))
	}
	if err := t.flush(); err != nil {
		return err
	}
	if out != "" {
		fmt.Fprintln(a.Out)
		a.say("Each row's result is in %s", out)
	}
	return nil
}
