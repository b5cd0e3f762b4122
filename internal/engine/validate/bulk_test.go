package validate

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/dns/dnstest"
)

// bulkOf gives the results of a file a line each, and what it came to.
func bulkOf(t *testing.T, text, column string) ([]string, Summary, error) {
	t.Helper()
	var got []string
	sum, err := validator(t, world()).Bulk(t.Context(), strings.NewReader(text), Options{Account: 1, Column: column, Emit: func(r Row) error {
		got = append(got, fmt.Sprintf("%d %s %s", r.Number, r.Address, strings.TrimSpace(inWords(r.Result))))
		return nil
	}})
	return got, sum, err
}

func encoded(t *testing.T, s string, e interface{ Bytes([]byte) ([]byte, error) }) string {
	t.Helper()
	b, err := e.Bytes([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBulkReadsEveryLayout(t *testing.T) {
	defer goleak.VerifyNone(t)
	const list = "Namn;E-post\nÅsa Öberg;asa@skola.example\nBo “B” Ek;bo@none.example\n"
	want := []string{"2 asa@skola.example deliverable low []", "3 bo@none.example undeliverable high [no_mx domain_not_found]"}
	for _, tt := range []struct {
		name, text, column string
		layout             Layout
	}{
		{"UTF-8", list, "", Layout{UTF8, ";", true, 2, "E-post"}},
		{"with a byte order mark", "\xef\xbb\xbf" + list, "", Layout{UTF8BOM, ";", true, 2, "E-post"}},
		{"UTF-16LE", encoded(t, list, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder()), "", Layout{UTF16LE, ";", true, 2, "E-post"}},
		{"UTF-16BE", encoded(t, list, unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder()), "", Layout{UTF16BE, ";", true, 2, "E-post"}},
		{"UTF-16LE without a mark", encoded(t, list, unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder()), "", Layout{UTF16LE, ";", true, 2, "E-post"}},
		{"UTF-16BE without a mark", encoded(t, list, unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder()), "", Layout{UTF16BE, ";", true, 2, "E-post"}},
		{"Windows-1252", encoded(t, list, charmap.Windows1252.NewEncoder()), "", Layout{Windows1252, ";", true, 2, "E-post"}},
		{"ISO-8859-1", encoded(t, strings.NewReplacer("“", "", "”", "").Replace(list), charmap.ISO8859_1.NewEncoder()), "", Layout{Latin1, ";", true, 2, "E-post"}},
		{"commas, CRLF", strings.NewReplacer(";", ",", "\n", "\r\n").Replace(list), "", Layout{UTF8, ",", true, 2, "E-post"}},
		{"tabs", strings.ReplaceAll(list, ";", "\t"), "e-post", Layout{UTF8, "\t", true, 2, "E-post"}},
		{"bars, no end", strings.ReplaceAll(strings.TrimSpace(list), ";", "|"), "2", Layout{UTF8, "|", true, 2, "E-post"}},
		{"empty lines", strings.ReplaceAll(list, "\n", "\n \n\n"), "", Layout{UTF8, ";", true, 2, "E-post"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, sum, err := bulkOf(t, tt.text, tt.column)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(tt.layout, sum.Layout); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBulkTellsOfEachRow(t *testing.T) {
	for _, tt := range []struct {
		name, text, column string
		want               []string
	}{
		{"one column, no heading, a broken one first", "anna.skola.example\nbo@skola.example\nbo@SKOLA.example\n", "", []string{
			"1 anna.skola.example undeliverable high [malformed_address]", "2 bo@skola.example deliverable low []", "3 bo@SKOLA.example deliverable low [duplicate]",
		}},
		{"duplicates: the domain's case and alphabet, not dots and tags", "a.b@räksmörgås.example\na.b@XN--RKSMRGS-5WAO1O.example\nab@räksmörgås.example\na.b+c@räksmörgås.example\nA.b@räksmörgås.example\n", "", []string{
			"1 a.b@räksmörgås.example deliverable low []", "2 a.b@XN--RKSMRGS-5WAO1O.example deliverable low [duplicate]",
			"3 ab@räksmörgås.example deliverable low []", "4 a.b+c@räksmörgås.example deliverable low []", "5 A.b@räksmörgås.example deliverable low []",
		}},
		{"quotes", "namn,epost\n\"Berg, Anna\",anna.b@skola.example\n\"Ek\n\"\"Bo\"\"\",\"bo@skola.example\"\nCia \"C\" Dal,\"\"\"c d\"\"@skola.example\"\nDan,\"d e\"@skola.example\n", "", []string{
			"2 anna.b@skola.example deliverable low []", "3 bo@skola.example deliverable low []",
			`4 "c d"@skola.example deliverable low []`, `5 "d e"@skola.example deliverable low []`,
		}},
		{"a quote that is never closed", "namn,epost\n\"Berg, anna.b@skola.example\nBo,bo@skola.example\n,\nCia\n" + strings.Repeat("Dan,d@skola.example\n", 2), "epost", []string{
			"2  [quote_not_closed]", "3 bo@skola.example deliverable low []", "4  [no_address]", "5  [no_address]", "6 d@skola.example deliverable low []", "7 d@skola.example deliverable low [duplicate]",
		}},
		{"a row that is too long", "epost;namn\na@skola.example;A\n" + strings.Repeat("x", maxRecord+1) + ";b\nb@skola.example;B\nc@skola.example;C\n", "", []string{
			"2 a@skola.example deliverable low []", "3 " + strings.Repeat("x", maxShown) + " [row_too_long]", "4 b@skola.example deliverable low []", "5 c@skola.example deliverable low []",
		}},
		{"columns of different lengths", "a@skola.example,1,2\nb@skola.example\nc@skola.example,1\n", "1", []string{
			"1 a@skola.example deliverable low []", "2 b@skola.example deliverable low []", "3 c@skola.example deliverable low []",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, sum, err := bulkOf(t, tt.text, tt.column)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if sum.Rows != len(got) || sum.Rows != sum.Addresses+sum.Broken+sum.Empty {
				t.Errorf("%+v", sum)
			}
		})
	}
}

func TestBulkRefuses(t *testing.T) {
	for _, tt := range []struct{ text, column, want string }{
		{"", "", "no rows"},
		{"namn\nAnna\n", "", "no column has addresses"},
		{"namn,epost\nAnna,a@skola.example\n", "e-post", `no column "e-post"; the first row has: namn, epost`},
		{"namn,epost\nAnna,a@skola.example\n", "3", "no column 3; the first row has 2"},
		{"namn,epost\nAnna,a@skola.example\n", "0", "no column 0"},
	} {
		if got, _, err := bulkOf(t, tt.text, tt.column); err == nil || !strings.Contains(err.Error(), tt.want) || got != nil {
			t.Errorf("%q %q: %v, %v", tt.text, tt.column, got, err)
		}
	}
}

func TestBulkEndsWhenItIsTold(t *testing.T) {
	defer goleak.VerifyNone(t)
	endless := io.MultiReader(strings.NewReader("a@skola.example\n"), endlessly("b@skola.example\n"))
	full := errors.New("the disk is full")
	n := 0
	_, err := validator(t, world()).Bulk(t.Context(), endless, Options{Emit: func(Row) error {
		if n++; n == 5 {
			return full
		}
		return nil
	}})
	if !errors.Is(err, full) || n != 5 {
		t.Errorf("%v after %d rows", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = validator(t, world()).Bulk(ctx, endless, Options{Emit: func(Row) error { cancel(); return nil }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	_, err = validator(t, world()).Bulk(t.Context(), io.MultiReader(strings.NewReader("a@skola.example\n"), iotest.ErrReader(full)), Options{Emit: func(Row) error { return nil }})
	if !errors.Is(err, full) {
		t.Errorf("reading fails: %v", err)
	}
	if _, err = validator(t, world()).Bulk(t.Context(), strings.NewReader("broken@skola.example\n"), Options{Emit: func(Row) error { return nil }}); err == nil {
		t.Error("suppressions that cannot be asked are no error")
	}
}

type endlessly string

func (e endlessly) Read(p []byte) (int, error) { return copy(p, e), nil }

// counting counts the questions for each name.
type counting struct {
	*dnstest.Fake
	mu    sync.Mutex
	asked map[string]int
}

func (c *counting) LookupMX(ctx context.Context, name string) (dns.Answer[dns.MX], error) {
	c.mu.Lock()
	c.asked[name]++
	c.mu.Unlock()
	return c.Fake.LookupMX(ctx, name)
}

func TestDomainsAreLookedUpOnce(t *testing.T) {
	var file strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&file, "a%d@d%d.example\n", i, i%100)
	}
	c := &counting{Fake: world(), asked: map[string]int{}}
	last := 0
	sum, err := validator(t, c).Bulk(t.Context(), strings.NewReader(file.String()), Options{
		Emit: func(r Row) error {
			if r.Number != last+1 {
				t.Errorf("row %d after %d", r.Number, last)
			}
			last = r.Number
			return nil
		},
		Progress: func(rows int, octets int64) {
			if rows%tellEvery != 0 || octets == 0 || octets > int64(file.Len()) {
				t.Errorf("progress %d rows, %d octets of %d", rows, octets, file.Len())
			}
		},
	})
	if err != nil || sum.Domains != 100 || len(c.asked) != 100 || last != 3000 {
		t.Fatalf("%+v, %v, %d asked, %d rows", sum, err, len(c.asked), last)
	}
	for name, n := range c.asked {
		if n != 1 {
			t.Errorf("%s asked %d times", name, n)
		}
	}
}

func TestOutputs(t *testing.T) {
	var c, j bytes.Buffer
	outputs := []Output{NewCSV(&c), NewJSON(&j)}
	_, err := validator(t, world()).Bulk(t.Context(), strings.NewReader("epost,namn\ninfo@gmsil.com,A\n\"b,B\nanna..berg@skola.example,C\n"), Options{Emit: func(r Row) error {
		return errors.Join(outputs[0].Write(r), outputs[1].Write(r))
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outputs {
		if err := o.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "results.csv", c.String())
	golden(t, "results.jsonl", j.String())
}

// FuzzBulk reads anything, and agrees with encoding/csv on what that takes.
func FuzzBulk(f *testing.F) {
	for _, s := range []string{
		"a,b\n1,x@y.example\n", "\"a\"\"b\";c@d\r\n\"e\nf\";g", "\xff\xfea\x00@\x00", "\"", "a\tb\n\"c", "\xef\xbb\xbfx@y\n", "\xe5@\xe4\n", "\"a\"b,c\n", strings.Repeat("\"a\",\"b\n", 30),
	} {
		f.Add(s, byte(','))
	}
	v := validator(f, world())
	f.Fuzz(func(t *testing.T, s string, d byte) {
		rows := 0
		sum, err := v.Bulk(t.Context(), strings.NewReader(s), Options{Emit: func(r Row) error { rows++; return nil }})
		if err == nil && (rows != sum.Rows || sum.Rows != sum.Addresses+sum.Broken+sum.Empty || rows > len(s)) {
			t.Errorf("%q: %d rows, %+v", s, rows, sum)
		}
		if !strings.ContainsRune(delimiters, rune(d)) {
			return
		}
		fields, open := split([]byte(s), d)
		if open != stillOpen([]byte("\""+string(d)+s), d) && !strings.HasPrefix(s, "\"") {
			t.Errorf("%q: split says open %v", s, open)
		}
		r := csv.NewReader(strings.NewReader(s))
		r.Comma = rune(d)
		want, err := r.Read()
		if _, more := r.Read(); err == nil && more == io.EOF && !strings.ContainsAny(s, "\r\n") && !slices.Equal(fields, want) {
			t.Errorf("%q: %q, encoding/csv %q", s, fields, want)
		}
	})
}
