package suppression

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// row is one row of a file.
type row struct {
	n       int      // from 1
	text    string   // as it stands in the file, or nearly
	records []Record // several where an unsubscription names several tags
	why     error    // it cannot be used
}

// file reads rows until io.EOF.
type file interface{ next() (row, error) }

// open finds out what a file is: JSON lines begin with a brace, all else is separated values.
func open(in io.Reader) (file, error) {
	b := bufio.NewReaderSize(in, maxLine)
	for {
		head, err := b.Peek(1)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(head) == 0 || !strings.ContainsAny(string(head), " \t\r\n") {
			if len(head) > 0 && head[0] == '{' {
				return &jsonLines{in: b}, nil
			}
			rows, err := validate.NewRows(b)
			return &table{rows: rows}, err
		}
		_, _ = b.Discard(1) // it was peeked at
	}
}

// maxLine bounds a line of JSON in octets.
const maxLine = 64 << 10

// jsonLines has an object a line.
type jsonLines struct {
	in *bufio.Reader
	n  int
}

func (j *jsonLines) next() (row, error) {
	for {
		line, err := j.in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		text := string(bytes.TrimSpace(line))
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = j.in.ReadSlice('\n')
		}
		if err != nil && (err != io.EOF || text == "") {
			return row{}, err
		}
		j.n++
		if text == "" {
			continue
		}
		r := row{n: j.n, text: text}
		if long {
			r.why = wording.Errorf("the line has more than %d octets", maxLine)
			return r, nil
		}
		var rec Record
		if err := json.Unmarshal([]byte(text), &rec); err != nil {
			r.why = wording.Errorf("the line is no object of JSON as export writes it: %w", err)
			return r, nil
		}
		r.records = []Record{rec}
		return r, nil
	}
}

// table is separated values. Its columns are known by their headings: those that export writes, and those of Mailgun's exports
// of bounces (address, code, error, created_at), unsubscribes (address, tags, created_at), complaints (address, count,
// created_at) and whitelists (type, value, reason, createdAt). Without a heading it is a list of addresses.
type table struct {
	rows    *validate.Rows
	columns map[string]int // from 0, by the name of a Record's field; nil: the first row was not read yet
	kind    string         // of rows that do not say; empty: what the caller says
}

// headings are the names of columns, each with the field it fills.
func headings() map[string]string {
	return map[string]string{
		"kind": "kind", "address": "address", "email": "address", "e_mail": "address", "recipient": "address", "value": "address", "domain": "domain", "tag": "tag", "tags": "tag",
		"code": "code", "reason": "reason", "error": "reason", "source": "source", "count": "count", "created_at": "created_at", "createdat": "created_at", "created": "created_at", "type": "type",
	}
}

func (t *table) next() (row, error) {
	n, fields, why, err := t.rows.Next()
	if err != nil {
		return row{}, err
	}
	if t.columns == nil && why.IsZero() && t.heading(fields) {
		n, fields, why, err = t.rows.Next()
		if err != nil {
			return row{}, err
		}
	}
	r := row{n: n, text: strings.Join(fields, ",")}
	if !why.IsZero() {
		r.why = wording.Errorf("%s", why)
		return r, nil
	}
	r.records, r.why = t.read(fields)
	return r, nil
}

// heading learns the columns from the first row, and reports whether it is a heading.
func (t *table) heading(fields []string) bool {
	t.columns = map[string]int{}
	known := headings()
	for i, f := range fields {
		name := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(f)))
		if field, ok := known[name]; ok {
			if _, twice := t.columns[field]; !twice {
				t.columns[field] = i
			}
		}
	}
	has := func(name string) bool { _, ok := t.columns[name]; return ok }
	if !has("address") && !(has("domain") && !has("kind")) {
		t.columns = map[string]int{"address": max(0, slices.IndexFunc(fields, isAddress))}
		return false
	}
	switch {
	case has("kind"):
		return true
	case has("type"):
		t.kind = string(model.SuppressAllow)
	case has("code"):
		t.kind = string(model.SuppressBounce)
	case has("tag"):
		t.kind = string(model.SuppressUnsubscribe)
	case has("count"):
		t.kind = string(model.SuppressComplaint)
	}
	return true
}

func isAddress(field string) bool {
	_, err := address.Parse(strings.TrimSpace(field))
	return err == nil
}

func (t *table) read(fields []string) ([]Record, error) {
	cell := func(name string) string {
		if i, ok := t.columns[name]; ok && i < len(fields) {
			return strings.TrimSpace(fields[i])
		}
		return ""
	}
	r := Record{Kind: cell("kind"), Address: cell("address"), Code: cell("code"), Reason: cell("reason"), Source: cell("source")}
	tags := []string{cell("tag")}
	if _, ours := t.columns["kind"]; ours {
		r.Domain = cell("domain")
	} else if r.Kind, tags = t.kind, tagsOf(tags[0]); r.Address == "" { // Mailgun's import of whitelists: an address, or a domain
		r.Address = cell("domain")
	}
	var err error
	if r.CreatedAt, err = parseTime(cell("created_at")); err != nil {
		return nil, err
	}
	if text := cell("count"); text != "" {
		if r.Count, err = strconv.Atoi(text); err != nil || r.Count < 1 {
			return nil, wording.Errorf("count %.20q is not a number from 1", text)
		}
	}
	var list []Record
	for _, r.Tag = range tags {
		list = append(list, r)
	}
	return list, nil
}

// tagsOf reads one tag, or several as Mailgun writes them: a,b or ["a", "b"].
func tagsOf(cell string) []string {
	var tags []string
	for part := range strings.SplitSeq(strings.Trim(cell, "[]"), ",") {
		tags = append(tags, strings.Trim(strings.TrimSpace(part), `"'`))
	}
	return tags
}
