package validate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// saveEvery is how often progress is written down.
const saveEvery = 2 * time.Second

// Run checks what waits until the context ends. A job that fails says so itself; what the disk refuses is logged, and tried
// again when something else is added.
func (s *Jobs) Run(ctx context.Context) error {
	for {
		account, folder, err := s.oldest()
		if err != nil {
			s.config.Log.Error("lists to validate cannot be read", "folder", s.config.Dir, "error", err)
		}
		if folder == "" {
			select {
			case <-ctx.Done():
				return nil
			case <-s.wake:
				continue
			}
		}
		if err := s.work(ctx, account, folder); err != nil && ctx.Err() == nil {
			s.config.Log.Error("list not validated", "folder", folder, "error", err)
			select {
			case <-ctx.Done():
			case <-s.wake:
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// sweep removes what a crash left half in or half out, before anything can be added.
func (s *Jobs) sweep() {
	for _, pattern := range []string{"*/.part-*", "*/.gone-*"} {
		left, _ := filepath.Glob(filepath.Join(s.config.Dir, pattern)) // the patterns are well formed
		for _, path := range left {
			if err := os.RemoveAll(path); err != nil {
				s.config.Log.Warn("left-over of a list not removed", "path", path, "error", err)
			}
		}
	}
}

// oldest finds the job whose turn it is. It reads the jobs of all accounts, at most MaxJobs of each.
func (s *Jobs) oldest() (account model.AccountID, folder string, err error) {
	accounts, err := os.ReadDir(s.config.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return 0, "", nil
	}
	var since time.Time
	for _, e := range accounts {
		n, nerr := strconv.ParseInt(e.Name(), 10, 64)
		if nerr != nil {
			continue
		}
		jobs, lerr := s.List(model.AccountID(n))
		err = errors.Join(err, lerr)
		for _, j := range jobs {
			if !j.over() && (folder == "" || j.CreatedAt.Before(since)) {
				account, since = model.AccountID(n), j.CreatedAt
				folder = filepath.Join(s.config.Dir, e.Name(), j.ID)
			}
		}
	}
	return account, folder, err
}

// work does one job. The error is the disk's; that of the file is in the job.
func (s *Jobs) work(ctx context.Context, account model.AccountID, folder string) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	j, ok, err := s.begin(folder, stop)
	if err != nil || !ok {
		return err
	}
	sum, err := s.check(ctx, account, folder, &j)
	if ctx.Err() != nil {
		return nil // deleted, or the node stops: then it is begun anew
	}
	if err != nil {
		j.Status, j.Error = Failed, err.Error()
		s.config.Log.Info("list cannot be validated", "account", int64(account), "list", j.ID, "error", err)
	} else {
		j.Status, j.Summary, j.Quantity, j.Processed = Uploaded, &sum, sum.Rows, sum.Rows
	}
	return s.change(folder, &j, true)
}

// begin takes the job up; ok is false if it is gone.
func (s *Jobs) begin(folder string, stop context.CancelFunc) (j Job, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	j, err = load(folder)
	var gone *JobError
	if errors.As(err, &gone) {
		return j, false, nil
	}
	if err != nil {
		return j, false, err
	}
	s.running, s.stop = folder, stop
	j.Status, j.Processed = Processing, 0
	return j, true, j.save(folder, false)
}

// change writes the job down, unless it was deleted meanwhile.
func (s *Jobs) change(folder string, j *Job, last bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != folder {
		return nil
	}
	if last {
		s.running = ""
	}
	return j.save(folder, last)
}

// check reads the file and writes both results beside it.
func (s *Jobs) check(ctx context.Context, account model.AccountID, folder string, j *Job) (Summary, error) {
	in, err := os.Open(filepath.Join(folder, inputFile))
	if err != nil {
		return Summary{}, err
	}
	defer in.Close()
	text, err := unpacked(in)
	if err != nil {
		return Summary{}, err
	}
	lines, err := create(filepath.Join(folder, csvFile), NewCSV)
	if err != nil {
		return Summary{}, err
	}
	defer lines.file.Close()
	objects, err := create(filepath.Join(folder, jsonFile), NewJSON)
	if err != nil {
		return Summary{}, err
	}
	defer objects.file.Close()
	saved := s.config.Clock.Now()
	sum, err := s.config.Validator.Bulk(ctx, text, Options{
		Account: account,
		Emit:    func(r Row) error { return errors.Join(lines.Write(r), objects.Write(r)) },
		Progress: func(rows int, _ int64) {
			if now := s.config.Clock.Now(); now.Sub(saved) >= saveEvery {
				saved, j.Processed = now, rows
				if err := s.change(folder, j, false); err != nil {
					s.config.Log.Warn("progress of a list not kept", "folder", folder, "error", err)
				}
			}
		},
	})
	if err != nil {
		return sum, err
	}
	return sum, errors.Join(lines.finish(), objects.finish())
}
