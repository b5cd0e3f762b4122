package api

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"github.com/budkavle/budkavle/internal/engine/validate"
	"github.com/budkavle/budkavle/internal/model"
)

// Lists are files of addresses to look at; *validate.Jobs is one.
type Lists interface {
	Add(account model.AccountID, id string, in io.Reader) (validate.Job, error)
	Get(account model.AccountID, id string) (validate.Job, error)
	List(account model.AccountID) ([]validate.Job, error)
	Delete(account model.AccountID, id string) error
	Results(account model.AccountID, id string, asJSON bool) (io.ReadCloser, error)
}

// maxUploads is how many files may be on their way in at the same time.
const maxUploads = 8

const listsPath = "/v4/address/validate/bulk"

// validationJob is Mailgun's JSON of a job.
type validationJob struct {
	ID          string             `json:"id"`
	CreatedAt   int64              `json:"created_at"` // Unix seconds
	Status      validate.Status    `json:"status"`
	Quantity    int                `json:"quantity"`
	Processed   int                `json:"records_processed"`
	Summary     *validationSummary `json:"summary,omitempty"`
	DownloadURL *downloadURL       `json:"download_url,omitempty"`
	Error       string             `json:"error,omitempty"`
}

type downloadURL struct {
	CSV  string `json:"csv"`
	JSON string `json:"json"`
}

type validationSummary struct {
	Result     map[string]int        `json:"result"`
	Risk       map[string]int        `json:"risk"`
	Reason     map[validate.Code]int `json:"reason"`
	Duplicates int                   `json:"duplicates"`
	Layout     validate.Layout       `json:"layout"`
}

func (a *API) jobJSON(j validate.Job) validationJob {
	v := validationJob{ID: j.ID, CreatedAt: j.CreatedAt.Unix(), Status: j.Status, Quantity: j.Quantity, Processed: j.Processed, Error: j.Error}
	if j.Summary == nil {
		return v
	}
	result, risk := map[string]int{"catch_all": 0}, map[string]int{}
	for _, verdict := range validate.Verdicts() {
		result[string(verdict)] = j.Summary.Results[verdict]
	}
	for _, r := range validate.Risks() {
		risk[string(r)] = j.Summary.Risks[r]
	}
	v.Summary = &validationSummary{Result: result, Risk: risk, Reason: j.Summary.Reasons, Duplicates: j.Summary.Duplicates, Layout: j.Summary.Layout}
	base := a.BaseURL + listsPath + "/" + j.ID
	v.DownloadURL = &downloadURL{CSV: base + "/result.csv", JSON: base + "/result.jsonl"}
	return v
}

// addList takes a file in: multipart/form-data with a part named file, which is written to disk as it comes.
func (a *API) addList(w http.ResponseWriter, c *call) error {
	part, done, err := a.upload(c.Request)
	if err != nil {
		return err
	}
	defer done()
	job, err := a.Lists.Add(c.principal.Account.ID, c.PathValue("list"), part)
	if err != nil {
		return listRefusal(err)
	}
	return answerJSON(w, http.StatusAccepted, map[string]string{"id": job.ID, "message": "The validation job was submitted."})
}

// upload finds the file of a request, and a place for it to come in, which the caller gives back.
func (a *API) upload(r *http.Request) (part *multipart.Part, done func(), err error) {
	select {
	case a.uploads <- struct{}{}:
		done = func() { <-a.uploads }
	default:
		return nil, nil, &refusal{status: http.StatusTooManyRequests, message: "Too many files are on their way in now, try again later", retry: retryAfter}
	}
	if part, err = filePart(r); err != nil {
		done()
		return nil, nil, err
	}
	return part, done, nil
}

// filePart finds the part with the file.
func filePart(r *http.Request) (*multipart.Part, error) {
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/form-data" || params["boundary"] == "" {
		return nil, refuse(http.StatusUnsupportedMediaType, "Content-Type: send multipart/form-data with the file in a part named file")
	}
	m := multipart.NewReader(http.MaxBytesReader(nil, r.Body, validate.MaxFile+formRoom), params["boundary"])
	p, err := m.NextPart()
	switch {
	case err == io.EOF:
		return nil, badField("file: send the addresses in a part of this name")
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, message: "The body cannot be read as a form: " + err.Error(), cause: err}
	case p.FormName() != "file":
		return nil, badField("%.80q: the first part must be named file; there are no others here", p.FormName())
	}
	return p, nil
}

func (a *API) getList(w http.ResponseWriter, c *call) error {
	job, err := a.Lists.Get(c.principal.Account.ID, c.PathValue("list"))
	if err != nil {
		return listRefusal(err)
	}
	return answerJSON(w, http.StatusOK, a.jobJSON(job))
}

// lists answers with all jobs: there are at most validate.MaxJobs, so they are one page, and those beside it are empty.
func (a *API) lists(w http.ResponseWriter, c *call) error {
	jobs, err := a.Lists.List(c.principal.Account.ID)
	if err != nil {
		return listRefusal(err)
	}
	total := len(jobs)
	if page := c.URL.Query().Get("page"); page == "next" || page == "previous" {
		jobs = nil
	}
	all := make([]validationJob, 0, len(jobs))
	for _, j := range jobs {
		all = append(all, a.jobJSON(j))
	}
	url := a.BaseURL + listsPath
	return answerJSON(w, http.StatusOK, map[string]any{"jobs": all, "total": total, "paging": map[string]string{
		"first": url + "?page=first", "last": url + "?page=last", "next": url + "?page=next", "previous": url + "?page=previous",
	}})
}

func (a *API) deleteList(w http.ResponseWriter, c *call) error {
	if err := a.Lists.Delete(c.principal.Account.ID, c.PathValue("list")); err != nil {
		return listRefusal(err)
	}
	return answerJSON(w, http.StatusOK, map[string]string{"message": "Validation job canceled."})
}

func (a *API) listResults(asJSON bool) func(http.ResponseWriter, *call) error {
	return func(w http.ResponseWriter, c *call) error {
		results, err := a.Lists.Results(c.principal.Account.ID, c.PathValue("list"), asJSON)
		if err != nil {
			return listRefusal(err)
		}
		defer results.Close()
		name, mediaType := "result.csv", "text/csv; charset=utf-8"
		if asJSON {
			name, mediaType = "result.jsonl", "application/x-ndjson"
		}
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		_, _ = io.Copy(w, results) // a client that went away needs no more
		return nil
	}
}

func listRefusal(err error) error {
	var e *validate.JobError
	var max *http.MaxBytesError
	if errors.As(err, &max) {
		return refuse(http.StatusRequestEntityTooLarge, "The file has more than %d octets; send it in parts", validate.MaxFile)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &refusal{status: http.StatusBadRequest, message: "The file was cut off on its way; send it again", cause: err}
	}
	if !errors.As(err, &e) {
		return unavailable(err, "The list cannot be kept or read now, try again later")
	}
	status := map[validate.JobErrorKind]int{
		validate.NoSuchJob: http.StatusNotFound, validate.JobExists: http.StatusConflict, validate.NotDone: http.StatusConflict,
		validate.TooManyJobs: http.StatusTooManyRequests, validate.FileTooBig: http.StatusRequestEntityTooLarge,
	}[e.Kind]
	if status == 0 {
		status = http.StatusBadRequest
	}
	return refuse(status, "%s", e.Error())
}

// routeValidation registers the calls of address validation.
func (a *API) routeValidation() {
	a.mux.Handle("GET /v4/address/validate", a.handle(a.validate))
	a.mux.Handle("POST /v4/address/validate", a.handle(a.validate))
	a.mux.Handle("GET "+listsPath, a.handle(a.lists))
	a.mux.Handle("POST "+listsPath+"/{list}", a.handle(a.addList))
	a.mux.Handle("GET "+listsPath+"/{list}", a.handle(a.getList))
	a.mux.Handle("DELETE "+listsPath+"/{list}", a.handle(a.deleteList))
	a.mux.Handle("GET "+listsPath+"/{list}/result.csv", a.handle(a.listResults(false)))
	a.mux.Handle("GET "+listsPath+"/{list}/result.jsonl", a.handle(a.listResults(true)))
}
