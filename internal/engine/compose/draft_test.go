package compose

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dkim"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

var at = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func stamp() Stamp {
	return Stamp{Trace: Trace{Origin: model.OriginHTTP, Hostname: "mx.example", ID: 1, At: at}, MessageID: "<new@school.example>"}
}

const sample = "From: info@school.example\r\nTo: anna@sink.example\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@school.example>\r\n\r\nHej\r\n"

// draft writes the pieces to a new draft.
func draft(t testing.TB, pieces ...string) *Draft {
	t.Helper()
	d := NewDraft(1<<20, 0, nil)
	for _, p := range pieces {
		if n, err := d.Write([]byte(p)); err != nil || n != len(p) {
			t.Fatalf("Write: %d, %v", n, err)
		}
	}
	return d
}

func refused(t testing.TB, name string, err error, code int, enhanced, text string) {
	t.Helper()
	var e *smtp.Error
	if !errors.As(err, &e) || e.Code != code || e.Enhanced != enhanced || !strings.Contains(e.Text, text) {
		t.Errorf("%s: %v; want %d %s with %q", name, err, code, enhanced, text)
	}
}

// finish takes a draft to its end.
func finish(t testing.TB, d *Draft, s Stamp) (string, *Inspected) {
	t.Helper()
	i, err := d.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := d.Finish(i, s)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw), i
}

func TestInspectRefuses(t *testing.T) {
	from := "From: a@school.example\r\n"
	for _, tt := range []struct {
		name, text     string
		code           int
		enhanced, want string
	}{
		{"LF alone", from + "\r\nhej\nhej\r\n", 550, "5.6.11", "stands alone"},
		{"CR alone", from + "\r\nhej\rhej\r\n", 550, "5.6.11", "RFC 5321 2.3.8"},
		{"CR at the end", from + "\r\nhej\r", 550, "5.6.11", ""},
		{"LF CR", from + "\r\nhej\n\rhej\r\n", 550, "5.6.11", ""},
		{"CR CR LF", from + "\r\nhej\r\r\n", 550, "5.6.11", ""},
		{"LF at the start", "\n" + from + "\r\n", 550, "5.6.11", ""},
		{"a header that ends with LF LF", "From: a@school.example\n\nhej", 550, "5.6.11", ""},
		{"no header", "hej\r\n\r\nhej\r\n", 550, "5.6.0", `header line 1: "hej\r\n"`},
		{"nothing", "", 550, "5.6.0", "no From field; add one"},
		{"an empty header", "\r\n" + from, 550, "5.6.0", "no From field"},
		{"two From", from + from + "\r\n", 550, "5.6.0", "2 From fields; leave one"},
		{"From without an address", "From: Skolan\r\n\r\n", 550, "5.6.0", `The From field "Skolan" is not a list of addresses`},
		{"From with an empty group", "From: Skolan:;\r\n\r\n", 550, "5.6.0", "there is no address in it"},
		{"a loop", strings.Repeat("Received: by x; y\r\n", 51) + from + "\r\n", 554, "5.4.6", "51 relays, more than 50"},
		{"too many fields", strings.Repeat("A: b\r\n", message.MaxFields+1) + from + "\r\n", 552, "5.3.4", "header is over"},
	} {
		_, err := draft(t, tt.text).Inspect()
		refused(t, tt.name, err, tt.code, tt.enhanced, tt.want)
	}
	if _, err := draft(t, strings.Repeat("Received: by x; y\r\n", 50), from).Inspect(); err != nil {
		t.Errorf("50 relays: %v", err)
	}
}

func TestInspectTells(t *testing.T) {
	i, err := draft(t, "From: =?iso-8859-1?q?=C5sa?= <a@school.example>, b@school.example\r\nTo: anna@sink.example\r\nSubject: =?utf-8?q?N=C3=A4rvaro?=\r\n"+
		"Message-ID: <1@school.example>\r\nPrecedence: Bulk\r\n\r\n\xe5").Inspect()
	if err != nil {
		t.Fatal(err)
	}
	want := model.Meta{MessageID: "1@school.example", Subject: "Närvaro", From: "Åsa <a@school.example>, b@school.example", To: "anna@sink.example"}
	if fmt.Sprint(i.From) != "[a@school.example b@school.example]" || !i.EightBit || i.UTF8 || !i.BulkSigns || fmt.Sprint(i.Meta) != fmt.Sprint(want) {
		t.Errorf("%+v", i)
	}
	for header, want := range map[string]bool{
		"List-Id: <x>\r\n": true, "List-Unsubscribe: <https://x/>\r\n": true, "Precedence: list\r\n": true, "Precedence: junk\r\n": false, "": false,
	} {
		if i, err := draft(t, header+sample).Inspect(); err != nil || i.BulkSigns != want {
			t.Errorf("%q: bulk %v, %v", header, i.BulkSigns, err)
		}
	}
	for value, want := range map[string]string{
		"<1@x>": "1@x", "1@x": "1@x", " <1@x> (of the day)": "1@x", "<1@x": "1@x", "<>": "", "": "", "<" + strings.Repeat("x", 600) + ">": strings.Repeat("x", 500) + "…",
	} {
		if i, err := draft(t, "From: a@school.example\r\nMessage-ID: "+value+"\r\n").Inspect(); err != nil || i.Meta.MessageID != want {
			t.Errorf("Message-ID %q is known as %q, %v", value, i.Meta.MessageID, err)
		}
	}
	i, err = draft(t, "From: å@school.example\r\nSubject: "+strings.Repeat("å", 400)+"\r\n").Inspect()
	if err != nil || !i.UTF8 || !i.EightBit || i.Meta.Subject != strings.Repeat("å", 250)+"…" {
		t.Errorf("%+v, %v", i, err)
	}
}

func TestFinishGolden(t *testing.T) {
	const received = "Received: by mx.example\r\n\twith HTTP id 0000000000004; Mon, 23 Nov 2026 09:00:00 +0000\r\n"
	for _, tt := range []struct{ name, in, want string }{
		{"complete", sample, received + sample},
		{
			"Date and Message-ID are missing", "From: a@school.example\r\nSubject: x\r\n\r\nhej\r\n",
			received + "From: a@school.example\r\nSubject: x\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <new@school.example>\r\n\r\nhej\r\n",
		},
		{
			"Date and Message-ID are empty", "Date:\r\nFrom: a@school.example\r\nMessage-Id: <>\r\n\r\nhej\r\n",
			received + "From: a@school.example\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000\r\nMessage-ID: <new@school.example>\r\n\r\nhej\r\n",
		},
		{
			"fields that never leave", "Bcc: secret@sink.example,\r\n more@sink.example\r\nbcc : x@sink.example\r\nResent-Bcc: y@sink.example\r\nReturn-Path: <z@x>\r\n" +
				"X-Budkavle-Account: 7\r\nX-Budkavl: stays\r\n" + sample,
			received + "X-Budkavl: stays\r\n" + sample,
		},
		{
			"a header without a body", strings.TrimSuffix(sample, "\r\nHej\r\n"),
			received + strings.TrimSuffix(sample, "Hej\r\n"),
		},
		{
			"a header that stops within a line", "Date: x\r\nMessage-ID: <1@x>\r\nFrom: a@school.example",
			received + "Date: x\r\nMessage-ID: <1@x>\r\nFrom: a@school.example\r\n\r\n",
		},
		{"an empty body", strings.TrimSuffix(sample, "Hej\r\n"), received + strings.TrimSuffix(sample, "Hej\r\n")},
		{"empty lines at the start of the body", strings.Replace(sample, "Hej", "\r\n\r\nHej", 1), received + strings.Replace(sample, "Hej", "\r\n\r\nHej", 1)},
		{"lines over 998 octets", sample + strings.Repeat("x", 5000) + "\r\n", received + sample + strings.Repeat("x", 5000) + "\r\n"},
	} {
		s := stamp()
		s.Trace.ID = 2
		got, i := finish(t, draft(t, tt.in), s)
		if got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
		if !strings.Contains(got, "<"+i.Meta.MessageID+">") {
			t.Errorf("%s: the message is known as %q", tt.name, i.Meta.MessageID)
		}
	}
}

// TestADraftIsFinishedForEachRecipient: the copies differ in what was added, and the fields that the message has stay.
func TestADraftIsFinishedForEachRecipient(t *testing.T) {
	in := "List-Id: <own>\r\nFrom: a@school.example\r\nDate: x\r\n\r\nhej\r\n\r\n"
	d := draft(t, in[:20], in[20:])
	i, err := d.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		s := stamp()
		s.Add = message.Header{field("List-Unsubscribe", fmt.Sprint("<https://a.example/", n, ">")), field("List-Id", "<ours>")}
		s.Again = n < 2
		got, err := d.Finish(i, s)
		want := "Received: by mx.example\r\n\twith HTTP id 0000000000002; Mon, 23 Nov 2026 09:00:00 +0000\r\n" + strings.TrimSuffix(in, "\r\nhej\r\n\r\n") +
			"Message-ID: <new@school.example>\r\nList-Unsubscribe: <https://a.example/" + fmt.Sprint(n) + ">\r\n\r\nhej\r\n\r\n"
		if err != nil || string(got) != want {
			t.Errorf("copy %d: %v\n%s\nwant\n%s", n, err, got, want)
		}
	}
}

// TestAWideHeaderIsMoved takes the way on which the new header does not fit in front of the body.
func TestAWideHeaderIsMoved(t *testing.T) {
	s := stamp()
	s.Trace.Hostname = strings.Repeat("mx.", 2*headroom/3) + "example"
	got, _ := finish(t, draft(t, sample), s)
	if !strings.HasPrefix(got, "Received: by "+s.Trace.Hostname+"\r\n") || !strings.HasSuffix(got, "\r\n"+sample) {
		t.Errorf("%s", got)
	}
}

func TestWriteIsBounded(t *testing.T) {
	d := NewDraft(100, 0, nil)
	if _, err := d.Write(make([]byte, 100)); err != nil || d.Size() != 100 {
		t.Errorf("100 of 100 octets: %d, %v", d.Size(), err)
	}
	_, err := d.Write([]byte("x"))
	refused(t, "101 octets", err, 552, "5.3.4", "larger than 100 octets")
	d = NewDraft(1<<20, 0, nil)
	for i := 0; err == nil || i == 0; i++ {
		if _, err = d.Write([]byte("A: " + strings.Repeat("x", 1000) + "\r\n")); i > 300 {
			t.Fatal("a header without end is taken")
		}
	}
	refused(t, "a header without end", err, 552, "5.3.4", "header is over")
}

func TestGrowIsAskedFirst(t *testing.T) {
	const size = 300 << 10
	for name, tt := range map[string]struct {
		hint int64
		want int // calls
	}{
		"undeclared":            {0, 6},       // 16, 32 … 512 KiB
		"declared":              {size, 1},    // at once
		"more than is believed": {1 << 30, 1}, // 1 MiB
	} {
		var asked []int64
		d := NewDraft(1<<31, tt.hint, func(n int64) error { asked = append(asked, n); return nil })
		if len(asked) > 0 {
			t.Errorf("%s: asked before anything came", name)
		}
		for range size / 1024 {
			if _, err := d.Write(bytes.Repeat([]byte("x\r\n:"), 256)); err != nil && d.Size() < 250<<10 {
				t.Fatal(err)
			}
			if n := int64(cap(d.buf)); n > firstBuffer && n != asked[len(asked)-1] {
				t.Fatalf("%s: the buffer has %d octets, %v were asked for", name, n, asked)
			}
		}
		if len(asked) != tt.want || asked[len(asked)-1] > max(2*size, headroom+maxHint) {
			t.Errorf("%s: asked for %v", name, asked)
		}
	}
	no := smtp.Errorf(452, "4.3.1", "no room")
	d := NewDraft(1<<20, 0, func(int64) error { return no })
	if _, err := d.Write(make([]byte, firstBuffer-headroom)); err != nil {
		t.Errorf("the first buffer is counted: %v", err)
	}
	if _, err := d.Write([]byte("x")); !errors.Is(err, no) {
		t.Errorf("%v", err)
	}
}

func TestSigningFails(t *testing.T) {
	k := dkim.Key{Domain: "school.example", Selector: "s", Algorithm: dkim.Ed25519, Signer: brokenSigner{}}
	signer, err := dkim.NewSigner(k)
	if err != nil {
		t.Fatal(err)
	}
	d := draft(t, sample)
	i, err := d.Inspect()
	if err != nil {
		t.Fatal(err)
	}
	s := stamp()
	s.Signer = signer
	_, err = d.Finish(i, s)
	refused(t, "a signer that fails", err, 451, "4.7.5", "cannot be signed now")
}

// TestAnyPieces proves that it does not matter how the octets of a message are cut.
func TestAnyPieces(t *testing.T) {
	signer := ed25519Signer(t)
	rapid.Check(t, func(t *rapid.T) {
		header := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{
			"Subject: x\r\n", "Bcc: x@y\r\n", "X:\r\n y\r\n", "Received: z\r\n", "Date: d\r\n", "Å: x\r\n", "\r\n", "\r", "\n", "X: " + strings.Repeat("y", 4000) + "\r\n",
		}), 0, 8).Draw(t, "header"), "")
		body := strings.Join(rapid.SliceOf(rapid.SampledFrom([]string{"\r\n", "\r\n", "a", " ", "å", strings.Repeat("b", 9000), "\r"})).Draw(t, "body"), "")
		text := "From: a@school.example\r\n" + header + "\r\n" + body
		whole, wholeErr := attempt(signer, text)
		var pieces []string
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, min(len(rest), 20000)).Draw(t, "cut")
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		got, err := attempt(signer, pieces...)
		if fmt.Sprint(err) != fmt.Sprint(wholeErr) {
			t.Fatalf("in pieces %v, whole %v", err, wholeErr)
		}
		if got != whole {
			t.Fatalf("in pieces\n%s\nwhole\n%s", got, whole)
		}
	})
}

// attempt takes pieces through a draft.
func attempt(signer *dkim.Signer, pieces ...string) (string, error) {
	d := NewDraft(1<<20, 0, nil)
	for _, p := range pieces {
		if _, err := d.Write([]byte(p)); err != nil {
			return "", err
		}
	}
	i, err := d.Inspect()
	if err != nil {
		return "", err
	}
	s := stamp()
	s.Signer = signer
	raw, err := d.Finish(i, s)
	return string(raw), err
}

// FuzzDraft cuts any octets in two: what comes out is a message with one empty line where the body began, and its body
// is what came in.
func FuzzDraft(f *testing.F) {
	for _, s := range []string{sample, "From: a@b.example\r\n", "\r\n\r\n", "From: a@b\r\n\r\n\r\nx\r\n", "From: a@b\r\nBcc: x\r\n y\r\n\r\n.\r\n", "a\nb\rc", "From: G:;\r\n\r\n"} {
		f.Add(s, uint16(3))
	}
	signer := ed25519Signer(f)
	f.Fuzz(func(t *testing.T, text string, cut uint16) {
		at := min(int(cut), len(text))
		got, err := attempt(signer, text[:at], text[at:])
		if err != nil {
			var e *smtp.Error
			if !errors.As(err, &e) {
				t.Errorf("%q: %v is no *smtp.Error", text, err)
			}
			return
		}
		_, body, _ := strings.Cut("\r\n"+text, "\r\n\r\n")
		header, after, ok := strings.Cut(got, "\r\n\r\n")
		if !ok || after != body {
			t.Errorf("%q: the body is %q", text, after)
		}
		if bare := strings.ReplaceAll(got, "\r\n", ""); strings.ContainsAny(bare, "\r\n") {
			t.Errorf("%q: a bare CR or LF goes out", text)
		}
		h, err := message.Parse([]byte(header + "\r\n"))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if h.Has("Bcc") || !h.Has("Date") || !h.Has("Message-ID") || len(h.All("From")) != 1 || h[0].Name != "DKIM-Signature" || h[1].Name != "Received" {
			t.Errorf("%q: header\n%s", text, header)
		}
	})
}
