package report_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/standard/report"
)

const (
	xmlReport  = `<?xml version="1.0"?><feedback><policy_published><domain>example.org</domain></policy_published></feedback>`
	jsonReport = `{"report-id":"1","policies":[]}`
)

func gzipped(t testing.TB, data string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// zipped makes an archive of names and contents in turn.
func zipped(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// mailed attaches parts, each a media type and its octets in turn.
func mailed(parts ...string) string {
	var b strings.Builder
	b.WriteString("From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := 0; i < len(parts); i += 2 {
		b.WriteString("--b\r\nContent-Type: " + parts[i] + "\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		text := base64.StdEncoding.EncodeToString([]byte(parts[i+1]))
		for len(text) > 76 {
			b.WriteString(text[:76] + "\r\n")
			text = text[76:]
		}
		b.WriteString(text + "\r\n")
	}
	return b.String() + "--b--\r\n"
}

func TestWrappings(t *testing.T) {
	const mark = "\xef\xbb\xbf"
	for _, tt := range []struct {
		name, in string
		want     report.Kind
	}{
		{"plain XML", xmlReport, report.DMARC},
		{"without a declaration, spaces in front", "\r\n " + strings.TrimPrefix(xmlReport, `<?xml version="1.0"?>`), report.DMARC},
		{"a mark in front", mark + xmlReport, report.DMARC},
		{"plain JSON", jsonReport, report.TLS},
		{"gzip", gzipped(t, xmlReport), report.DMARC},
		{"gzip of a mark", gzipped(t, mark+jsonReport), report.TLS},
		{"several gzip members", gzipped(t, xmlReport[:50]) + gzipped(t, xmlReport[50:]), report.DMARC},
		{"zip", zipped(t, "a!b!1!2.xml", xmlReport), report.DMARC},
		{"zip with others", zipped(t, "__MACOSX/._a.xml", "x", "dir/", "", "readme.txt", "hello", "dir/a.XML", xmlReport), report.DMARC},
		{"zip of another name", zipped(t, "report", jsonReport), report.TLS},
		{"by mail, gzip", mailed("text/plain", "See attachment.", "application/gzip", gzipped(t, xmlReport)), report.DMARC},
		{"by mail, zip of the wrong type", mailed("application/octet-stream", zipped(t, "a.xml", xmlReport)), report.DMARC},
		{"by mail, plain", mailed("text/html", "<html><p>See attachment.</p>", "text/xml", xmlReport), report.DMARC},
		{"by mail, JSON", mailed("text/plain", "{see below}", "application/tlsrpt+gzip", gzipped(t, jsonReport)), report.TLS},
		{"the mail itself", "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(gzipped(t, xmlReport))), report.DMARC},
		{"feedback", "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n", report.Feedback},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := report.Read(strings.NewReader(tt.in))
			if err != nil || r.Kind != tt.want {
				t.Errorf("got %q, %v; want %q", r.Kind, err, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	whole := gzipped(t, xmlReport)
	for _, tt := range []struct{ name, in, want string }{
		{"empty", " \n", "it is empty"},
		{"text", "hello", "there is no report in it"},
		{"a mail", mailed("text/plain", "hello"), "there is no report in it"},
		{"too long", strings.Repeat("x", report.MaxInput+1), "longer than 16 MiB"},
		{"too long for an attachment", "<" + strings.Repeat("x", report.MaxPacked), "longer than 10 MiB"},
		{"HTML", gzipped(t, "<html>"), "neither the XML"},
		{"gzip of text", gzipped(t, "hello"), "neither the XML"},
		{"gzip of nothing", gzipped(t, ""), "neither the XML"},
		{"gzip of gzip", gzipped(t, whole), "neither the XML"},
		{"cut off", whole[:len(whole)-20], "ends too early"},
		{"a header alone", whole[:5], "ends too early"},
		{"damaged", whole[:20] + "\x00\xff\x00\xff" + whole[24:], "damaged"},
		{"a wrong checksum", whole[:len(whole)-8] + "\x00\x00\x00\x00" + whole[len(whole)-4:], "damaged"},
		{"not a zip", "PK\x03\x04 and no more", "damaged"},
		{"an empty zip", "PK\x03\x04" + zipped(t), "no file in the zip"},
		{"a fault by mail", mailed("application/gzip", gzipped(t, "<feedback/>")), "names no domain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := report.Read(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, %v; want %q", r.Kind, err, tt.want)
			}
		})
	}
}

// TestBombs: what unpacks to far more than it is ends early and takes little memory.
func TestBombs(t *testing.T) {
	head := strings.TrimSuffix(xmlReport, "</feedback>")
	row := "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>"
	rows := head + strings.Repeat(row, 8<<20/len(row)) // some 30 KiB packed
	for _, tt := range []struct{ name, in string }{
		{"spaces", gzipped(t, head+strings.Repeat(" ", 4<<20))},
		{"rows", gzipped(t, rows)},
		{"rows in a zip", zipped(t, "a.xml", rows)},
		{"rows by mail", mailed("application/gzip", gzipped(t, rows))},
		{"comments", gzipped(t, head+strings.Repeat("<!---->", 1<<20))},
		{"JSON", gzipped(t, `{"report-id":"1","policies":[`+strings.Repeat("{},", 2<<20))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			r, err := report.Read(strings.NewReader(tt.in))
			runtime.GC()
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Fatalf("read as %q", r.Kind)
			}
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 8<<20 {
				t.Errorf("%d MiB are left of %v", kept>>20, err)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(xmlReport))
	f.Add([]byte(jsonReport))
	f.Add([]byte(gzipped(f, xmlReport)))
	f.Add([]byte(zipped(f, "a.xml", xmlReport)))
	f.Add([]byte(mailed("application/gzip", gzipped(f, xmlReport))))
	f.Add([]byte("Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := report.Read(bytes.NewReader(raw))
		n := 0
		for _, set := range []bool{r.DMARC != nil, r.TLS != nil, r.Feedback != nil} {
			if set {
				n++
			}
		}
		if err == nil && (r.Kind == "" || n != 1) || err != nil && r.Kind != "" {
			t.Fatalf("%+v, %v", r, err)
		}
	})
}
