package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/model"
)

// Validator looks at addresses; *validate.Validator is one.
type Validator interface {
	Check(ctx context.Context, account model.AccountID, address string) (validate.Result, error)
}

const (
	// maxValidations is how many addresses may be looked up at the same time. Each waits for DNS, so that a processor is
	// busy with few of them; more would be sockets and questions without an end.
	maxValidations = 64
	// maxAddress is Mailgun's limit, in characters.
	maxAddress = 512
)

// validation is Mailgun's answer. MailboxVerification is there when it was asked for.
type validation struct {
	validate.Answer
	MailboxVerification string `json:"mailbox_verification,omitempty"`
}

// validate answers GET and POST /v4/address/validate.
func (a *API) validate(w http.ResponseWriter, c *call) error {
	values := c.URL.Query()
	if c.Method == http.MethodPost {
		f, err := a.readForm(c.Request)
		if err != nil {
			return err
		}
		defer f.close()
		values = f.values
	}
	text, probe, err := validationOf(values)
	if err != nil {
		return err
	}
	select {
	case a.validations <- struct{}{}:
		defer func() { <-a.validations }()
	default:
		return &refusal{status: http.StatusTooManyRequests, message: "Too many addresses are being looked up now, try again later", retry: 1}
	}
	result, err := a.Validator.Check(c.Context(), c.principal.Account.ID, text)
	if err != nil {
		return unavailable(err, "The address cannot be looked up now, try again later")
	}
	v := validation{Answer: result.Answer()}
	if probe { // no mailbox is probed here
		v.MailboxVerification = "unknown"
	}
	return answerJSON(w, http.StatusOK, v)
}

// validationOf reads the parameters of Mailgun's call.
func validationOf(values url.Values) (address string, probe bool, err error) {
	for name, all := range values {
		value := all[0]
		switch name {
		case "address":
			address = value
		case "mailbox_verification":
			if probe, err = strconv.ParseBool(value); err != nil {
				return "", false, badField("mailbox_verification: %.80q is not true or false", value)
			}
		case "provider_lookup": // whether Mailgun asks mailbox providers; nobody is asked here
			if _, err = strconv.ParseBool(value); err != nil {
				return "", false, badField("provider_lookup: %.80q is not true or false", value)
			}
		default:
			return "", false, badField("%.80s: there is no such parameter here; use address, mailbox_verification or provider_lookup", name)
		}
		if len(all) > 1 {
			return "", false, badField("%s: give it once", name)
		}
	}
	switch {
	case address == "":
		return "", false, badField("address: give the address to look at")
	case utf8.RuneCountInString(address) > maxAddress:
		return "", false, badField("address: it has more than %d characters", maxAddress)
	}
	return address, probe, nil
}

// answerJSON writes a document.
func answerJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	answer(w, status, body)
	return nil
}
