package validate

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
)

const (
	// MaxJobs is how many files an account may have here, done or not. What is done is deleted by the account.
	MaxJobs = 20
	// MaxFile is the octets of a file as it is sent, MaxText those of it unpacked.
	MaxFile = 100 << 20
	MaxText = 1 << 30
)

// JobsConfig is what Jobs are made of.
type JobsConfig struct {
	Dir       string // a folder of its own, made when it is needed
	Validator *Validator
	Clock     clock.Clock
	Log       *slog.Logger
}

// Jobs keeps files of accounts in folders of its own, Dir/account/id, and checks one after the other, the oldest first. What
// was taken outlasts a restart: a file half done is begun anew. Other nodes do not see it. It is safe for concurrent use.
type Jobs struct {
	config JobsConfig
	wake   chan struct{} // something waits; capacity 1

	mu      sync.Mutex // held while folders come and go, and while a job changes
	running string     // the folder at work, empty if none
	stop    context.CancelFunc
}

// NewJobs makes Jobs; Run does the work. No other Jobs may use the folder.
func NewJobs(c JobsConfig) *Jobs {
	s := &Jobs{config: c, wake: make(chan struct{}, 1)}
	s.sweep()
	return s
}

func (s *Jobs) account(id model.AccountID) string {
	return filepath.Join(s.config.Dir, strconv.FormatInt(int64(id), 10))
}

// folder of a job. The id is checked, since it comes from outside.
func (s *Jobs) folder(account model.AccountID, id string) (string, error) {
	if !jobID.MatchString(id) {
		return "", &JobError{BadJobID, wording.Errorf("the list id %.80q is not one: use 1 to 64 letters, digits, dots, hyphens and underscores, not beginning with a dot", id)}
	}
	return filepath.Join(s.account(account), id), nil
}

// Get gives a job of the account.
func (s *Jobs) Get(account model.AccountID, id string) (Job, error) {
	folder, err := s.folder(account, id)
	if err != nil {
		return Job{}, err
	}
	return load(folder)
}

// List gives the account's jobs, the oldest first.
func (s *Jobs) List(account model.AccountID) ([]Job, error) {
	entries, err := os.ReadDir(s.account(account))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var jobs []Job
	for _, e := range entries {
		if !jobID.MatchString(e.Name()) {
			continue // on its way in or out
		}
		j, err := load(filepath.Join(s.account(account), e.Name()))
		var gone *JobError
		if errors.As(err, &gone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) })
	return jobs, nil
}

// Delete stops a job and removes what there is of it.
func (s *Jobs) Delete(account model.AccountID, id string) error {
	folder, err := s.folder(account, id)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var gone *JobError
	if _, err := load(folder); errors.As(err, &gone) {
		return err
	}
	if s.running == folder {
		s.running = ""
		s.stop()
	}
	// It is gone at once and as a whole, and what a crash leaves of it is no job.
	trash, err := os.MkdirTemp(s.account(account), ".gone-")
	if err != nil {
		return err
	}
	return errors.Join(os.Rename(folder, filepath.Join(trash, id)), os.RemoveAll(trash))
}

// Results opens the results of a job that is done, as JSON lines or as CSV. The caller closes it.
func (s *Jobs) Results(account model.AccountID, id string, asJSON bool) (io.ReadCloser, error) {
	j, err := s.Get(account, id)
	if err != nil {
		return nil, err
	}
	if j.Status != Uploaded {
		return nil, &JobError{NotDone, wording.Errorf("the list is not done: it is %s", string(j.Status))}
	}
	folder, err := s.folder(account, id)
	if err != nil {
		return nil, err
	}
	name := csvFile
	if asJSON {
		name = jsonFile
	}
	f, err := os.Open(filepath.Join(folder, name))
	if errors.Is(err, fs.ErrNotExist) { // deleted since
		return nil, &JobError{NoSuchJob, wording.Errorf("there is no such list")}
	}
	return f, err
}
