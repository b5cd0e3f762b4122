package route

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// Own is an account's own server, ready to be used.
type Own struct {
	Account  model.AccountID
	Revision int64
	Host     string // a name, whose MX records are not asked, or an address in brackets
	Port     uint16
	TLS      smtp.TLSMode
	Auth     *Auth // nil: none
	Limits   model.RouteLimits
	// Closed says in words why mail is not taken to it until Until; empty: it is open. Ours has mail delivered by the other
	// ways meanwhile, instead of waiting.
	Closed string
	Until  time.Time
	Ours   bool
}

// Without is a text of the server with the password left out, should it repeat it.
func (o *Own) Without(text string) string {
	if o.Auth == nil || o.Auth.Password == "" {
		return text
	}
	return strings.ReplaceAll(text, o.Auth.Password, "***")
}

// own finds the account's own server; nil: it has none, or its mail goes the other ways for a time.
func (r *Router) own(ctx context.Context, account model.AccountID) (open, closed *Own, err error) {
	if r.config.Own == nil || account == 0 {
		return nil, nil, nil
	}
	o, err := r.config.Own(ctx, account)
	switch {
	case err != nil:
		return nil, nil, smtp.Wrap(err, 451, "4.3.0", "The account's own server could not be read, try again later")
	case o != nil && o.Closed != "" && o.Ours:
		return nil, o, nil
	}
	return o, nil, nil
}

// instead marks a plan that is made for want of the account's own server.
func instead(p *Plan, o *Own) *Plan {
	p.Instead, p.Expires = o.Closed, earlier(p.Expires, o.Until)
	return p
}

// Via plans the way over an account's own server. What is wrong with it is its owner's to mend, and temporary. Customers choose
// these servers, so one of the node's own network is refused as an MX record would be. Settings that were changed make another site:
// no session with the old password is used for it, and no rest that the old ones earned.
func (r *Router) Via(ctx context.Context, o *Own, domain string) (*Plan, error) {
	p := &Plan{
		Domain: domain, Site: fmt.Sprintf("own:%d.%d:%s:%d", o.Account, o.Revision, o.Host, o.Port), Port: o.Port, TLS: o.TLS, Auth: o.Auth, Fixed: true,
		Connections: o.Limits.Connections, Own: o, Expires: r.config.Clock.Now().Add(maxKept),
	}
	if o.Closed != "" {
		p.Expires = earlier(p.Expires, o.Until)
	}
	if strings.HasPrefix(o.Host, "[") {
		addr, err := netip.ParseAddr(strings.Trim(o.Host, "[]"))
		if err != nil || !usable(addr) || r.inside(addr) || !r.reaches(addr) {
			return nil, smtp.Errorf(451, "4.4.4", "The account's own server %s is an address that cannot be reached from here", o.Host)
		}
		p.Hosts = []Host{{Name: o.Host, Addrs: []netip.Addr{addr}}}
		return p, nil
	}
	found := r.receiver(ctx, o.Host)
	if len(found.addrs) == 0 {
		if found.fault != nil && !dns.IsDenied(found.fault) {
			return nil, smtp.Wrap(found.fault, 451, "4.4.3", "The account's own server "+o.Host+" could not be looked up, try again later")
		}
		return nil, smtp.Wrap(found.fault, 451, "4.4.4", "The account's own server "+o.Host+" has no address that can be reached")
	}
	p.Hosts = []Host{{Name: o.Host, Addrs: found.addrs}}
	p.Expires = earlier(p.Expires, r.keep(found.expires))
	return p, nil
}

// ParseHost reads the host of an own server: a name in A-labels, lower case, or an address in brackets.
func ParseHost(text string) (string, error) {
	host := plain(strings.TrimSpace(text))
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return "[" + addr.Unmap().String() + "]", nil
	}
	ascii, err := asciiMatch(host)
	if err != nil || strings.Contains(ascii, "*") || !validHost(ascii) {
		return "", fmt.Errorf("%q is neither a host name nor an address", text)
	}
	return ascii, nil
}
