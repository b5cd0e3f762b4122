package validate

import (
	"io"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Rows reads separated values of any delimiter and charset, for those who know the columns by their headings.
type Rows struct{ records }

// NewRows looks at the beginning of a file to know how it is written.
func NewRows(in io.Reader) (*Rows, error) {
	l, err := newLines(in)
	if err != nil {
		return nil, err
	}
	head, err := l.in.Peek(sampleSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	return &Rows{records{lines: l, delimiter: delimiterOf(head)}}, nil
}

// Next gives the next row and its number from 1, empty lines not counted, or io.EOF. A row that cannot be read as one comes
// with why, and reading goes on behind it.
func (r *Rows) Next() (n int, fields []string, why wording.Text, err error) {
	rec, err := r.read()
	if err == nil && rec.broken != "" {
		why = rec.broken.brokenText()
	}
	return rec.row, rec.fields, why, err
}
