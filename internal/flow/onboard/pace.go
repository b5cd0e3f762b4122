package onboard

import (
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

// pace is how long to wait before the next check of a domain: as long as its owner may be at work a minute, and the longer
// nothing has happened the longer.
func (s *Settings) pace(d *model.Domain, keys []model.SigningKey, now time.Time) time.Duration {
	switch d.State {
	case model.DomainAdded, model.DomainWaiting:
		return patience(now.Sub(later(d.CreatedAt, d.AskedAt)))
	case model.DomainStopped:
		return hour
	case model.DomainDegraded:
		if now.Sub(d.ChangedAt) < hour {
			return 15 * time.Minute
		}
		return hour
	}
	recheck := s.Recheck
	if recheck == 0 {
		recheck = 6 * hour
	}
	if d.Waiver == "" && len(d.Lacks) > 0 { // found once, and not yet believed
		recheck = min(recheck, confirmAfter+time.Minute)
	}
	for _, k := range keys {
		switch {
		case k.State == model.KeyComing:
			recheck = min(recheck, patience(now.Sub(later(d.RotatedAt, d.AskedAt))))
		case k.State == model.KeyActive && !k.MissedAt.IsZero() && d.Waiver == "":
			recheck = min(recheck, confirmAfter+time.Minute)
		}
	}
	return recheck
}

// patience is the pace at which an owner's work is waited for, so long after it was asked for.
func patience(since time.Duration) time.Duration {
	switch {
	case since < 10*time.Minute:
		return time.Minute
	case since < 70*time.Minute:
		return 5 * time.Minute
	case since < day:
		return hour
	case since < 14*day:
		return 6 * hour
	}
	return day
}

// spread moves a delay by up to a fifth either way, so that domains added together are not checked together for ever.
// roll is uniform in [0, 1).
func spread(d time.Duration, roll float64) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*roll))
}
