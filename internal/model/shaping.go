package model

import (
	"encoding/json"
	"net/netip"
	"time"
)

// PathState is what a node told last of one of its paths: for people, and for its own next start.
type PathState struct {
	Node   string     `json:"node"`
	Source netip.Addr `json:"source,omitzero"` // zero: the system chooses
	Site   string     `json:"site"`            // as the scheduler names it
	At     time.Time  `json:"at"`
	HeldBy string     `json:"held_by,omitempty"` // the name of the limit that holds its mail; empty: none
	Rule   string     `json:"rule,omitempty"`    // that gave the limit
	Reason string     `json:"reason,omitempty"`  // in words
	Until  time.Time  `json:"until,omitzero"`
	// Force is what answers have put in force on it, as engine/shaping writes it; nil: nothing.
	Force json.RawMessage `json:"force,omitempty"`
}
