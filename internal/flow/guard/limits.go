package guard

import (
	"context"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// SetLimit keeps a rule; nodes follow within a quarter of a second. A rule that sets nothing is removed. What was sent before a
// counter had a limit is not known to it.
func (s *Service) SetLimit(ctx context.Context, r model.LimitRule) error {
	for _, n := range []int64{r.HalfHour, r.Day, r.Month, r.Recipients, r.Size} {
		if n < model.NoLimit {
			return wording.Errorf("a limit of %d: use a number from 1, or none", n)
		}
	}
	if r.Scope != model.ScopeAccount && (r.Recipients != 0 || r.Size != 0) {
		return wording.Errorf("recipients and size are limited for a whole account only")
	}
	if r.Scope == model.ScopeClass && r.Name != model.ClassTransactional.String() && r.Name != model.ClassBulk.String() && r.Name != model.EachName {
		return wording.Errorf("class %q: use transactional or bulk", r.Name)
	}
	if err := s.Store.SetLimit(ctx, r); err != nil {
		return err
	}
	return s.Store.Signal(ctx, store.SignalDirectory)
}
