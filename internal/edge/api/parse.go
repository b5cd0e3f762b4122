package api

import (
	"net/mail"
	"slices"
	"sort"
	"strings"

	"github.com/budkavle/budkavle/internal/engine/compose"
	"github.com/budkavle/budkavle/internal/flow/submit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// maxRecipients is Mailgun's: to, cc and bcc of one call.
const maxRecipients = 1000

// sending is one call of messages, read and checked.
type sending struct {
	content compose.Content // From and To are set for each message
	from    string          // as given: placeholders may be in it
	to      []*mail.Address
	cc, bcc []*mail.Address
	batch   variables // nil: one message for all
	options submit.Options
}

// isKnown are the parameters besides o:, h: and v:.
func isKnown(name string) bool {
	switch name {
	case "from", "to", "cc", "bcc", "subject", "text", "html", "amp-html", "recipient-variables":
		return true
	}
	return strings.HasPrefix(name, "o:") || strings.HasPrefix(name, "h:") || strings.HasPrefix(name, "v:")
}

// checkNames refuses what is not done here, so that nobody takes it for done.
func (f *form) checkNames(known func(string) bool) error {
	for name, values := range f.values {
		switch {
		case name == "template" || strings.HasPrefix(name, "t:"):
			return badField("%s: templates are not offered here; send text or html", name)
		case !known(name):
			return badField("%s is not a parameter of this call", name)
		case len(values) > 1 && !slices.Contains([]string{"to", "cc", "bcc", "o:tag"}, name):
			return badField("%s is given %d times", name, len(values))
		}
	}
	return nil
}

// sending reads the form of messages.
func (f *form) sending(o submit.Options) (*sending, error) {
	if err := f.checkNames(isKnown); err != nil {
		return nil, err
	}
	s := &sending{from: f.values.Get("from"), options: o}
	if s.from == "" {
		return nil, badField("from parameter is missing")
	}
	if err := s.readRecipients(f); err != nil {
		return nil, err
	}
	if err := s.readContent(f); err != nil {
		return nil, err
	}
	if given := f.values.Get("recipient-variables"); given != "" {
		var err error
		if s.batch, err = parseVariables(given); err != nil {
			return nil, err
		}
		if n := len(s.to) * (1 + len(s.cc) + len(s.bcc)); n > maxBatchRecipients {
			return nil, badField("cc and bcc: with recipient-variables each of %d messages goes to them too, in all %d recipients, more than %d", len(s.to), n, maxBatchRecipients)
		}
	}
	return s, nil
}

func (s *sending) readRecipients(f *form) error {
	for name, list := range map[string]*[]*mail.Address{"to": &s.to, "cc": &s.cc, "bcc": &s.bcc} {
		var err error
		if *list, err = f.addresses(name); err != nil {
			return err
		}
	}
	if len(s.to) == 0 {
		return badField("to parameter is missing")
	}
	if n := len(s.to) + len(s.cc) + len(s.bcc); n > maxRecipients {
		return badField("to, cc and bcc: %d recipients, more than %d; send to the rest in another call", n, maxRecipients)
	}
	return nil
}

func (s *sending) readContent(f *form) error {
	c := &s.content
	c.Subject, c.Text, c.HTML, c.AMP = f.values.Get("subject"), f.values.Get("text"), f.values.Get("html"), f.values.Get("amp-html")
	if c.Text == "" && c.HTML == "" && c.AMP == "" {
		return badField("Need at least one of 'text', 'html' or 'amp-html' parameters specified")
	}
	for name, text := range map[string]string{"text": c.Text, "html": c.HTML, "amp-html": c.AMP} {
		if strings.Contains(text, "unsubscribe_url%") {
			return badField("%s: %%unsubscribe_url%% and its like are not offered here; put in an address of your own", name)
		}
	}
	for _, file := range f.files {
		switch file.field {
		case "attachment":
			c.Attachments = append(c.Attachments, file.File)
		case "inline":
			c.Inline = append(c.Inline, file.File)
		default:
			return badField("%s: a file is taken as attachment or inline", file.field)
		}
		s.options.Attachments = append(s.options.Attachments, model.Attachment{Name: file.Name, Type: file.Type, Size: int64(len(file.Data))})
	}
	var err error
	c.Header, err = f.header()
	return err
}

// header is the h: fields in the order of their names.
func (f *form) header() ([]compose.HeaderField, error) {
	var fields []compose.HeaderField
	seen := map[string]bool{}
	for name, values := range f.values {
		field, ok := strings.CutPrefix(name, "h:")
		if !ok {
			continue
		}
		if err := checkHeaderName(field); err != nil {
			return nil, err
		}
		lower := strings.ToLower(field)
		if seen[lower] {
			return nil, badField("%s is given twice", name)
		}
		seen[lower] = true
		if lower == "date" {
			if _, err := mail.ParseDate(values[0]); err != nil {
				return nil, badField("%s: %.80q is not a time of RFC 5322", name, values[0])
			}
		}
		fields = append(fields, compose.HeaderField{Name: field, Value: values[0]})
	}
	sort.Slice(fields, func(i, j int) bool { return fields[i].Name < fields[j].Name })
	return fields, nil
}

// checkHeaderName takes the ftext of RFC 5322 3.6.8, except the fields that other parameters, or we ourselves, make.
func checkHeaderName(name string) error {
	if name == "" || len(name) > 76 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }) {
		return badField("h:%.80s is not the name of a header field", name)
	}
	lower := strings.ToLower(name)
	switch lower {
	case "from", "to", "cc", "bcc", "subject":
		return badField("h:%s: give this as the parameter %s", name, lower)
	case "message-id", "mime-version", "received", "return-path", "dkim-signature", "resent-bcc":
		return badField("h:%s: this field is made here and cannot be given", name)
	}
	if strings.HasPrefix(lower, "content-") || strings.HasPrefix(lower, "x-budkavle-") {
		return badField("h:%s: fields of this kind are made here and cannot be given", name)
	}
	return nil
}

// addresses reads all values of a field, each an address list (RFC 5322 3.4).
func (f *form) addresses(field string) ([]*mail.Address, error) {
	var all []*mail.Address
	for _, value := range f.values[field] {
		list, err := mail.ParseAddressList(value)
		if err != nil {
			return nil, badField("%s: %.320q is not a valid address: %s", field, value, strings.TrimPrefix(err.Error(), "mail: "))
		}
		if len(all)+len(list) > maxRecipients {
			return nil, badField("%s: more than %d recipients; send to the rest in another call", field, maxRecipients)
		}
		for _, a := range list {
			if err := normalise(field, a); err != nil {
				return nil, err
			}
		}
		all = append(all, list...)
	}
	return all, nil
}

// normalise makes an address ready to be sent: a domain in letters beyond US-ASCII would else ask for SMTPUTF8.
func normalise(field string, a *mail.Address) error {
	parsed, err := address.Parse(a.Address)
	if err != nil {
		return badField("%s: %v", field, err)
	}
	a.Address = parsed.String()
	return nil
}

// sender reads from, which is one address.
func sender(value string) (*mail.Address, error) {
	list, err := mail.ParseAddressList(value)
	if err != nil {
		return nil, badField("from: %.320q is not a valid address: %s", value, strings.TrimPrefix(err.Error(), "mail: "))
	}
	if len(list) != 1 {
		return nil, badField("from: %d addresses; give one", len(list))
	}
	return list[0], normalise("from", list[0])
}
