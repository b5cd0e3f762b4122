package validate

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
)

// Add keeps a file, plain or in gzip, and puts it in the queue. It is synced when Add returns. Errors are *JobError, those
// of reading, or of the disk; nothing was kept then.
func (s *Jobs) Add(account model.AccountID, id string, in io.Reader) (Job, error) {
	folder, err := s.folder(account, id)
	if err != nil {
		return Job{}, err
	}
	if err := s.room(account, folder); err != nil {
		return Job{}, err
	}
	if err := os.MkdirAll(s.account(account), 0o700); err != nil {
		return Job{}, err
	}
	part, err := os.MkdirTemp(s.account(account), ".part-")
	if err != nil {
		return Job{}, err
	}
	defer os.RemoveAll(part) // gone when it was renamed
	j := Job{ID: id, CreatedAt: s.config.Clock.Now().UTC(), Status: Created}
	if j.Quantity, err = keep(filepath.Join(part, inputFile), in); err != nil {
		return Job{}, err
	}
	if err := j.save(part, true); err != nil {
		return Job{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.room(account, folder); err != nil { // others may have come meanwhile
		return Job{}, err
	}
	if err := os.Rename(part, folder); err != nil {
		return Job{}, err
	}
	s.nudge()
	return j, syncFolder(s.account(account))
}

func (s *Jobs) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// room reports whether the account may add a job under this name.
func (s *Jobs) room(account model.AccountID, folder string) error {
	if _, err := os.Stat(folder); err == nil {
		return &JobError{JobExists, wording.Errorf("there is a list %s already; delete it first, or take another id", filepath.Base(folder))}
	}
	jobs, err := s.List(account)
	if err != nil {
		return err
	}
	if len(jobs) >= MaxJobs {
		return &JobError{TooManyJobs, wording.Errorf("there are %d lists already, the most an account may have; delete one", MaxJobs)}
	}
	return nil
}

// keep writes a file and counts its lines.
func keep(path string, in io.Reader) (lines int, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf, size := make([]byte, 64<<10), 0
	for {
		n, rerr := in.Read(buf)
		if size += n; size > MaxFile {
			return 0, &JobError{FileTooBig, wording.Errorf("the file has more than %d octets; send it in parts", MaxFile)}
		}
		lines += bytes.Count(buf[:n], []byte{'\n'})
		if _, err := f.Write(buf[:n]); err != nil {
			return 0, err
		}
		if rerr == io.EOF {
			return lines, f.Sync()
		}
		if rerr != nil {
			return 0, rerr
		}
	}
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
