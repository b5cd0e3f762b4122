package sqlstore

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// KeepPaths implements store.Paths.
func (s *Store) KeepPaths(ctx context.Context, node string, list []model.PathState) error {
	op := "keep paths of " + node
	if len(list) > store.MaxPathStates {
		return &store.Error{Kind: store.Full, Op: op, Err: fmt.Errorf("%d are more than %d", len(list), store.MaxPathStates)}
	}
	return s.change(ctx, op, func(ctx context.Context, tx *countingTx) error {
		if err := tx.exec(ctx, `DELETE FROM path_state WHERE node = ?`, node); err != nil {
			return err
		}
		for i := range list {
			p := &list[i]
			if err := tx.exec(ctx, `INSERT INTO path_state (node, source, site, at, held_by, rule, reason, until, force) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
				node, sourceText(p.Source), p.Site, micros(p.At), p.HeldBy, p.Rule, p.Reason, micros(p.Until), string(p.Force)); err != nil {
				return err
			}
		}
		return nil
	})
}

// sourceText is empty for the zero address.
func sourceText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// PathStates implements store.Paths.
func (s *Store) PathStates(ctx context.Context, node string) ([]model.PathState, error) {
	var list []model.PathState
	err := s.engine.Query(ctx, func(r Scanner) error {
		var p model.PathState
		var source, force string
		var at, until int64
		err := r.Scan(&p.Node, &source, &p.Site, &at, &p.HeldBy, &p.Rule, &p.Reason, &until, &force)
		if err == nil && source != "" {
			p.Source, err = netip.ParseAddr(source)
		}
		if force != "" {
			p.Force = []byte(force)
		}
		p.At, p.Until = instant(at), instant(until)
		list = append(list, p)
		return err
	}, `SELECT node, source, site, at, held_by, rule, reason, until, force FROM path_state WHERE node = ? OR ? = '' ORDER BY node, source, site`, node, node)
	return list, s.fault("paths", err)
}
