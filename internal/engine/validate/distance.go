package validate

import "strings"

// Costs of typing errors, in tenths of one that is as likely as any other.
const (
	costAny       = 10
	costNeighbour = 6 // a key beside the right one
	costSwap      = 6 // two characters in the wrong order
	costDoubled   = 5 // a character twice, or once where it stands twice
)

// keyRows is the Swedish keyboard without its dead keys.
var keyRows = [...]string{"1234567890+", "qwertyuiopå", "asdfghjklöä", "zxcvbnm,.-"}

// neighbours reports keys beside each other in a row, or above and below each other.
func neighbours(a, b rune) bool {
	ra, ca := keyOf(a)
	rb, cb := keyOf(b)
	if ra < 0 || rb < 0 {
		return false
	}
	switch d := cb - ca; rb - ra {
	case 0:
		return d == 1 || d == -1
	case 1: // each row stands a little to the right of the one above
		return d == 0 || d == -1
	case -1:
		return d == 0 || d == 1
	}
	return false
}

// keyOf is the place of a key, its row -1 if it is not on the keyboard.
func keyOf(r rune) (row, column int) {
	for row, keys := range keyRows {
		column := 0
		for _, k := range keys {
			if k == r {
				return row, column
			}
			column++
		}
	}
	return -1, 0
}

// distance is the cost of typing typed for meant: Damerau and Levenshtein's, restricted to swaps of adjacent characters
// (optimal string alignment), with the costs above. It gives limit+1 as soon as it cannot be at most limit.
func distance(typed, meant string, limit int) int {
	a, b := []rune(typed), []rune(meant)
	if d := len(a) - len(b); d*costDoubled > limit || -d*costDoubled > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := 1; j <= len(b); j++ {
		last[j] = last[j-1] + gapCost(b, j-1)
	}
	for i := 1; i <= len(a); i++ {
		row[0] = last[0] + gapCost(a, i-1)
		best := row[0]
		for j := 1; j <= len(b); j++ {
			x, y := a[i-1], b[j-1]
			d := last[j-1]
			switch {
			case x == y:
			case neighbours(x, y):
				d += costNeighbour
			default:
				d += costAny
			}
			d = min(d, last[j]+gapCost(a, i-1), row[j-1]+gapCost(b, j-1))
			if i > 1 && j > 1 && x == b[j-2] && y == a[i-2] && x != y {
				d = min(d, before[j-2]+costSwap)
			}
			row[j] = d
			best = min(best, d)
		}
		if best > limit && i < len(a) {
			// A swap may still reach back over this row.
			if bestOf(last) > limit {
				return limit + 1
			}
		}
		before, last, row = last, row, before
	}
	return min(last[len(b)], limit+1)
}

// gapCost is that of s[i] being there, or missing.
func gapCost(s []rune, i int) int {
	if i > 0 && s[i-1] == s[i] {
		return costDoubled
	}
	return costAny
}

func bestOf(row []int) int {
	best := row[0]
	for _, d := range row {
		best = min(best, d)
	}
	return best
}

// tolerance is the greatest distance at which a domain is still taken for a mistyped one: the shorter it is, the more
// likely is it another domain.
func tolerance(meant string) int {
	switch n := len(meant) - strings.Count(meant, "."); {
	case n <= 5: // me.com: nearly every short name belongs to somebody
		return 0
	case n <= 6: // live.se, msn.com
		return costNeighbour
	case n <= 9: // gmail.com, telia.com
		return costAny
	case n <= 12: // hotmail.com
		return costAny + costNeighbour
	default:
		return 2 * costAny
	}
}
