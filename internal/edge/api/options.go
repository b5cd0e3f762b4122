package api

import (
	"net/mail"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/flow/submit"
)

const (
	maxTags      = 10
	maxTag       = 128 // octets
	maxVariables = 16 << 10
	// maxAhead is how far ahead a message may be scheduled. It is well below the time for which bodies are kept.
	maxAhead = 7 * 24 * time.Hour
)

// options reads o: and v:. What is not done here is refused unless it asks for what happens anyway.
func (f *form) options(now time.Time) (submit.Options, error) {
	o := submit.Options{StartedAt: now}
	variables := 0
	for name, values := range f.values {
		switch {
		case strings.HasPrefix(name, "o:"):
			if err := setOption(&o, name, values, now); err != nil {
				return o, err
			}
		case strings.HasPrefix(name, "v:"):
			if o.Variables == nil {
				o.Variables = map[string]string{}
			}
			o.Variables[name[2:]] = values[0]
			if variables += len(name) + len(values[0]); variables > maxVariables {
				return o, badField("%s: the variables have more than %d octets in all", name, maxVariables)
			}
		}
	}
	return o, nil
}

func setOption(o *submit.Options, name string, values []string, now time.Time) error {
	switch name {
	case "o:tag":
		return setTags(o, values)
	case "o:deliverytime":
		return setDeliveryTime(o, values[0], now)
	case "o:testmode":
		on, err := yesOrNo(name, values[0])
		o.TestMode = on
		return err
	case "o:dkim":
		return mustBe(name, values[0], true, "every message is signed")
	case "o:require-tls":
		return mustBe(name, values[0], false, "TLS is used wherever the receiver has it; demand it with a fixed route")
	case "o:skip-verification":
		_, err := yesOrNo(name, values[0]) // certificates decide nothing where clear text would do as well
		return err
	case "o:tracking", "o:tracking-clicks", "o:tracking-opens", "o:tracking-pixel-location-top":
		return mustBe(name, values[0], false, "opens and clicks are not tracked here")
	case "o:native-send":
		return mustBe(name, values[0], false, "it is not offered here")
	}
	return badField("%s: this option is not offered here; leave it out", name)
}

func setTags(o *submit.Options, tags []string) error {
	if len(tags) > maxTags {
		return badField("o:tag: %d tags, more than %d", len(tags), maxTags)
	}
	for _, t := range tags {
		if t == "" || len(t) > maxTag || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r > '~' }) {
			return badField("o:tag: %.140q is not a tag: use 1 to %d printable characters of ASCII", t, maxTag)
		}
	}
	o.Tags = tags
	return nil
}

// setDeliveryTime takes a time of RFC 2822 3.3; one that has passed means at once.
func setDeliveryTime(o *submit.Options, value string, now time.Time) error {
	t, err := mail.ParseDate(value)
	if err != nil {
		return badField("o:deliverytime: %.80q is not a time such as Fri, 25 Oct 2026 23:10:10 +0200 (RFC 2822)", value)
	}
	if t.Sub(now) > maxAhead {
		return badField("o:deliverytime: %s is more than %d days ahead", value, int(maxAhead.Hours()/24))
	}
	if t.After(now) {
		o.NotBefore = t
	}
	return nil
}

func yesOrNo(name, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, badField("%s: %.80q is neither yes nor no", name, value)
}

// mustBe takes the one value that is true here anyway.
func mustBe(name, value string, want bool, why string) error {
	on, err := yesOrNo(name, value)
	if err != nil && want {
		return err
	}
	if err != nil || on != want { // o:tracking-clicks also knows htmlonly
		return badField("%s: %.80q cannot be had: %s", name, value, why)
	}
	return nil
}
