package suppression

import (
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// Add lists entries that Entry made, all of one account, and returns how many; the others are kept off the bounce list by
// the allow list. Up to 5,000 are one commit.
func (s *Service) Add(ctx context.Context, list []model.Suppression) (int, error) {
	added := 0
	for part := range slices.Chunk(list, maxBatch) {
		wanted, err := s.wanted(ctx, part)
		if err != nil {
			return added, err
		}
		if err := s.Store.AddSuppressions(ctx, wanted); err != nil {
			return added, err
		}
		added += len(wanted)
	}
	return added, nil
}

// wanted leaves out bounces of what an allow list names: that of the account or the operator, or one further up in the list.
func (s *Service) wanted(ctx context.Context, list []model.Suppression) ([]model.Suppression, error) {
	if some, err := s.allowed(ctx, list); err != nil || !some {
		return list, err
	}
	names := map[string]bool{} // keys of addresses and domains; at most two for each entry
	for i := range list {
		if list[i].Kind == model.SuppressBounce {
			names[list[i].Key], names[domainKey(list[i].Key)] = true, true
		}
	}
	allowed := map[string][]model.DomainID{}
	for _, keys := range chunks(names) {
		found, err := s.Store.Suppressed(ctx, list[0].Account, keys)
		if err != nil {
			return nil, err
		}
		for i := range found {
			if e := &found[i]; e.Kind == model.SuppressAllow {
				allowed[e.Key] = append(allowed[e.Key], e.Domain)
			}
		}
	}
	wanted := make([]model.Suppression, 0, len(list))
	for _, e := range list {
		spared := func(by model.DomainID) bool { return by == 0 || by == e.Domain }
		switch {
		case e.Kind == model.SuppressAllow:
			allowed[e.Key] = append(allowed[e.Key], e.Domain)
		case e.Kind != model.SuppressBounce:
		case slices.ContainsFunc(allowed[e.Key], spared), slices.ContainsFunc(allowed[domainKey(e.Key)], spared):
			continue
		}
		wanted = append(wanted, e)
	}
	return wanted, nil
}

// allowed reports whether there is an allow list that the entries must be looked up in: most accounts have none.
func (s *Service) allowed(ctx context.Context, list []model.Suppression) (bool, error) {
	asked := map[List]bool{{}: true, {Account: list[0].Account}: true}
	for i := range list {
		if list[i].Kind == model.SuppressAllow {
			return true, nil
		}
		asked[List{list[i].Account, list[i].Domain}] = true
	}
	for l := range asked {
		found, err := s.Store.ListSuppressions(ctx, store.SuppressionFilter{Account: l.Account, Domain: &l.Domain, Kind: model.SuppressAllow}, model.Suppression{}, false, 1)
		if err != nil || len(found) > 0 {
			return len(found) > 0, err
		}
	}
	return false, nil
}

// domainKey is the key of an allow-list entry for all addresses of the domain.
func domainKey(key string) string { return key[strings.LastIndexByte(key, '@'):] }

func chunks(names map[string]bool) [][]string {
	keys := make([]string, 0, len(names))
	for k := range names {
		keys = append(keys, k)
	}
	return slices.Collect(slices.Chunk(keys, maxKeys))
}

// Remove takes entries off and returns how many. That an address is sent to again is an event; by says who wanted it.
func (s *Service) Remove(ctx context.Context, f store.SuppressionFilter, by string) (int, error) {
	var evs []model.Event
	if f.Key != "" && f.Kind != model.SuppressAllow {
		ev := model.Event{ID: s.IDs.Next(), Kind: model.EventReturned, At: s.Clock.Now(), Account: f.Account, Recipient: f.Key, Data: model.EventData{Reason: by}}
		if f.Domain != nil {
			ev.Domain = *f.Domain
		}
		if f.Tag != nil {
			ev.Data.Tag = *f.Tag
		}
		evs = append(evs, ev)
	}
	removed := 0
	for {
		n, err := s.Store.RemoveSuppressions(ctx, f, maxRemove, evs...)
		removed += n
		if err != nil || n < maxRemove {
			if removed > 0 {
				s.Log.Info("suppressions removed", "account", int64(f.Account), "kind", string(f.Kind), "recipient", f.Key, "entries", removed, "by", by)
			}
			return removed, err
		}
		evs = nil
	}
}

// Key is the form in which the lists of a kind compare an address; allow: also a domain.
func Key(kind model.SuppressionKind, text string) (string, error) {
	m, err := mailbox(kind, text)
	return model.SuppressionKey(m), err
}

// Lift takes an address off one of the lists that a domain's mail is stopped by: its own and that for every domain of the
// account. A dead address is dead for the whole account, so it is taken off for all of its domains. tag nil: all tags.
func (s *Service) Lift(ctx context.Context, d *model.Domain, kind model.SuppressionKind, key string, tag *string, by string) (int, error) {
	f := store.SuppressionFilter{Account: d.Account, Kind: kind, Key: key, Tag: tag}
	if kind == model.SuppressBounce {
		return s.Remove(ctx, f, by)
	}
	removed := 0
	for _, domain := range []model.DomainID{0, d.ID} {
		f.Domain = &domain
		n, err := s.Remove(ctx, f, by)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// Clear empties a domain's own list; entries for every domain of the account stay.
func (s *Service) Clear(ctx context.Context, d *model.Domain, kind model.SuppressionKind, by string) (int, error) {
	return s.Remove(ctx, store.SuppressionFilter{Account: d.Account, Domain: &d.ID, Kind: kind}, by)
}
