package feedback

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/model"
)

// collected is where labelled mails are that came back to others; they are no part of the project.
const collected = "../../../../shared/data/bounces"

// TestLabelledMails brings mails of the world, one to each return path, and wants what their labels say to be on the lists and
// in the record: dead addresses listed, and nobody who complains or is away taken for dead. What it measures is the way from the door to
// the lists; the classes are engine/bounce's affair.
func TestLabelledMails(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(collected, "expected.tsv"))
	if err != nil {
		t.Skipf("no labelled mails: %v", err)
	}
	labels := map[string][][]string{} // by file: recipient, reason, hard
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		f := strings.Split(line, "\t")
		labels[f[0]] = append(labels[f[0]], f[1:4])
	}
	var files []string
	for file, list := range labels {
		if len(list) == 1 {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	d := open(t, len(files), model.StateDelivered, 0)
	agreed := 0
	for n, file := range files {
		raw, err := os.ReadFile(filepath.Join(collected, file))
		d.ok(err)
		d.ok(d.receive(d.path(n), string(raw)))
		r, reason, hard := d.recipient(n), labels[file][0][1], labels[file][0][2] == "true"
		list := d.listed(r.Address)
		dead := slices.ContainsFunc(list, func(e model.Suppression) bool { return e.Kind == model.SuppressBounce })
		var ok bool
		switch reason {
		case "feedback", "vacation", "delivered":
			ok = !dead && r.State == model.StateDelivered
		default:
			ok = dead == hard && (!hard || r.State == model.StateBounced)
		}
		if ok {
			agreed++
		} else {
			t.Logf("%s: %s, hard %v: %v, listed %v", file, reason, hard, r.State, list)
		}
	}
	t.Logf("%d of %d agree", agreed, len(files))
	if agreed*100 < len(files)*97 {
		t.Errorf("less than 97 in 100")
	}
}
