package validate

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// Layout is how a file was read.
type Layout struct {
	Charset   Charset `json:"charset"`
	Delimiter string  `json:"delimiter"` // empty: one field a line
	Header    bool    `json:"header"`
	Column    int     `json:"column"` // from 1
	Name      string  `json:"column_name,omitempty"`
}

// delimiters are those looked for, the most likely first.
const delimiters = ",;\t|"

// source is a file whose layout is known, read from its first row of data on.
type source struct {
	records
	layout Layout
	sample []record // rows that were read to know the layout, given first; at most maxSample
}

// maxSample is how many rows tell the layout: as many as sampleSize has, and no more than this.
const maxSample = 200

// open finds out how a file is written. want names a column, by its heading or its number from 1, or is empty.
func open(in io.Reader, want string) (*source, error) {
	l, err := newLines(in)
	if err != nil {
		return nil, err
	}
	head, err := l.in.Peek(sampleSize) // UTF-16 is decoded here already
	if err != nil && err != io.EOF {
		return nil, err
	}
	s := &source{records: records{lines: l, delimiter: delimiterOf(head)}}
	for size := 0; len(s.sample) < maxSample && size < sampleSize; {
		r, err := s.records.read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		for _, f := range r.fields {
			size += len(f)
		}
		s.sample = append(s.sample, r)
	}
	if s.delimiter != 0 {
		s.layout.Delimiter = string(s.delimiter)
	}
	return s, s.findColumn(want)
}

// next gives the rows of data.
func (s *source) next() (record, error) {
	if len(s.sample) > 0 {
		r := s.sample[0]
		s.sample = s.sample[1:]
		return r, nil
	}
	return s.records.read()
}

// delimiterOf takes the delimiter that parts at least half the lines of the sample and leaves the most of them with an
// address in a field; 0 if none does, or if more lines are addresses as they are.
func delimiterOf(sample []byte) byte {
	var rows [][]byte
	for line := range bytes.Lines(sample) {
		if line = bytes.TrimSpace(line); len(line) > 0 && len(rows) < maxSample {
			rows = append(rows, line)
		}
	}
	best, most := byte(0), -1
	for _, d := range []byte(delimiters + "\x00") {
		parted, good := 0, 0
		for _, line := range rows {
			fields, _ := split(line, d)
			if len(fields) > 1 || d == 0 {
				parted++
			}
			if slices.ContainsFunc(fields, func(f string) bool { _, err := address.Parse(strings.TrimSpace(f)); return err == nil }) {
				good++
			}
		}
		if parted*2 >= len(rows) && good > most {
			best, most = d, good
		}
	}
	return best
}

// findColumn finds the column of addresses and whether the first row is a heading, and drops that row.
func (s *source) findColumn(want string) error {
	if len(s.sample) == 0 {
		return wording.Errorf("there are no rows in the file")
	}
	first := s.sample[0].fields
	if n, err := strconv.Atoi(want); err == nil {
		if n < 1 || n > len(first) {
			return wording.Errorf("there is no column %d; the first row has %d", n, len(first))
		}
		s.layout.Column = n
	} else if want != "" {
		i := slices.IndexFunc(first, func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), want) })
		if i < 0 {
			return wording.Errorf("there is no column %q; the first row has: %.300s", want, strings.Join(first, ", "))
		}
		s.layout.Column, s.layout.Header = i+1, true
	} else {
		s.layout.Column = fullest(s.sample)
	}
	if s.layout.Column == 0 {
		return wording.Errorf("no column has addresses in it; say which with its name or number")
	}
	s.layout.Header = s.layout.Header || isHeading(cell(s.sample[0], s.layout.Column))
	if s.layout.Header {
		s.layout.Name = shown(strings.TrimSpace(cell(s.sample[0], s.layout.Column)))
		s.sample = s.sample[1:]
	}
	return nil
}

// fullest is the column with the most cells that have an @; 0 if no cell has.
func fullest(rows []record) int {
	var counts []int
	for _, r := range rows {
		for i, f := range r.fields {
			if i == len(counts) {
				counts = append(counts, 0)
			}
			if strings.Contains(f, "@") {
				counts[i]++
			}
		}
	}
	best := 0
	for i, n := range counts {
		if n > 0 && (best == 0 || n > counts[best-1]) {
			best = i + 1
		}
	}
	return best
}

// isHeading reports what is a name of the column and not an address that lost its @, which has a dot or is empty.
func isHeading(cell string) bool {
	cell = strings.TrimSpace(cell)
	return cell != "" && !strings.ContainsAny(cell, "@.")
}

// cell is the text in a column, from 1; empty if the row is shorter.
func cell(r record, column int) string {
	if column > len(r.fields) {
		return ""
	}
	return r.fields[column-1]
}
