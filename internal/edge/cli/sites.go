package cli

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// siteLookups is how many domains are looked up at the same time.
const siteLookups = 32

// sites finds the site of every recipient domain in the queue, as mail of the account goes; account 0 is mail that no
// route of a single account catches. A domain without a route is under what is in its way.
func (o *office) sites(ctx context.Context, account model.AccountID, depths []store.Depth) (map[string]string, error) {
	router, err := o.router()
	if err != nil {
		return nil, err
	}
	var domains []string
	for _, d := range depths {
		domains = append(domains, d.Domain)
	}
	slices.Sort(domains)
	domains = slices.Compact(domains)
	found := make([]string, len(domains))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(siteLookups)
	for i, domain := range domains {
		g.Go(func() error {
			plan, err := router.Route(ctx, account, domain)
			if err != nil {
				found[i] = "(" + smtp.AsError(err).Text + ")"
				return ctx.Err()
			}
			found[i] = plan.Site
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	sites := make(map[string]string, len(domains))
	for i, domain := range domains {
		sites[domain] = found[i]
	}
	return sites, nil
}

// siteFilters selects the domains of one site.
func (o *office) siteFilters(ctx context.Context, base store.Filter, site string) ([]store.Filter, error) {
	depths, err := o.store.Census(ctx)
	if err != nil {
		return nil, err
	}
	sites, err := o.sites(ctx, base.Account, depths)
	if err != nil {
		return nil, err
	}
	var fs []store.Filter
	for domain, s := range sites {
		if s == site && (base.Domain == "" || base.Domain == domain) {
			f := base
			f.Domain = domain
			fs = append(fs, f)
		}
	}
	slices.SortFunc(fs, func(a, b store.Filter) int { return cmp.Compare(a.Domain, b.Domain) })
	return fs, nil
}

// siteCount is one line of queue list --sites.
type siteCount struct {
	Site    string    `json:"site"`
	Domains int       `json:"domains"`
	Waiting int64     `json:"waiting"`
	Leased  int64     `json:"leased"`
	Held    int64     `json:"held"`
	Oldest  time.Time `json:"oldest"`
}

// listSites counts the queue by site, the largest first.
func (a *app) listSites(ctx context.Context, o *office) error {
	depths, err := o.store.Census(ctx)
	if err != nil {
		return err
	}
	sites, err := o.sites(ctx, 0, depths)
	if err != nil {
		return err
	}
	counts := map[string]*siteCount{}
	for _, site := range sites {
		c := counts[site]
		if c == nil {
			c = &siteCount{Site: site}
			counts[site] = c
		}
		c.Domains++
	}
	for _, d := range depths {
		c := counts[sites[d.Domain]]
		switch d.State {
		case model.StateWaiting:
			c.Waiting += d.Count
		case model.StateLeased:
			c.Leased += d.Count
		case model.StateHeld:
			c.Held += d.Count
		}
		if c.Oldest.IsZero() || d.Oldest.Before(c.Oldest) {
			c.Oldest = d.Oldest
		}
	}
	return a.printSites(counts)
}

func (a *app) printSites(counts map[string]*siteCount) error {
	all := make([]*siteCount, 0, len(counts))
	for _, c := range counts {
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y *siteCount) int {
		return cmp.Or(cmp.Compare(y.Waiting+y.Leased+y.Held, x.Waiting+x.Leased+x.Held), cmp.Compare(x.Site, y.Site))
	})
	t := a.listing("site", "domains", "waiting", "leased", "held", "oldest")
	for _, c := range all {
		if err := t.item(c, c.Site, number(c.Domains), number(int(c.Waiting)), number(int(c.Leased)), number(int(c.Held)), when(c.Oldest)); err != nil {
			return err
		}
	}
	return t.end()
}
