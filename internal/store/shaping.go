package store

import (
	"context"

	"github.com/budkavle/budkavle/internal/model"
)

// MaxPathStates is how many paths a node tells of: those that hold most, and those on which most is in force.
const MaxPathStates = 1000

// Paths keeps what nodes tell of their paths.
type Paths interface {
	// KeepPaths replaces what the node told, in one commit; at most MaxPathStates.
	KeepPaths(ctx context.Context, node string, list []model.PathState) error
	// PathStates returns what a node told, by source and site; an empty name is all nodes. At most MaxPathStates a node.
	PathStates(ctx context.Context, node string) ([]model.PathState, error)
}
