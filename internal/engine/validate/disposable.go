package validate

import (
	"bufio"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/standard/address"
)

const (
	// refreshEvery is how often the file is looked at.
	refreshEvery = time.Minute
	// maxListed bounds the domains of a list: at some 60 octets each, 30 MiB, twice while it is read anew. The public
	// lists have 5,000 to 200,000.
	maxListed = 500_000
)

// Disposable knows the domains of throw-away mailboxes: the best known ones, and those of a file that is read anew when
// it is replaced. It is safe for concurrent use.
type Disposable struct {
	path    string
	clock   clock.Clock
	tell    func(error)
	builtIn map[string]struct{}
	listed  atomic.Pointer[map[string]struct{}]
	next    atomic.Int64 // when the file is to be looked at, Unix seconds

	mu   sync.Mutex // held while it is looked at
	seen stamp
}

// stamp tells one content of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// NewDisposable reads the file; with an empty path there are only the best known domains. Later, a file that cannot be
// read or is no list of domains is told of, once for each state of it, and what was read last stays in force.
func NewDisposable(path string, c clock.Clock, tell func(error)) (*Disposable, error) {
	d := &Disposable{path: path, clock: c, tell: tell, builtIn: map[string]struct{}{}}
	for _, name := range entries(disposableList) {
		d.builtIn[name] = struct{}{}
	}
	d.listed.Store(&map[string]struct{}{})
	if path == "" {
		return d, nil
	}
	d.next.Store(c.Now().Add(refreshEvery).Unix())
	return d, d.read()
}

// Contains reports whether the domain, in A-labels and lower case, or one above it is listed.
func (d *Disposable) Contains(domain string) bool {
	d.refresh()
	listed := *d.listed.Load()
	for name := domain; name != ""; _, name, _ = strings.Cut(name, ".") {
		if _, ok := listed[name]; ok {
			return true
		}
		if _, ok := d.builtIn[name]; ok {
			return true
		}
	}
	return false
}

// refresh looks at the file if it is time. One caller does, the others use what there is.
func (d *Disposable) refresh() {
	if d.path == "" || d.clock.Now().Unix() < d.next.Load() || !d.mu.TryLock() {
		return
	}
	defer d.mu.Unlock()
	now := d.clock.Now()
	if now.Unix() < d.next.Load() {
		return
	}
	d.next.Store(now.Add(refreshEvery).Unix())
	if err := d.read(); err != nil {
		d.tell(err)
	}
}

// read takes the file in if it has changed. A change is looked at once, good or bad.
func (d *Disposable) read() error {
	f, err := os.Open(d.path)
	if err != nil {
		if d.seen == (stamp{size: -1}) {
			return nil // told already
		}
		d.seen = stamp{size: -1}
		return wording.Errorf("list of disposable domains: %w; put the file there, or clear validate.disposable", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return wording.Errorf("list of disposable domains: %w; put the file there, or clear validate.disposable", err)
	}
	now := stamp{info.ModTime(), info.Size()}
	if now == d.seen {
		return nil
	}
	d.seen = now
	list, err := readDomains(f)
	if err != nil {
		return wording.Errorf("list of disposable domains %s: %w; the list before it stays in force", d.path, err)
	}
	d.listed.Store(&list)
	return nil
}

// readDomains reads one domain a line; a # begins a remark. An empty list is a mistake, most likely a download that failed.
func readDomains(r io.Reader) (map[string]struct{}, error) {
	list := map[string]struct{}{}
	lines := bufio.NewScanner(r) // a line has at most 64 KiB
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		domain, err := address.ParseDomain(strings.TrimPrefix(text, "*."))
		if err != nil || strings.HasPrefix(domain, "[") {
			return nil, wording.Errorf("line %d: %.80q is not a domain", n, text)
		}
		if len(list) == maxListed {
			return nil, wording.Errorf("line %d: there are more than %d domains", n, maxListed)
		}
		list[domain] = struct{}{}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, wording.Errorf("there is no domain in it")
	}
	return list, nil
}
