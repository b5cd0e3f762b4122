package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// retryAfter is when a caller that was put off should come again, in seconds.
const retryAfter = 30

// refusal is the error of this package: what is answered, and what only the log is told.
type refusal struct {
	status  int
	message string // names the field, says what is wrong and what to do
	retry   int    // seconds; 0: trying again as it is does not help
	cause   error  // may be nil
}

func (r *refusal) Error() string {
	if r.cause == nil {
		return fmt.Sprintf("%d %s", r.status, r.message)
	}
	return fmt.Sprintf("%d %s: %v", r.status, r.message, r.cause)
}

func (r *refusal) Unwrap() error { return r.cause }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, message: fmt.Sprintf(format, args...)}
}

func badField(format string, args ...any) *refusal {
	return refuse(http.StatusBadRequest, format, args...)
}

// unavailable is a fault of our own that passes.
func unavailable(cause error, message string) *refusal {
	return &refusal{status: http.StatusServiceUnavailable, message: message, retry: retryAfter, cause: cause}
}

// refusalOf translates the errors of mail: 4yz is 503, or 429 where a limit of the account is reached, since
// nothing was kept and the same call may succeed later.
func refusalOf(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	e := smtp.AsError(err)
	var over *model.Over
	switch {
	case e.Class == smtp.Temporary && errors.As(err, &over):
		r = &refusal{status: http.StatusTooManyRequests, message: e.Text, retry: int(limit.Wait(over).Seconds())}
	case e.Class == smtp.Temporary:
		return unavailable(e.Err, e.Text)
	case e.Code == 552:
		r = refuse(http.StatusRequestEntityTooLarge, "%s", e.Text)
	case e.Enhanced == "5.7.1":
		r = refuse(http.StatusForbidden, "%s", e.Text)
	default:
		r = badField("%s", e.Text)
	}
	r.cause = e.Err
	return r
}

func (a *API) answerError(w http.ResponseWriter, req *http.Request, err error) {
	r := refusalOf(err)
	if r.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.retry))
	}
	if r.status >= 500 {
		a.Log.Warn("call failed", "method", req.Method, "path", req.URL.Path, "status", r.status, "error", r)
	}
	body, _ := json.Marshal(map[string]string{"message": r.message}) // strings always marshal
	answer(w, r.status, body)
}

func answer(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that went away needs no answer
}
