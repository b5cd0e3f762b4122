package dmarc_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/standard/dmarc"
)

const (
	begin  = "<feedback><policy_published><domain>example.org</domain></policy_published>"
	oneRow = "<record><row><source_ip>192.0.2.1</source_ip><count>2</count><policy_evaluated><dkim>pass</dkim></policy_evaluated></row></record>"
)

func TestReadAggregateTakesWhatReportersWrite(t *testing.T) {
	for _, tt := range []struct{ name, xml, org string }{
		{"plain", begin + oneRow + "<report_metadata><org_name>Org</org_name></report_metadata></feedback>", "Org"},
		{"a namespace with a prefix", `<f:feedback xmlns:f="urn:ietf:params:xml:ns:dmarc-2.0"><f:policy_published><f:domain>example.org</f:domain></f:policy_published>` + oneRow + "</f:feedback>", ""},
		{"Latin 1", `<?xml version="1.0" encoding="iso-8859-1"?>` + begin + oneRow + "<report_metadata><org_name>\xc5re Mejl</org_name></report_metadata></feedback>", "Åre Mejl"},
		{"a bare ampersand", begin + oneRow + "<report_metadata><org_name>A & B</org_name></report_metadata></feedback>", "A & B"},
		{"spaces and lines", begin + oneRow + "<report_metadata><org_name>\n  Org\n </org_name></report_metadata></feedback>", "Org"},
		{"a section of characters", begin + oneRow + "<report_metadata><org_name><![CDATA[<Org>]]></org_name></report_metadata></feedback>", "<Org>"},
		{"a comment", "<!-- a > b <x> -->" + begin + oneRow + "</feedback>", ""},
		{"a document type", "<!DOCTYPE feedback>" + begin + oneRow + "</feedback>", ""},
		{"control characters", begin + oneRow + "<report_metadata><org_name>a&#x9b;31mb</org_name></report_metadata></feedback>", "a?31mb"},
		{"text behind", begin + oneRow + "</feedback>\n\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := dmarc.ReadAggregate(strings.NewReader(tt.xml))
			if err != nil {
				t.Fatal(err)
			}
			if all, pass := r.Messages(); r.Organisation != tt.org || all != 2 || pass != 2 || r.Published.Domain != "example.org" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestReadAggregateRefuses(t *testing.T) {
	for _, tt := range []struct{ name, xml, want string }{
		{"nothing", "", "there is no XML in it"},
		{"text", "hello", "there is no XML in it"},
		{"another root", "<html></html>", `its first element is "html"`},
		{"no domain", "<feedback></feedback>", "names no domain"},
		{"cut off", begin + "\n<record><row>", "line 2: the XML is broken: unexpected EOF"},
		{"another charset", `<?xml version="1.0" encoding="utf-16"?>` + begin, `charset "utf-16"`},
		{"no charset", `<?xml version="1.0" encoding="klingon"?>` + begin, `charset "klingon"`},
		{"entities", `<!DOCTYPE x [<!ENTITY a "aaaa">]>` + begin, "document type of its own"},
		{"an external file", `<!DOCTYPE x [ <!ENTITY % a SYSTEM "file:///etc/passwd"> %a; ]>` + begin, "document type of its own"},
		{"too deep", "<feedback>" + strings.Repeat("<a>", 100_000), "more than 16 elements"},
		{"a long text", "<feedback><a>" + strings.Repeat("x", 100_000), "longer than 65536 octets"},
		{"a long attribute", `<feedback a="` + strings.Repeat(">", 100_000), "longer than 65536 octets"},
		{"a long comment", "<!--" + strings.Repeat("<x>", 100_000), "longer than 65536 octets"},
		{"a long instruction", "<?a " + strings.Repeat("<x>", 100_000), "longer than 65536 octets"},
		{"a long section", "<feedback><![CDATA[" + strings.Repeat("<x>", 100_000), "longer than 65536 octets"},
		{"a document type that is a tag", "<!" + strings.Repeat("<x>", 100_000), "document type of its own"},
		{"a document type that is quoted", "<!DOCTYPE x \">" + strings.Repeat("<x>", 100_000), "document type of its own"},
		{"a document type elsewhere", `<!DOCTYPE x SYSTEM "file:///etc/passwd">` + begin, "document type of its own"},
		{"a nested document type", "<!DOCTYPE <" + strings.Repeat("<x>", 100_000), "document type of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := dmarc.ReadAggregate(strings.NewReader(tt.xml))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %+v, %v; want %q", r, err, tt.want)
			}
		})
	}
}

func TestValuesThatMakeNoSensePassOver(t *testing.T) {
	r, err := dmarc.ReadAggregate(strings.NewReader(begin + `<report_metadata><date_range><begin>soon</begin><end>99999999999999</end></date_range></report_metadata>
		<record><row><source_ip>nowhere</source_ip><count>-5</count></row></record>
		<record><row><source_ip>::ffff:192.0.2.1</source_ip><count>999999999999999999</count></row></record></feedback>`))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Rows) != 2 || r.Rows[0].Source.IsValid() || r.Rows[0].Count != 0 || r.Rows[1].Source.String() != "192.0.2.1" || r.Rows[1].Count != 1<<40 || !r.Begin.IsZero() || !r.End.IsZero() {
		t.Errorf("%+v", r)
	}
}

// repeated gives head, then body n times, then tail, without holding it.
func repeated(head, body string, n int, tail string) io.Reader {
	readers := []io.Reader{strings.NewReader(head)}
	const batch = 1000
	block := strings.Repeat(body, batch)
	for range n / batch {
		readers = append(readers, strings.NewReader(block))
	}
	return io.MultiReader(append(readers, strings.NewReader(tail))...)
}

func TestLongReportsAreCounted(t *testing.T) {
	r, err := dmarc.ReadAggregate(repeated(begin, oneRow, dmarc.MaxRows+5000, "</feedback>"))
	if err != nil {
		t.Fatal(err)
	}
	all, _ := r.Messages()
	if len(r.Rows) != dmarc.MaxRows || r.Omitted != (dmarc.Omitted{Rows: 5000, Messages: 10000}) || all != 2*(dmarc.MaxRows+5000) {
		t.Errorf("%d rows, omitted %+v, %d messages", len(r.Rows), r.Omitted, all)
	}
}

// distinct is a report whose texts all differ, made as it is read.
type distinct struct {
	rest string
	n    int // signatures made
	left int // octets to make
}

func (d *distinct) Read(p []byte) (int, error) {
	if d.rest == "" {
		if d.left < 0 {
			return 0, io.EOF
		}
		text := fmt.Sprint(strings.Repeat("x", 900), d.n)
		d.rest = fmt.Sprintf("<record><row><count>1</count></row><auth_results><dkim><domain>%[1]sa</domain><selector>%[1]sb</selector><human_result>%[1]sc</human_result></dkim></auth_results></record>", text)
		d.n++
		if d.left -= len(d.rest); d.left < 0 {
			d.rest += "</feedback>"
		}
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	return n, nil
}

// TestMemory: a report of 32 MiB whose texts all differ keeps no more than the arithmetic at MaxRows says.
func TestMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r, err := dmarc.ReadAggregate(io.MultiReader(strings.NewReader(begin), &distinct{left: 32 << 20}))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	kept := int64(after.HeapAlloc) - int64(before.HeapAlloc)
	if all, _ := r.Messages(); all < 10_000 || r.Omitted.Rows == 0 || kept > 24<<20 {
		t.Errorf("%d messages, %d rows omitted, %d MiB kept", all, r.Omitted.Rows, kept>>20)
	}
	runtime.KeepAlive(r)
}

func FuzzReadAggregate(f *testing.F) {
	f.Add([]byte(begin + oneRow + "</feedback>"))
	f.Add([]byte(`<?xml version="1.0" encoding="windows-1252"?><!-- x --><feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0"><record><auth_results><dkim><result>pass</result></dkim><spf/></auth_results></record>`))
	f.Add([]byte("<!DOCTYPE f><feedback><![CDATA[x]]>&amp;&x;"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := dmarc.ReadAggregate(strings.NewReader(string(raw)))
		if err != nil {
			return
		}
		for _, row := range r.Rows {
			if row.Count < 0 || !utf8.ValidString(row.From+row.Disposition) || len(row.Signatures) > 20 {
				t.Fatalf("%+v", row)
			}
		}
		if all, pass := r.Messages(); pass > all {
			t.Fatalf("%d of %d pass", pass, all)
		}
	})
}
