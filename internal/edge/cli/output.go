package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// printJSON writes one document on one line.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// orEmpty makes a list that JSON writes as [] when there is nothing in it.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// say prints a line for people.
func (a *app) say(english string, args ...any) {
	fmt.Fprintln(a.Out, a.T(english, args...))
}

// table prints aligned columns under translated headings.
type table struct {
	w *tabwriter.Writer
}

func (a *app) newTable(headings ...string) *table {
	t := &table{tabwriter.NewWriter(a.Out, 0, 4, 2, ' ', 0)}
	for i, h := range headings {
		headings[i] = strings.ToUpper(a.T(h))
	}
	t.row(headings...)
	return t
}

func (t *table) row(cells ...string) {
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

func (t *table) flush() error { return t.w.Flush() }

// when prints an instant in local time to the second; the zero time as a dash.
func when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (a *app) yesNo(b bool) string {
	if b {
		return a.T("yes")
	}
	return a.T("no")
}
