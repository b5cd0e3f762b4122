package validate

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// office has Jobs in a folder, and runs them between start and stop.
type office struct {
	*Jobs
	t    *testing.T
	log  bytes.Buffer
	stop func()
}

func newOffice(t *testing.T, dir string, r dns.Resolver) *office {
	o := &office{t: t}
	o.Jobs = NewJobs(JobsConfig{Dir: dir, Validator: validator(t, r), Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(&o.log, nil))})
	return o
}

func (o *office) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- o.Run(ctx) }()
	o.stop = func() {
		cancel()
		if err := <-done; err != nil {
			o.t.Error(err)
		}
	}
}

// wait waits until the job is as wanted.
func (o *office) wait(id string, want Status) Job {
	o.t.Helper()
	for range 1000 {
		j, err := o.Get(1, id)
		if err != nil {
			o.t.Fatal(err)
		}
		if j.Status == want {
			return j
		}
		time.Sleep(time.Second) // of the bubble
	}
	o.t.Fatalf("%s is not %s", id, want)
	return Job{}
}

func (o *office) results(id string, asJSON bool) string {
	o.t.Helper()
	r, err := o.Results(1, id, asJSON)
	if err != nil {
		o.t.Fatal(err)
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func kindOf(err error) JobErrorKind {
	var e *JobError
	if errors.As(err, &e) {
		return e.Kind
	}
	return JobErrorKind(fmt.Sprint(err))
}

func TestJobs(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := filepath.Join(t.TempDir(), "validate")
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir, world())
		const text = "email\nanna.b@skola.example\nbo@none.example\n"
		for id, file := range map[string]io.Reader{"plain": strings.NewReader(text), "packed.gz": bytes.NewReader(packed(t, text)), "none": strings.NewReader("a\nb\n")} {
			if _, err := o.Add(1, id, file); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		if j, err := o.Get(1, "plain"); err != nil || j.Status != Created || j.Quantity != 3 {
			t.Errorf("%+v, %v", j, err)
		}
		if _, err := o.Results(1, "plain", true); kindOf(err) != NotDone {
			t.Errorf("results before it is done: %v", err)
		}
		o.start()
		defer func() { o.stop() }()
		for _, id := range []string{"plain", "packed.gz"} {
			j := o.wait(id, Uploaded)
			if j.Quantity != 2 || j.Processed != 2 || j.Summary.Results[Deliverable] != 1 || j.Summary.Risks[HighRisk] != 1 {
				t.Errorf("%s: %+v", id, j)
			}
			if text := o.results(id, false); strings.Count(text, "\n") != 3 || !strings.Contains(text, "2,anna.b@skola.example,deliverable") {
				t.Errorf("%s: %s", id, text)
			}
			if text := o.results(id, true); strings.Count(text, "\n") != 2 || !strings.HasPrefix(text, `{"row":2,`) {
				t.Errorf("%s: %s", id, text)
			}
		}
		if j := o.wait("none", Failed); !strings.Contains(j.Error, "no column has addresses") {
			t.Errorf("%+v", j)
		}
		if jobs, err := o.List(1); err != nil || len(jobs) != 3 {
			t.Errorf("%+v, %v", jobs, err)
		}
		if jobs, err := o.List(2); err != nil || len(jobs) != 0 {
			t.Errorf("another account: %+v, %v", jobs, err)
		}
		if _, err := o.Get(2, "plain"); kindOf(err) != NoSuchJob {
			t.Errorf("another account's: %v", err)
		}
		if err := o.Delete(1, "plain"); err != nil {
			t.Fatal(err)
		}
		if err := o.Delete(1, "plain"); kindOf(err) != NoSuchJob {
			t.Errorf("deleted twice: %v", err)
		}
		if left, _ := filepath.Glob(dir + "/*/.*"); left != nil {
			t.Errorf("left over: %q", left)
		}
	})
}

func TestJobsAreRefused(t *testing.T) {
	o := newOffice(t, t.TempDir(), world())
	for _, id := range []string{"", ".", "..", "../x", "a/b", "a@b", ".hidden", strings.Repeat("a", 65), "å"} {
		if _, err := o.Add(1, id, strings.NewReader("")); kindOf(err) != BadJobID {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := o.Results(1, id, true); kindOf(err) != BadJobID {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := o.Add(1, "cut", iotest.ErrReader(io.ErrUnexpectedEOF)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an upload that breaks off: %v", err)
	}
	if _, err := o.Add(1, "big", io.LimitReader(endlessly(strings.Repeat("a@b.example\n", 8000)), MaxFile+1)); kindOf(err) != FileTooBig {
		t.Errorf("too big: %v", err)
	}
	for i := range MaxJobs {
		if _, err := o.Add(1, fmt.Sprint("list", i), strings.NewReader("x@skola.example\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.Add(1, "list1", strings.NewReader("")); kindOf(err) != JobExists {
		t.Errorf("the same id: %v", err)
	}
	if _, err := o.Add(1, "more", strings.NewReader("")); kindOf(err) != TooManyJobs {
		t.Errorf("too many: %v", err)
	}
	if _, err := o.Add(2, "more", strings.NewReader("")); err != nil {
		t.Errorf("another account's: %v", err)
	}
	if left, _ := filepath.Glob(o.config.Dir + "/*/.*"); left != nil {
		t.Errorf("left over: %q", left)
	}
}

func TestGzipBombEnds(t *testing.T) {
	r := &limited{endlessly("a@b.example\n"), 100}
	n, err := io.Copy(io.Discard, r)
	if n != 100 || err == nil || !strings.Contains(err.Error(), "unpacked") {
		t.Errorf("%d octets, %v", n, err)
	}
}

// silent never answers for slow.example before the context ends.
type silent struct{ dns.Resolver }

func (s silent) LookupMX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	if name == "slow.example" {
		<-ctx.Done()
		return dns.Answer[dns.MX]{}, &dns.Error{Kind: dns.Cancelled, Name: name, Type: "MX", Err: ctx.Err()}
	}
	return s.Resolver.LookupMX(ctx, name)
}

func TestJobOutlastsRestart(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir, silent{world()})
		if _, err := o.Add(1, "list", strings.NewReader("bo@skola.example\ncia@slow.example\n")); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, "1", ".part-cut"), 0o700); err != nil {
			t.Fatal(err)
		}
		o.start()
		o.wait("list", Processing)
		o.stop()
		if j, err := o.Get(1, "list"); err != nil || j.Status != Processing {
			t.Fatalf("stopped: %+v, %v", j, err)
		}
		o = newOffice(t, dir, world())
		o.start()
		if j := o.wait("list", Uploaded); j.Quantity != 2 || j.Summary.Results[Unknown] != 1 {
			t.Errorf("%+v", j)
		}
		o.stop()
		if left, _ := filepath.Glob(dir + "/*/.*"); left != nil {
			t.Errorf("left over: %q", left)
		}
	})
}

func TestRunningJobIsDeleted(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t, dir, silent{world()})
		if _, err := o.Add(1, "list", strings.NewReader("cia@slow.example\n")); err != nil {
			t.Fatal(err)
		}
		o.start()
		o.wait("list", Processing)
		if err := o.Delete(1, "list"); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Add(1, "list", strings.NewReader("bo@skola.example\n")); err != nil { // the same id, at once
			t.Fatal(err)
		}
		if j := o.wait("list", Uploaded); j.Summary.Results[Deliverable] != 1 {
			t.Errorf("%+v", j)
		}
		o.stop()
	})
}
