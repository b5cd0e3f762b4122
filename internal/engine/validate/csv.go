package validate

import (
	"bytes"
	"io"
	"strings"
)

// record is one row of a file.
type record struct {
	row    int // counted from 1 in rows, not in lines
	fields []string
	broken Code // empty, or what is wrong
}

// records reads rows of separated values (RFC 4180) and goes on after broken ones. encoding/csv is not used, since a quote
// that is never closed makes it take the rest of the file for one field, in memory.
type records struct {
	lines     *lines
	delimiter byte // 0: each line is one field
	row       int
	again     [][]byte // lines to be read once more, after a quote that is not closed; at most maxRecord octets
	text      []byte
}

// read gives the next row, or io.EOF. Empty lines are no rows.
func (r *records) read() (record, error) {
	for {
		line, long, err := r.line()
		if err != nil {
			return record{}, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r.row++
		if long {
			return record{row: r.row, fields: []string{shown(string(line[:min(len(line), 2*maxShown)]))}, broken: RowTooLong}, nil
		}
		fields, open := split(line, r.delimiter)
		if !open {
			return record{row: r.row, fields: fields}, nil
		}
		return r.continued(line, fields)
	}
}

// line takes the next line, from those to be read once more first.
func (r *records) line() ([]byte, bool, error) {
	if len(r.again) > 0 {
		line := r.again[0]
		r.again = r.again[1:]
		return line, false, nil
	}
	return r.lines.next()
}

// maxLines bounds the lines of a record, and so how often a line can be looked at anew after quotes that are not closed.
const maxLines = 100

// continued reads on until the quote is closed. If that does not happen within maxLines and maxRecord octets, the first
// line alone is broken, and the lines after it are rows again.
func (r *records) continued(first []byte, fields []string) (record, error) {
	r.text = append(r.text[:0], first...)
	var taken [][]byte
	for open := true; open; {
		line, long, err := r.line()
		if err != nil && err != io.EOF {
			return record{}, err
		}
		if err == nil {
			taken = append(taken, bytes.Clone(line))
		}
		if err == io.EOF || long || len(taken) == maxLines || len(r.text)+len(line) > maxRecord {
			r.again = append(taken, r.again...)
			return record{row: r.row, fields: fields, broken: QuoteOpen}, nil
		}
		r.text = append(append(r.text, '\n'), line...)
		open = stillOpen(line, r.delimiter)
	}
	whole, _ := split(r.text, r.delimiter)
	return record{row: r.row, fields: whole}, nil
}

// stillOpen reports whether a quote is open at the end of a line that began within one.
func stillOpen(line []byte, delimiter byte) bool {
	open, start := true, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case open && c == '"' && i+1 < len(line) && line[i+1] == '"':
			i++
		case open:
			open = c != '"'
		case start && c == '"':
			open, start = true, false
		default:
			start = delimiter != 0 && c == delimiter
		}
	}
	return open
}

// split gives the fields of a row; open says that a quote is not closed. A field that begins with a quote ends with one, and
// a doubled quote in it is one quote. Quotes elsewhere are characters as others.
func split(row []byte, delimiter byte) (fields []string, open bool) {
	if delimiter == 0 && (len(row) == 0 || row[0] != '"') {
		return []string{string(row)}, false
	}
	for {
		if len(row) > 0 && row[0] == '"' {
			field, rest, ok := quoted(row[1:])
			if !ok {
				return append(fields, field), true
			}
			// What stands after the closing quote belongs to the field: "anna"@skola.example.
			end := bytes.IndexByte(rest, delimiter)
			if delimiter == 0 || end < 0 {
				return append(fields, join(field, rest)), false
			}
			fields, row = append(fields, join(field, rest[:end])), rest[end+1:]
			continue
		}
		end := bytes.IndexByte(row, delimiter)
		if end < 0 {
			return append(fields, string(row)), false
		}
		fields, row = append(fields, string(row[:end])), row[end+1:]
	}
}

// quoted reads up to the closing quote.
func quoted(s []byte) (field string, rest []byte, ok bool) {
	var b strings.Builder
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			b.Write(s)
			return b.String(), nil, false
		}
		b.Write(s[:i])
		if i+1 < len(s) && s[i+1] == '"' {
			b.WriteByte('"')
			s = s[i+2:]
			continue
		}
		return b.String(), s[i+1:], true
	}
}

// join puts a quoted field and what follows it together. A quoted local part keeps its quotes.
func join(field string, after []byte) string {
	if len(bytes.TrimSpace(after)) == 0 {
		return field
	}
	return `"` + field + `"` + string(after)
}
