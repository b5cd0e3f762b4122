package api

import (
	"context"
	"net/http"

	"github.com/budkavle/budkavle/internal/flow/recipient"
	"github.com/budkavle/budkavle/internal/model"
)

// Recipients knows how addresses stand with a sender; *recipient.Service is one.
type Recipients interface {
	About(ctx context.Context, d model.Domain, mailbox string) (recipient.Standing, error)
	Verify(ctx context.Context, st recipient.Standing) error
}

// standing is what a system can show in its own settings page.
type standing struct {
	Address string   `json:"address"`
	Domain  string   `json:"domain"`
	Sending bool     `json:"sending"`
	Reasons []reason `json:"reasons"`
	Returns string   `json:"can_be_reactivated"` // no need, at once, by verification, operator
}

type reason struct {
	Kind   model.SuppressionKind `json:"kind"`
	Since  string                `json:"since"` // RFC 3339
	Reason string                `json:"reason"`
	Tag    string                `json:"tag"` // unsubscribe: only from mail with this tag; empty: from all
}

// routeRecipients registers the calls about recipients.
func (a *API) routeRecipients() {
	a.mux.Handle("GET /api/v1/recipients/{address}", a.handle(a.getRecipient))
	a.mux.Handle("POST /api/v1/recipients/{address}/verify", a.handle(a.verifyRecipient))
}

func (a *API) getRecipient(w http.ResponseWriter, c *call) error {
	st, err := a.about(c)
	if err != nil {
		return err
	}
	s := standing{Address: st.Address, Domain: st.Domain.Name, Sending: st.Sending, Reasons: []reason{}, Returns: returnWord(st.Returns)}
	for i := range st.Entries {
		e := &st.Entries[i]
		s.Reasons = append(s.Reasons, reason{e.Kind, e.CreatedAt.UTC().Format("2006-01-02T15:04:05Z07:00"), e.Reason, e.Tag})
	}
	return answerJSON(w, http.StatusOK, s)
}

func returnWord(way recipient.Way) string {
	if way == recipient.ByProof {
		return "by verification"
	}
	return string(way)
}

// verifyRecipient sends the mail with the link that starts mail again.
func (a *API) verifyRecipient(w http.ResponseWriter, c *call) error {
	st, err := a.about(c)
	if err != nil {
		return err
	}
	if st.Returns == recipient.NoNeed {
		return refuse(http.StatusConflict, "Nothing keeps mail of %s from %s, so there is nothing to verify", st.Domain.Name, st.Address)
	}
	if err := a.Recipients.Verify(c.Context(), st); err != nil {
		return recipientRefusal(err)
	}
	return answerJSON(w, http.StatusAccepted, map[string]string{"message": "A mail with a link is on its way to the address. It is valid for a day, and once."})
}

// about finds how the address of the path stands with the domain of the query, else with the account's only one.
func (a *API) about(c *call) (recipient.Standing, error) {
	d, err := a.senderOf(c)
	if err != nil {
		return recipient.Standing{}, err
	}
	st, err := a.Recipients.About(c.Context(), d, c.PathValue("address"))
	if err != nil {
		return st, recipientRefusal(err)
	}
	return st, nil
}

func (a *API) senderOf(c *call) (model.Domain, error) {
	if name := c.URL.Query().Get("domain"); name != "" {
		return a.ownDomain(c.Context(), &c.principal.Account, name)
	}
	list, err := a.Store.ListDomains(c.Context(), c.principal.Account.ID, "", 2)
	switch {
	case err != nil:
		return model.Domain{}, unavailable(err, "The domain cannot be looked up now, try again later")
	case len(list) != 1:
		return model.Domain{}, badField("domain: say which sender domain is meant, as in ?domain=school.example")
	}
	return list[0], nil
}

func recipientRefusal(err error) error {
	switch {
	case recipient.Is(err, recipient.NoAddress):
		return &refusal{status: http.StatusBadRequest, message: "The address in the path is not one: " + err.Error(), cause: err}
	case recipient.Is(err, recipient.TooMany):
		return &refusal{status: http.StatusTooManyRequests, message: "The address has been sent several links already; try again tomorrow", cause: err}
	case recipient.Is(err, recipient.Final):
		return &refusal{status: http.StatusConflict, message: "The address is on the operator's own list; only the operator takes it off", cause: err}
	}
	return unavailable(err, "This cannot be done now, and nothing was changed; try again later")
}
