package relay

import (
	"context"
	"slices"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// Settings are what a server is set by. What is left out comes from the preset, and then from what holds for any server.
type Settings struct {
	Preset   string
	Host     string
	Port     int
	TLS      string
	Username string
	Password string
	Contact  string
	Fallback string
	// Connections, PerMinute, PerDay; nil: the preset's. 0: no limit.
	Connections, PerMinute, PerDay *int
}

// Preset is what a provider of mailboxes asks of those who send by it.
type Preset struct {
	Name   string            `json:"name"`
	Host   string            `json:"host,omitempty"`
	Port   uint16            `json:"port"`
	TLS    smtp.TLSMode      `json:"tls"`
	Limits model.RouteLimits `json:"limits"`
}

// Presets are the providers known. Google counts a day of 24 hours that moves and Microsoft as well: who has used up a day's in the
// evening may be refused after midnight, which is put off like any other refusal of theirs.
func Presets() []Preset {
	return []Preset{
		{"microsoft365", "smtp.office365.com", 587, smtp.TLSRequired, model.RouteLimits{Connections: 3, PerMinute: 30, PerDay: 10_000}},
		{"google-workspace", "smtp.gmail.com", 587, smtp.TLSRequired, model.RouteLimits{Connections: 5, PerDay: 2000}},
		{"google-relay", "smtp-relay.gmail.com", 587, smtp.TLSRequired, model.RouteLimits{Connections: 5, PerDay: 10_000}},
		{"generic", "", 587, smtp.TLSRequired, model.RouteLimits{Connections: 5}},
	}
}

func preset(name string) (Preset, error) {
	all := Presets()
	if name == "" {
		name = "generic"
	}
	if at := slices.IndexFunc(all, func(p Preset) bool { return p.Name == name }); at >= 0 {
		return all[at], nil
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return Preset{}, wording.Errorf("there is no preset %q; there are %s", name, strings.Join(names, ", "))
}

// bounds of limits: far above what any server takes, far below what overflows.
const maxLimit = 10_000_000

// Set keeps an account's own server, untested. A password that is left out stays if host and user do.
func (s *Service) Set(ctx context.Context, account model.Account, t Settings) (model.Route, error) {
	r, err := t.route(account.ID)
	if err != nil {
		return r, err
	}
	r.ChangedAt = s.Clock.Now()
	if r.Username != "" && t.Password == "" {
		old, err := s.Store.RouteOf(ctx, account.ID)
		if err != nil && !store.Is(err, store.NotFound) {
			return r, err
		}
		if err != nil || old.Host != r.Host || old.Username != r.Username {
			return r, wording.Errorf("user %s needs a password", r.Username)
		}
		r.Sealed = old.Sealed
	} else if r.Username != "" {
		if r.Sealed, err = s.Ring.Seal([]byte(t.Password), model.RouteContext(&r)); err != nil {
			return r, err
		}
	}
	if err := s.Store.SetRoute(ctx, r); err != nil {
		return r, err
	}
	s.Flush()
	return s.Store.RouteOf(ctx, account.ID)
}

// route checks the settings.
func (t *Settings) route(account model.AccountID) (model.Route, error) {
	p, err := preset(t.Preset)
	if err != nil {
		return model.Route{}, err
	}
	r := model.Route{
		Account: account, Preset: p.Name, Host: p.Host, Port: p.Port, TLS: p.TLS, Username: t.Username, Contact: t.Contact, Limits: p.Limits,
		Fallback: model.FallbackHold, State: model.RouteUntested,
	}
	if err := t.way(&r); err != nil {
		return r, err
	}
	if t.Username == "" && t.Password != "" {
		return r, wording.Errorf("a password needs a user")
	}
	if len(t.Username) > model.MaxUsername || len(t.Password) > maxPassword || strings.ContainsAny(t.Username+t.Password, "\x00\r\n") {
		return r, wording.Errorf("user or password is too long (%d and %d octets at most), or has a line end in it", model.MaxUsername, maxPassword)
	}
	if t.Contact != "" {
		if _, err := address.Parse(t.Contact); err != nil {
			return r, wording.Errorf("contact %q: %w", t.Contact, err)
		}
	}
	switch f := model.RouteFallback(t.Fallback); f {
	case "":
	case model.FallbackHold, model.FallbackOwn:
		r.Fallback = f
	default:
		return r, wording.Errorf("%q is not what may become of mail that the server does not take: hold or own", t.Fallback)
	}
	for _, l := range []struct {
		from *int
		to   *int
	}{{t.Connections, &r.Limits.Connections}, {t.PerMinute, &r.Limits.PerMinute}, {t.PerDay, &r.Limits.PerDay}} {
		if l.from == nil {
			continue
		}
		if *l.from < 0 || *l.from > maxLimit {
			return r, wording.Errorf("a limit is a number from 0 (none) to %d", maxLimit)
		}
		*l.to = *l.from
	}
	return r, nil
}

const maxPassword = 512

// way checks host, port and TLS. A password goes over a connection whose other end has shown who it is, or not at all: opportunistic
// TLS gives it to whoever answers.
func (t *Settings) way(r *model.Route) error {
	host := t.Host
	if host == "" {
		host = r.Host
	}
	if host == "" {
		return wording.Errorf("say which server, with --host")
	}
	var err error
	if r.Host, err = route.ParseHost(host); err != nil {
		return wording.Errorf("host %q is neither a name nor an address", host)
	}
	if t.TLS != "" {
		if r.TLS, err = smtp.ParseTLSMode(t.TLS); err != nil {
			return wording.Errorf("TLS %q is none of: implicit, required, opportunistic, none", t.TLS)
		}
		if r.TLS == smtp.TLSImplicit {
			r.Port = 465 // RFC 8314 3.3
		}
	}
	if t.Port < 0 || t.Port > 65535 {
		return wording.Errorf("%d is not a port", t.Port)
	}
	if t.Port > 0 {
		r.Port = uint16(t.Port)
	}
	if t.Username != "" && !r.TLS.MustBeTrusted() {
		return wording.Errorf("with TLS %s the password could be read or asked for by anybody on the way; take required (STARTTLS, port 587) or implicit (port 465)", string(r.TLS))
	}
	return nil
}

// Remove takes an account's own server away: its mail goes as everybody's.
func (s *Service) Remove(ctx context.Context, account model.AccountID) error {
	err := s.Store.RemoveRoute(ctx, account)
	s.Flush()
	return err
}

// Route is the account's own server as it is kept. NotFound, a *store.Error, if it has none.
func (s *Service) Route(ctx context.Context, account model.AccountID) (model.Route, error) {
	return s.Store.RouteOf(ctx, account)
}
