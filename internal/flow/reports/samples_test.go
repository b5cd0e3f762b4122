package reports

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/report"
	"github.com/budkavle/budkavle/internal/store"
)

// samples are real reports, beside the repository.
const samples = "../../../../shared/data/reports/dmarc"

// TestSamples keeps real reports, for domains that are added for them: every message that was read is in the sums.
func TestSamples(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(samples, "*.[xe]ml"))
	if len(files) == 0 {
		t.Skipf("there are no reports at %s", samples)
	}
	inTime(t, func(t *testing.T, b *bench) {
		b.Age = 57 * 365 * 24 * time.Hour // their dates are made up
		want := map[model.DomainID][2]int64{}
		for _, path := range files {
			f, err := os.Open(path)
			b.ok(err)
			r, err := report.Read(f)
			f.Close()
			b.ok(err)
			d, err := b.store.Domain(t.Context(), r.DMARC.Published.Domain)
			if store.Is(err, store.NotFound) {
				d, err = b.store.AddDomain(t.Context(), model.Domain{Name: r.DMARC.Published.Domain, Account: b.domain.Account, State: model.DomainLive, Setup: model.SetupTXT}, nil,
					model.Event{ID: b.IDs.Next(), Kind: model.EventDomain, At: time.Now()})
			}
			b.ok(err)
			kept, err := b.Keep(t.Context(), r)
			if err != nil || len(kept) != 1 {
				t.Fatalf("%s: %+v, %v", path, kept, err)
			}
			if kept[0].New {
				all, pass := r.DMARC.Messages()
				sum := want[d.ID]
				want[d.ID] = [2]int64{sum[0] + all, sum[1] + pass}
			}
		}
		for id, sum := range want {
			var all, pass int64
			days, err := b.store.SeenDays(t.Context(), id, 0, b.today())
			b.ok(err)
			for _, d := range days {
				all, pass = all+d.Messages, pass+d.Passing
			}
			if all != sum[0] || pass != sum[1] {
				t.Errorf("domain %d: %d of %d, want %d of %d", id, pass, all, sum[1], sum[0])
			}
		}
		t.Logf("%d reports of %d domains", len(files), len(want))
	})
}
