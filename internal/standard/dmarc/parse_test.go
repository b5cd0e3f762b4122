package dmarc_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/finding"
	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

var update = flag.Bool("update", false, "write the golden files anew")

const recordsGolden = "testdata/records.golden"

// TestRecords plays testdata/records.golden: a line "> record" (\t stands for a tab), and below it what is made of it.
func TestRecords(t *testing.T) {
	text, err := os.ReadFile(recordsGolden)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	n := 0
	for line := range strings.Lines(string(text)) {
		record, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
		if !ok {
			continue
		}
		n++
		fmt.Fprintf(&got, "> %s\n%s\n", record, readAs(strings.ReplaceAll(record, `\t`, "\t")))
	}
	if *update {
		if err := os.WriteFile(recordsGolden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(text), got.String()); diff != "" && !*update {
		t.Errorf("records are read otherwise (-want +got); if it is right: go test -run TestRecords -update\n%s", diff)
	}
	if n < 40 {
		t.Errorf("%d records; at least 40 shapes belong here", n)
	}
}

func readAs(text string) string {
	var b strings.Builder
	r, faults := dmarc.Parse(text)
	if r != nil {
		fmt.Fprintf(&b, "  p=%s sp=%s np=%s adkim=%s aspf=%s fo=%s testing=%v psd=%s void=%v\n",
			r.Policy, r.PolicyFor(true, true), r.PolicyFor(true, false), r.DKIM, r.SPF, strings.Join(r.Options, ":"), r.Testing, r.PSD, r.Void)
		for _, list := range [][]dmarc.URI{r.Aggregate, r.Failure} {
			for _, u := range list {
				fmt.Fprintf(&b, "  to %s (%s) %d\n", u.Text, u.Address, u.MaxSize)
			}
		}
	}
	for _, f := range faults {
		fmt.Fprintf(&b, "  %s %s, %v\n", f.Severity, f.Code, f)
	}
	return b.String()
}

const explainedGolden = "testdata/explained.golden"

func TestExplain(t *testing.T) {
	var got strings.Builder
	for _, text := range []string{
		"v=DMARC1; p=none",
		"v=DMARC1; p=reject; sp=quarantine; np=reject; adkim=s; aspf=s; rua=mailto:a@example.org,mailto:b@example.net; ruf=mailto:f@example.org; fo=1:d; t=y; psd=n",
		"v=DMARC1; p=quarantine; ruf=mailto:f@example.org; fo=0:s; psd=y",
	} {
		r, _ := dmarc.Parse(text)
		fmt.Fprintf(&got, "> %s\n", text)
		for _, e := range dmarc.Explain(r) {
			written := ""
			if e.Default {
				written = " (default)"
			}
			fmt.Fprintf(&got, "  %s=%s%s: %s\n", e.Tag, e.Value, written, e.Meaning)
		}
	}
	if *update {
		if err := os.WriteFile(explainedGolden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(explainedGolden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("(-want +got); if it is right: go test -run TestExplain -update\n%s", diff)
	}
}

func TestBuild(t *testing.T) {
	for _, tt := range []struct {
		want dmarc.Want
		text string
	}{
		{dmarc.Want{}, "v=DMARC1; p=none"},
		{dmarc.Want{Aggregate: []string{"dmarc@example.org"}}, "v=DMARC1; p=none; rua=mailto:dmarc@example.org"},
		{
			dmarc.Want{Policy: dmarc.Reject, Subdomains: dmarc.Reject, NonExistent: dmarc.Reject, DKIM: dmarc.Relaxed, SPF: dmarc.Relaxed},
			"v=DMARC1; p=reject", // all of it is what p alone says
		},
		{
			dmarc.Want{Policy: dmarc.Quarantine, Subdomains: dmarc.None, NonExistent: dmarc.Reject, DKIM: dmarc.Strict, SPF: dmarc.Strict, Testing: true},
			"v=DMARC1; p=quarantine; sp=none; np=reject; t=y; pct=0; adkim=s; aspf=s",
		},
		{
			dmarc.Want{Policy: dmarc.Reject, Aggregate: []string{"a!b@example.org", "c@example.net"}, Failure: []string{"f@example.org"}, Options: []string{"1", "d"}},
			"v=DMARC1; p=reject; rua=mailto:a%21b@example.org,mailto:c@example.net; ruf=mailto:f@example.org; fo=1:d",
		},
		{dmarc.Want{Policy: dmarc.Reject, Options: []string{"1"}}, "v=DMARC1; p=reject"}, // fo is idle without ruf
	} {
		got := dmarc.Build(tt.want)
		if got != tt.text {
			t.Errorf("got  %s\nwant %s", got, tt.text)
		}
		r, faults := dmarc.Parse(got)
		if faults.Worst() == finding.Error || r.Void {
			t.Errorf("%s: %v", got, faults)
		}
		for i, a := range tt.want.Aggregate {
			if r.Aggregate[i].Address != a {
				t.Errorf("%s: address %q, want %q", got, r.Aggregate[i].Address, a)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=DMARC1; p=none; rua=mailto:a@example.org!10m,mailto:b%40x@example.org; pct=5; t=y")
	f.Add("v=DMARC1;p=rejct;;fo=1:x;=;adkim=q;psd=z; sp")
	f.Add("v = DMARC1\t; ruf=https://x; p=reject; p=none")
	f.Fuzz(func(t *testing.T, text string) {
		r, faults := dmarc.Parse(text)
		if (r != nil) != dmarc.IsRecord(text) && len(text) <= 64<<10 {
			t.Fatalf("%q is a record: %v", text, dmarc.IsRecord(text))
		}
		for _, fault := range faults {
			if fault.Offset < 0 || fault.Offset+len(fault.Text) > len(text) || text[fault.Offset:fault.Offset+len(fault.Text)] != fault.Text {
				t.Fatalf("%q: fault %v is not where it says", text, fault)
			}
			if fault.Error() == "" || fault.Change.IsZero() {
				t.Fatalf("%q: fault %s says nothing", text, fault.Code)
			}
		}
		if r == nil {
			return
		}
		for _, p := range []dmarc.Policy{r.Policy, r.PolicyFor(true, true), r.PolicyFor(true, false)} {
			if p != dmarc.None && p != dmarc.Quarantine && p != dmarc.Reject {
				t.Fatalf("%q: policy %q", text, p)
			}
		}
		dmarc.Explain(r)
	})
}
