package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/base/wording"
)

// Validate reports every value that cannot be used, joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, wording.Errorf("configuration key %s: %w", key, wording.Errorf(format, args...)))
	}
	if c.Node.Hostname == "" || strings.ContainsAny(c.Node.Hostname, " \t") {
		bad("node.hostname", "%q is not a host name", c.Node.Hostname)
	}
	if c.Node.DataDir == "" {
		bad("node.data_dir", "is empty; name a folder")
	}
	if c.Node.Number < 0 || c.Node.Number > 1023 {
		bad("node.number", "%d is not between 0 and 1023", c.Node.Number)
	}
	c.validateStore(bad)
	c.validateListeners(bad)
	c.validateDelivery(bad)
	c.validateDomains(bad)
	c.validateSenders(bad)
	c.validateReputation(bad)
	c.validateFeedback(bad)
	c.validateLimits(bad)
	if c.Retention.Bodies < 0 || c.Retention.Events < c.Retention.Bodies {
		bad("retention", "events (%s) must be kept at least as long as bodies (%s)", c.Retention.Events, c.Retention.Bodies)
	}
	if c.Retention.Reports < 60*day {
		bad("retention", "reports (%s) must be kept at least 1440h, which is what the stages of DMARC look at", c.Retention.Reports)
	}
	if !oneOf(c.Log.Level, "debug", "info", "warn", "error") {
		bad("log.level", "%q is not debug, info, warn or error", c.Log.Level)
	}
	if !oneOf(c.Log.Format, "text", "json") {
		bad("log.format", "%q is not text or json", c.Log.Format)
	}
	return errors.Join(errs...)
}

func (c *Config) validateLimits(bad complain) {
	l := &c.Limits
	for key, n := range map[string]int64{
		"limits.half_hour": l.HalfHour, "limits.day": l.Day, "limits.month": l.Month,
		"limits.bulk_half_hour": l.BulkHalfHour, "limits.bulk_day": l.BulkDay, "limits.bulk_month": l.BulkMonth,
	} {
		if n < 0 {
			bad(key, "%d is below 0, which is no limit", n)
		}
	}
	if l.Tell != "" && (!strings.Contains(l.Tell, "@") || strings.ContainsAny(l.Tell, " \t<>")) {
		bad("limits.tell", "%q is not a mail address", l.Tell)
	}
}

type complain func(key, format string, args ...any)

func (c *Config) validateStore(bad complain) {
	scheme, rest, _ := strings.Cut(c.Store.URL, ":")
	switch {
	case scheme == "sqlite" && rest != "", scheme == "postgres", scheme == "postgresql":
	default:
		// The value may hold a password, so it is not repeated.
		bad("store.url", "wants sqlite:PATH or postgres://USER@HOST/DATABASE")
	}
}

func (c *Config) validateListeners(bad complain) {
	lists := map[string][]string{
		"submission.listen": c.Submission.Listen, "submission.listen_tls": c.Submission.ListenTLS, "mx.listen": c.MX.Listen,
	}
	if c.HTTP.Listen != "" {
		lists["http.listen"] = []string{c.HTTP.Listen}
	}
	for key, list := range lists {
		for _, addr := range list {
			if _, _, err := net.SplitHostPort(addr); err != nil {
				bad(key, "%q is not ADDRESS:PORT", addr)
			}
		}
	}
	if (c.Submission.TLSCert == "") != (c.Submission.TLSKey == "") {
		bad("submission.tls_cert", "tls_cert and tls_key go together; set both or neither")
	}
	for _, t := range c.Submission.TrustedNetworks {
		if _, _, err := ParseTrusted(t); err != nil {
			bad("submission.trusted_networks", "%w", err)
		}
	}
	if u, err := url.Parse(c.HTTP.BaseURL); err != nil || u.Host == "" || !oneOf(u.Scheme, "http", "https") {
		bad("http.base_url", "%q is not http(s)://HOST", c.HTTP.BaseURL)
	}
	for key, n := range map[string]int64{
		"submission.max_size": c.Submission.MaxSize, "submission.max_memory": c.Submission.MaxMemory, "mx.max_size": c.MX.MaxSize,
		"submission.max_connections": int64(c.Submission.MaxConnections), "mx.max_connections": int64(c.MX.MaxConnections),
		"submission.max_connections_per_address": int64(c.Submission.MaxPerAddress),
		"mx.max_connections_per_address":         int64(c.MX.MaxPerAddress), "delivery.max_sessions": int64(c.Delivery.MaxSessions),
	} {
		if n < 1 {
			bad(key, "%d is not at least 1", n)
		}
	}
}

func (c *Config) validateDelivery(bad complain) {
	d := &c.Delivery
	if d.Port < 1 || d.Port > 65535 {
		bad("delivery.port", "%d is not a port", d.Port)
	}
	if p := c.DNS.AuthorityPort; p < 1 || p > 65535 {
		bad("dns.authority_port", "%d is not a port", p)
	}
	if d.BounceDomain == "" {
		bad("delivery.bounce_domain", "is empty; name the domain whose MX is this node")
	}
	for _, a := range d.SourceAddresses {
		if _, err := netip.ParseAddr(a); err != nil {
			bad("delivery.source_addresses", "%q is not an IP address", a)
		}
	}
	if d.RetryFirst <= 0 || d.RetryMax < d.RetryFirst {
		bad("delivery.retry_first", "wants 0 < retry_first (%s) <= retry_max (%s)", d.RetryFirst, d.RetryMax)
	}
	if d.Expire <= 0 || d.ExpireBulk <= 0 {
		bad("delivery.expire", "expire and expire_bulk must be above 0")
	}
	for i, r := range d.Routes {
		key := fmt.Sprintf("delivery.route %d", i+1)
		if r.Match == "" || r.Host == "" {
			bad(key, "wants match and host")
		}
		if r.Port < 0 || r.Port > 65535 {
			bad(key, "%d is not a port", r.Port)
		}
		if !oneOf(r.TLS, "", "none", "opportunistic", "required", "implicit") {
			bad(key, "tls %q is not none, opportunistic, required or implicit", r.TLS)
		}
		if r.Username != "" && oneOf(r.TLS, "", "none", "opportunistic") && !loopback(r.Host) {
			bad(key, "a password would go out in the clear; set tls to required or implicit")
		}
	}
}

func (c *Config) validateDomains(bad complain) {
	d := &c.Domains
	for key, name := range map[string]string{"domains.spf_include": d.SPFInclude, "domains.key_zone": d.KeyZone} {
		if name != "" && (!strings.Contains(name, ".") || strings.HasSuffix(name, ".") || strings.ContainsAny(name, " \t@/")) {
			bad(key, "%q is not a domain name such as mail.example.org, without a closing dot", name)
		}
	}
	if strings.ContainsAny(d.ReturnLabel, ". \t@") || len(d.ReturnLabel) > 63 {
		bad("domains.return_label", "%q is not one label of a domain name, such as bounce", d.ReturnLabel)
	}
	if _, host, ok := strings.Cut(d.ReportAddress, "@"); d.ReportAddress != "" && (!ok || host == "") {
		bad("domains.report_address", "%q is not a mail address", d.ReportAddress)
	}
	if d.RotateAfter < 0 || d.RotateAfter > 0 && d.RotateAfter < 2*c.Delivery.Expire {
		bad("domains.rotate_after", "%s is less than twice delivery.expire (%s), for which old keys stay; 0s: on command only", d.RotateAfter, c.Delivery.Expire)
	}
	if d.Recheck < time.Minute || d.Claim < time.Hour || d.DMARCDays < 1 {
		bad("domains", "wants recheck of at least 1m, claim of at least 1h and dmarc_days of at least 1")
	}
}

func (c *Config) validateSenders(bad complain) {
	s := &c.Senders
	if s.NoticeDays < 0 || s.NoticeDays > 365 {
		bad("senders.notice_days", "%d is not between 0 and 365", s.NoticeDays)
	}
	if _, host, ok := strings.Cut(s.Contact, "@"); s.Contact != "" && (!ok || host == "") {
		bad("senders.contact", "%q is not a mail address", s.Contact)
	}
	if d := s.FromDomain; d != "" && (!strings.Contains(d, ".") || strings.ContainsAny(d, " \t@/")) {
		bad("senders.from_domain", "%q is not a domain name such as mail.example.org, without a closing dot", d)
	}
}

// TLSReportsTo is where reports about TLS go.
func (c *Config) TLSReportsTo() string { return "tlsrpt@" + c.Delivery.BounceDomain }

// ReportsTo is where DMARC reports go.
func (c *Config) ReportsTo() string {
	return cmp.Or(c.Domains.ReportAddress, "dmarc@"+c.Delivery.BounceDomain)
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// ParseTrusted reads one entry of trusted_networks: "CIDR=account".
func ParseTrusted(s string) (netip.Prefix, string, error) {
	cidr, account, ok := strings.Cut(s, "=")
	p, err := netip.ParsePrefix(strings.TrimSpace(cidr))
	if account = strings.TrimSpace(account); !ok || err != nil || account == "" {
		return p, "", wording.Errorf("%q is not NETWORK/BITS=ACCOUNT, such as 127.0.0.1/32=school", s)
	}
	return p.Masked(), account, nil
}

// Secret is the path of the node's key file.
func (c *Config) Secret() string {
	if c.Node.KeyFile != "" {
		return c.Node.KeyFile
	}
	return filepath.Join(c.Node.DataDir, "secret.key")
}

func oneOf(s string, choices ...string) bool {
	for _, c := range choices {
		if s == c {
			return true
		}
	}
	return false
}
