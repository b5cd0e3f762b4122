//go:build !race

package schedule

// simulated is how many messages the simulation sends.
const simulated = 1_000_000
