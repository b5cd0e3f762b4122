package validate

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
)

// Output writes the rows of a file's results.
type Output interface {
	Write(Row) error
	Flush() error
}

// columns of a result file.
var columns = []string{"row", "address", "result", "risk", "reason", "did_you_mean", "is_role_address", "is_disposable_address", "text_en", "text_sv"}

type csvOutput struct {
	w       *csv.Writer
	swedish func(string) string
	cells   []string
	headed  bool
}

// NewCSV writes comma-separated values in UTF-8 (RFC 4180) under a heading.
func NewCSV(w io.Writer) Output {
	return &csvOutput{w: csv.NewWriter(w), swedish: in(Swedish()), cells: make([]string, len(columns))}
}

func (o *csvOutput) Write(r Row) error {
	if err := o.head(); err != nil {
		return err
	}
	var codes, english, swedish strings.Builder
	for i, reason := range r.Reasons {
		if i > 0 {
			codes.WriteByte(' ')
			english.WriteString("; ")
			swedish.WriteString("; ")
		}
		codes.WriteString(string(reason.Code))
		english.WriteString(reason.Text.String())
		swedish.WriteString(reason.Text.Tell(o.swedish))
	}
	o.cells = append(o.cells[:0], strconv.Itoa(r.Number), r.Address, string(r.Verdict), string(r.Risk), codes.String(), r.DidYouMean,
		strconv.FormatBool(r.Role), strconv.FormatBool(r.Disposable), english.String(), swedish.String())
	return o.w.Write(o.cells)
}

func (o *csvOutput) head() error {
	if o.headed {
		return nil
	}
	o.headed = true
	return o.w.Write(columns)
}

func (o *csvOutput) Flush() error {
	if err := o.head(); err != nil {
		return err
	}
	o.w.Flush()
	return o.w.Error()
}

type jsonOutput struct {
	e       *json.Encoder
	swedish map[string]string
}

// NewJSON writes one JSON object a line, that of a single address with the number of its row.
func NewJSON(w io.Writer) Output {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return &jsonOutput{e, Swedish()}
}

func (o *jsonOutput) Write(r Row) error {
	a := r.answer(o.swedish)
	a.Row = r.Number
	return o.e.Encode(a)
}

func (o *jsonOutput) Flush() error { return nil }
