//go:build race

package schedule

// simulated is how many messages the simulation sends; the race detector makes each ten times as dear.
const simulated = 100_000
