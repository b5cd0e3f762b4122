package validate

import (
	"context"
	"io"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// window is how many rows may wait for their domains, so that results come in the order of the file: at 300 octets, or
// twice maxShown for what is no address, 5 to 17 MB. One domain whose servers are silent holds them all up for the
// resolver's time-out, so there is room for what is read meanwhile.
const window = 1 << 14

// tellEvery is how many rows pass between two calls of Options.Progress.
const tellEvery = 1000

// Options are how a file is read and where its results go.
type Options struct {
	Account model.AccountID // whose suppressions count
	// Column has the addresses: its heading, or its number from 1. Empty: the column with most of them.
	Column string
	// Emit gets each row in the order of the file. Its error ends the work and is returned.
	Emit func(Row) error
	// Progress is told now and then how many rows are done and how many octets of the file are read. It may be nil.
	Progress func(rows int, octets int64)
}

// Row is the result of one row. One that has no address has no verdict and no risk, but a reason.
type Row struct {
	Number int // from 1, the heading counted, empty lines not
	Result
}

// Summary is what a file came to.
type Summary struct {
	Layout
	Rows       int             `json:"rows"` // with an address, a broken row or an empty cell; not the heading
	Addresses  int             `json:"addresses"`
	Duplicates int             `json:"duplicates"`
	Empty      int             `json:"empty"`  // rows without an address in their column
	Broken     int             `json:"broken"` // rows that are not rows
	Domains    int             `json:"domains"`
	Results    map[Verdict]int `json:"result"`
	Risks      map[Risk]int    `json:"risk"`
	Reasons    map[Code]int    `json:"reasons"`
}

// pending is a row that waits for its domain.
type pending struct {
	row       int
	octets    int64 // read up to here
	text      string
	broken    Code  // what is wrong with the row
	wrong     error // why the text is no address
	address   address.Address
	domain    *lookup
	duplicate bool
}

// Bulk checks the addresses of a file of separated values. Memory does not grow with rows, but for the hashes that find
// duplicates. Errors are those of reading, of Emit, of the context and of suppressions, or say why the file is none;
// what was emitted before stands.
func (v *Validator) Bulk(ctx context.Context, in io.Reader, o Options) (Summary, error) {
	counted := &octets{in: in}
	src, err := open(counted, o.Column)
	if err != nil {
		return Summary{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bulk{v: v, src: src, octets: counted, rows: make(chan pending, window), domains: newDomains(ctx, v)}
	go b.read(ctx)
	sum := Summary{Results: map[Verdict]int{}, Risks: map[Risk]int{}, Reasons: map[Code]int{}}
	for p := range b.rows {
		if err != nil {
			continue // the reader ends soon
		}
		if err = b.finish(ctx, &o, &sum, p); err != nil {
			cancel()
		} else if o.Progress != nil && sum.Rows%tellEvery == 0 {
			o.Progress(sum.Rows, p.octets)
		}
	}
	sum.Layout, sum.Domains = src.layout, b.domains.asked
	sum.Charset = src.lines.charset
	if err == nil {
		err = b.err
	}
	if err == nil && o.Progress != nil {
		o.Progress(sum.Rows, counted.n)
	}
	return sum, err
}

// bulk is one file on its way: read in one goroutine, its domains looked up in others, finished in the caller's.
type bulk struct {
	v       *Validator
	src     *source
	octets  *octets
	rows    chan pending // closed when the reader and the look-ups have ended
	domains *domains
	err     error // of reading, set before rows is closed
}

func (b *bulk) read(ctx context.Context) {
	defer close(b.rows)
	defer b.domains.close()
	seen := newSeen()
	for {
		r, err := b.src.next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			if err != io.EOF {
				b.err = err
			}
			return
		}
		b.rows <- b.begin(r, seen) // finish takes all there is
	}
}

// begin does what needs no answer of DNS.
func (b *bulk) begin(r record, seen *seen) pending {
	p := pending{row: r.row, octets: b.octets.n, text: strings.TrimSpace(cell(r, b.src.layout.Column)), broken: r.broken}
	if p.broken != "" {
		return p
	}
	if p.text == "" {
		p.broken = NoAddress
		return p
	}
	a, err := address.Parse(p.text)
	if err != nil {
		p.text, p.wrong = shown(p.text), err
		return p
	}
	p.address, p.domain, p.duplicate = a, b.domains.get(a.Domain), seen.again(a.Local, a.Domain)
	return p
}

// finish waits for the domain, and hands the row over.
func (b *bulk) finish(ctx context.Context, o *Options, sum *Summary, p pending) error {
	row := Row{Number: p.row}
	var err error
	switch {
	case p.broken != "":
		row.Address = shown(p.text)
		row.Reasons = []Reason{{p.broken, p.broken.brokenText()}}
	case p.wrong != nil:
		row.Result, err = b.v.malformed(ctx, p.text, p.wrong)
	default:
		<-p.domain.done
		if err = p.domain.err; err == nil {
			row.Result, err = b.v.judge(ctx, o.Account, p.text, p.address, &p.domain.facts)
		}
	}
	if err != nil {
		return err
	}
	if p.duplicate {
		row.add(Duplicate, wording.Say("the address stands further up already"))
	}
	sum.count(&row)
	return o.Emit(row)
}

func (s *Summary) count(row *Row) {
	s.Rows++
	for _, r := range row.Reasons {
		s.Reasons[r.Code]++
		switch r.Code {
		case Duplicate:
			s.Duplicates++
		case NoAddress:
			s.Empty++
		case QuoteOpen, RowTooLong:
			s.Broken++
		}
	}
	if row.Verdict != "" {
		s.Addresses++
		s.Results[row.Verdict]++
		s.Risks[row.Risk]++
	}
}
