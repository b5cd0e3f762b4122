package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/budkavle/budkavle/internal/flow/reports"
	"github.com/budkavle/budkavle/internal/model"
)

// Reports shows what receivers report about a sender domain; *reports.Service is one.
type Reports interface {
	Overview(ctx context.Context, d model.Domain, days int) (reports.Overview, error)
	Standing(ctx context.Context, d model.Domain) (reports.Standing, error)
}

// reportDays is how far back reports are shown unless the call says otherwise.
const reportDays = 30

func (a *API) routeReports() {
	a.mux.Handle("GET /api/v1/domains/{domain}/reports", a.handle(a.domainReports))
	a.mux.Handle("GET /api/v1/domains/{domain}/dmarc", a.handle(a.domainDMARC))
}

// domainReports answers with who sends as a domain, what passes, and what fails and why.
func (a *API) domainReports(w http.ResponseWriter, c *call) error {
	days := reportDays
	for name, values := range c.URL.Query() {
		n, err := strconv.Atoi(values[0])
		if name != "days" {
			return badField("%.80s: there is no such parameter here; use days", name)
		}
		if err != nil || n < 1 || n > reports.MaxDays {
			return badField("days: %.80q is not a number between 1 and %d", values[0], reports.MaxDays)
		}
		days = n
	}
	ctx, cancel := context.WithTimeout(c.Context(), lookUpTime)
	defer cancel()
	o, err := a.Reports.Overview(ctx, c.domain, days)
	if err != nil {
		return unavailable(err, "The reports cannot be read now, try again later")
	}
	return answerJSON(w, http.StatusOK, o)
}

// domainDMARC answers with the record in force, what it means, and when the next stage is due.
func (a *API) domainDMARC(w http.ResponseWriter, c *call) error {
	ctx, cancel := context.WithTimeout(c.Context(), lookUpTime)
	defer cancel()
	s, err := a.Reports.Standing(ctx, c.domain)
	if err != nil {
		return unavailable(err, "The stage of DMARC cannot be told now, try again later")
	}
	return answerJSON(w, http.StatusOK, s)
}
