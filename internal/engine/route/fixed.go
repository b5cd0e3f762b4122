package route

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Route is a fixed next hop of the configuration. The first that matches wins.
type Route struct {
	Match       string // recipient domain, "*.suffix" (not the suffix itself) or "*"
	Account     string // name; empty: every account
	Host        string // a name, whose MX records are not asked, or an address
	Port        uint16 // 0: 465 for implicit TLS, else the Port of Config
	TLS         smtp.TLSMode
	Username    string
	Password    string
	Connections int // at the same time; 0: the site's default
}

type fixedRoute struct {
	Route
	addr netip.Addr // valid if Host is an address
	site string
}

func readRoutes(routes []Route, port uint16) ([]fixedRoute, error) {
	sites := map[string]Route{}
	out := make([]fixedRoute, 0, len(routes))
	for i, r := range routes {
		f, err := readRoute(r, port)
		if err != nil {
			return nil, fmt.Errorf("delivery.route %d: %w", i+1, err)
		}
		// Sessions are shared within a site, so a site has one way to log in and to secure.
		way := f.Route
		way.Match, way.Account = "", ""
		name := "route:" + f.Host + ":" + strconv.Itoa(int(f.Port))
		f.site = name
		for n := 2; ; n++ {
			if other, ok := sites[f.site]; !ok || other == way {
				break
			}
			f.site = name + "#" + strconv.Itoa(n)
		}
		sites[f.site] = way
		out = append(out, f)
	}
	return out, nil
}

func readRoute(r Route, port uint16) (fixedRoute, error) {
	mode, err := smtp.ParseTLSMode(string(r.TLS))
	if err != nil {
		return fixedRoute{}, err
	}
	r.TLS = mode
	if r.Match, err = asciiMatch(r.Match); err != nil {
		return fixedRoute{}, err
	}
	if r.Port == 0 {
		r.Port = port
		if mode == smtp.TLSImplicit {
			r.Port = 465 // RFC 8314 7.3
		}
	}
	r.Host = plain(r.Host)
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]"))
	if err == nil {
		r.Host = "[" + addr.String() + "]"
		return fixedRoute{Route: r, addr: addr.Unmap()}, nil
	}
	if !validHost(r.Host) {
		return fixedRoute{}, fmt.Errorf("host %q is neither a host name nor an address", r.Host)
	}
	return fixedRoute{Route: r}, nil
}

func asciiMatch(match string) (string, error) {
	if match == "*" || strings.HasPrefix(match, "[") {
		return strings.ToLower(match), nil
	}
	name, star := strings.CutPrefix(plain(match), "*.")
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil || ascii == "" {
		return "", fmt.Errorf("match %q is not a domain, *.suffix or *", match)
	}
	if star {
		return "*." + ascii, nil
	}
	return ascii, nil
}

func (f *fixedRoute) matches(domain string) bool {
	if suffix, ok := strings.CutPrefix(f.Match, "*"); ok {
		return suffix == "" || strings.HasSuffix(domain, suffix)
	}
	return f.Match == domain
}

// match finds the first route for the account's mail to the domain, or none.
func (r *Router) match(ctx context.Context, account model.AccountID, domain string) (*fixedRoute, error) {
	name, asked := "", false
	for i := range r.fixed {
		f := &r.fixed[i]
		if !f.matches(domain) {
			continue
		}
		if f.Account == "" {
			return f, nil
		}
		if !asked && r.config.AccountName != nil {
			n, err := r.config.AccountName(ctx, account)
			if err != nil {
				return nil, smtp.Wrap(err, 451, "4.3.0", "The routes of the account could not be read, try again later")
			}
			name, asked = n, true
		}
		if asked && f.Account == name {
			return f, nil
		}
	}
	return nil, nil
}

// viaRoute plans the way over a fixed route. Whatever is wrong with it is the operator's to mend, so it is temporary.
func (r *Router) viaRoute(ctx context.Context, f *fixedRoute, domain string) (*Plan, error) {
	p := &Plan{
		Domain: domain, Site: f.site, Port: f.Port, TLS: f.TLS, Fixed: true, Connections: f.Connections,
		Expires: r.config.Clock.Now().Add(maxKept),
	}
	if f.Username != "" {
		p.Auth = &Auth{Username: f.Username, Password: f.Password}
	}
	if f.addr.IsValid() {
		if !r.reaches(f.addr) {
			return nil, smtp.Errorf(451, "4.4.4", "Route %s cannot be reached: no source address of its family is configured", f.Host)
		}
		p.Hosts = []Host{{Name: f.Host, Addrs: []netip.Addr{f.addr}}}
		return p, nil
	}
	found := r.resolve(ctx, f.Host)
	if len(found.addrs) == 0 {
		if found.fault != nil && !dns.IsDenied(found.fault) {
			return nil, smtp.Wrap(found.fault, 451, "4.4.3", "Route "+f.Host+" could not be looked up, try again later")
		}
		return nil, smtp.Wrap(found.fault, 451, "4.4.4", "Route "+f.Host+" has no address; check the configuration")
	}
	p.Hosts = []Host{{Name: f.Host, Addrs: found.addrs}}
	p.Expires = r.keep(found.expires)
	return p, nil
}
