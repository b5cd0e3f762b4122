package validate

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Status is how far a job has come, in Mailgun's words.
type Status string

// Statuses.
const (
	Created    Status = "created"    // waits for its turn
	Processing Status = "processing" // after a restart it begins anew
	Uploaded   Status = "uploaded"   // done: the results can be fetched
	Failed     Status = "failed"     // Job.Error says why
)

// Job is a file of one account. Its JSON is what is kept on disk beside the file.
type Job struct {
	ID        string    `json:"id"` // the account's own word for it
	CreatedAt time.Time `json:"created_at"`
	Status    Status    `json:"status"`
	Quantity  int       `json:"quantity"`          // rows; lines of the file until it is done
	Processed int       `json:"records_processed"` // rows
	Error     string    `json:"error,omitempty"`   // in English
	Summary   *Summary  `json:"summary,omitempty"` // when it is done
}

// over reports a job that will not change any more.
func (j *Job) over() bool { return j.Status == Uploaded || j.Status == Failed }

// JobErrorKind says why a job was not taken, found or given.
type JobErrorKind string

// Kinds of errors.
const (
	BadJobID    JobErrorKind = "bad id"
	JobExists   JobErrorKind = "exists"
	TooManyJobs JobErrorKind = "too many"
	FileTooBig  JobErrorKind = "too big"
	NoSuchJob   JobErrorKind = "not found"
	NotDone     JobErrorKind = "not done"
)

// JobError is the caller's mistake. Other errors of Jobs are faults of the disk.
type JobError struct {
	Kind JobErrorKind
	Err  error
}

func (e *JobError) Error() string { return e.Err.Error() }

func (e *JobError) Unwrap() error { return e.Err }

// jobID is what may be the name of a folder.
var jobID = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

// Names of the files of a job.
const (
	jobFile   = "job.json"
	inputFile = "input"
	csvFile   = "result.csv"
	jsonFile  = "result.jsonl"
)

// load reads a job from its folder.
func load(folder string) (Job, error) {
	var j Job
	data, err := os.ReadFile(filepath.Join(folder, jobFile))
	if errors.Is(err, fs.ErrNotExist) {
		return j, &JobError{NoSuchJob, wording.Errorf("there is no such list")}
	}
	if err == nil {
		err = json.Unmarshal(data, &j)
	}
	return j, err
}

// save writes a job into its folder: whole or not at all, and with sync so that it outlasts a loss of power.
func (j *Job) save(folder string, sync bool) error {
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	path := filepath.Join(folder, jobFile)
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}
