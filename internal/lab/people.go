package lab

import (
	"fmt"
	"slices"
)

// Addresses makes n distinct addresses, spread over the providers by their shares and over the domains of each evenly,
// in mixed order. The same zone gives the same addresses.
func (z *Zone) Addresses(n int) []string {
	first := []string{"anna", "erik", "maria", "lars", "karin", "bjorn", "elin", "olof", "asa", "nils", "ida", "sven", "maja", "ali", "eva", "per"}
	last := []string{"andersson", "lindqvist", "holm", "ek", "bergstrom", "sjoberg", "nystrom", "haddad", "wallin", "dahl", "oberg", "lund", "strand"}
	list := make([]string, 0, n)
	for i, count := range z.apportion(n) {
		p := &z.Providers[i]
		for j := range count {
			list = append(list, fmt.Sprintf("%s.%s%d@%s", first[j%len(first)], last[j%len(last)], j+1, p.Domains[j%len(p.Domains)]))
		}
	}
	slices.SortFunc(list, func(a, b string) int {
		if x, y := hash(0, a), hash(0, b); x < y {
			return -1
		} else if x > y {
			return 1
		}
		return 0
	})
	return list
}

// apportion divides n by the shares, the largest remainders first.
func (z *Zone) apportion(n int) []int {
	counts := make([]int, len(z.Providers))
	total := 0
	for i := range z.Providers {
		total += z.Providers[i].Share
	}
	if total == 0 || n <= 0 {
		return counts
	}
	order := make([]int, len(counts))
	left := n
	for i := range counts {
		order[i] = i
		counts[i] = n * z.Providers[i].Share / total
		left -= counts[i]
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return n*z.Providers[b].Share%total - n*z.Providers[a].Share%total
	})
	for _, i := range order[:left] {
		counts[i]++
	}
	return counts
}
