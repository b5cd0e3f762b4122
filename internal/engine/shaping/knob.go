package shaping

import (
	"math"
	"strconv"

	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Knob names one number of Limits.
type Knob int

// Knobs, in the order in which they are shown.
const (
	Connections Knob = iota
	ConnectionsPerMinute
	Messages
	Recipients
	PerSecond
	PerMinute
	PerHour
	Mixed
	TLS
	knobCount
)

// bounds of a knob's value; whole: no fractions.
type bounds struct {
	name     string
	min, max float64
	whole    bool
}

// knobs are the keys of the files. 0 takes a limit away where it may be given.
var knobs = [knobCount]bounds{
	Connections:          {"connections", 1, 10_000, true},
	ConnectionsPerMinute: {"connections_per_minute", 0, 1e6, true},
	Messages:             {"messages_per_connection", 1, 1e6, true},
	Recipients:           {"recipients_per_message", 1, 1000, true},
	PerSecond:            {"per_second", 0, 1e6, false},
	PerMinute:            {"per_minute", 0, 1e7, true},
	PerHour:              {"per_hour", 0, 1e8, true},
	Mixed:                {"mixed", 0, 1, true},
	TLS:                  {"tls", 0, 0, true},
}

// Knobs lists all.
func Knobs() []Knob {
	list := make([]Knob, knobCount)
	for k := range list {
		list[k] = Knob(k)
	}
	return list
}

// String is the knob's key in the files.
func (k Knob) String() string { return knobs[k].name }

// Origin is where a number comes from.
type Origin struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Line int    `json:"line,omitempty"` // 0: not of a file
}

// String is "google (rules.toml:12)".
func (o Origin) String() string {
	if o.Line == 0 {
		return o.Rule + " (" + o.File + ")"
	}
	return o.Rule + " (" + o.File + ":" + strconv.Itoa(o.Line) + ")"
}

// Limits are what one path (source address and site) may do.
type Limits struct {
	Connections          int     // at the same time, at least 1
	ConnectionsPerMinute int     // begun in any minute; 0: any number
	Messages             int     // on one connection, at least 1
	Recipients           int     // in one transaction, at least 1
	PerSecond            float64 // recipients in any second; below 1 one each 1/PerSecond seconds; 0: any number
	PerMinute            int     // recipients in any minute; 0: any number
	PerHour              int     // recipients in any hour; 0: any number
	Mixed                bool    // one transaction may hold recipients of several domains
	TLS                  smtp.TLSMode
	Origins              [knobCount]*Origin // of each knob; not to be changed
	// Apart names the rule about the recipient domain that gave a number: mail under it is a path of its own, for others
	// that go to the same site have other limits. Empty: none did.
	Apart string
}

// Path is the name under which mail to the site is scheduled.
func (l *Limits) Path(site string) string {
	if l.Apart == "" {
		return site
	}
	return site + "#" + l.Apart
}

// Share is the part of one of n nodes that send from the same address. Each has one connection, and one recipient in each
// window, at least: where a limit is below n, the sum is above it.
func (l Limits) Share(n int) Limits {
	part := func(limit int) int {
		if limit == 0 {
			return 0
		}
		return max(limit/n, 1)
	}
	if n > 1 {
		l.Connections, l.ConnectionsPerMinute = part(l.Connections), part(l.ConnectionsPerMinute)
		l.PerSecond, l.PerMinute, l.PerHour = l.PerSecond/float64(n), part(l.PerMinute), part(l.PerHour)
	}
	return l
}

// rate is the recipients a second that the limits come to; 0: any number.
func (l *Limits) rate() float64 {
	rate := math.Inf(1)
	for _, r := range []float64{l.PerSecond, float64(l.PerMinute) / 60, float64(l.PerHour) / 3600} {
		if r > 0 {
			rate = min(rate, r)
		}
	}
	if math.IsInf(rate, 1) {
		return 0
	}
	return rate
}

func (l *Limits) set(k Knob, v value) {
	switch n := int(v.number); k {
	case Connections:
		l.Connections = n
	case ConnectionsPerMinute:
		l.ConnectionsPerMinute = n
	case Messages:
		l.Messages = n
	case Recipients:
		l.Recipients = n
	case PerSecond:
		l.PerSecond = v.number
	case PerMinute:
		l.PerMinute = n
	case PerHour:
		l.PerHour = n
	case Mixed:
		l.Mixed = n == 1
	case TLS:
		l.TLS = v.tls
	}
}

// Value is the knob's number as the files write it.
func (l *Limits) Value(k Knob) string {
	switch k {
	case Connections:
		return strconv.Itoa(l.Connections)
	case ConnectionsPerMinute:
		return strconv.Itoa(l.ConnectionsPerMinute)
	case Messages:
		return strconv.Itoa(l.Messages)
	case Recipients:
		return strconv.Itoa(l.Recipients)
	case PerSecond:
		return strconv.FormatFloat(l.PerSecond, 'g', 4, 64)
	case PerMinute:
		return strconv.Itoa(l.PerMinute)
	case PerHour:
		return strconv.Itoa(l.PerHour)
	case Mixed:
		return strconv.FormatBool(l.Mixed)
	}
	return string(l.TLS)
}
