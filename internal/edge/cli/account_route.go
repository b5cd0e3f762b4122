package cli

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/node"
	"github.com/budkavle/budkavle/internal/store"
)

type accountRoute struct {
	Set    routeSet    `cmd:"" help:"Have all mail of an account go out by an SMTP server of its owner's."`
	Show   routeShow   `cmd:"" help:"Show an account's own server and how it fares."`
	Test   routeTest   `cmd:"" help:"Try an account's own server, step by step; exit status 1 if something is in the way."`
	Remove routeRemove `cmd:"" help:"Take an account's own server away: its mail goes as everybody's."`
}

// relay keeps the accounts' own servers.
func (o *office) relay() (*relay.Service, error) {
	return node.NewRelay(o.config, o.store, o.ring, o.ids, node.NewSystem(slog.New(slog.DiscardHandler)))
}

// router plans ways as a node of the configuration does.
func (o *office) router() (*route.Router, error) {
	own, err := o.relay()
	if err != nil {
		return nil, err
	}
	return node.NewRouter(o.config, o.store, node.NewSystem(slog.New(slog.DiscardHandler)), own)
}

// withRoute runs f for an account and the service of own servers.
func (a *app) withRoute(name string, f func(ctx context.Context, acc model.Account, s *relay.Service) error) error {
	return a.withOffice(func(ctx context.Context, o *office) error {
		acc, err := o.store.Account(ctx, name)
		if err != nil {
			return a.explain(err, "account %q", name)
		}
		s, err := o.relay()
		if err != nil {
			return err
		}
		err = f(ctx, acc, s)
		if store.Is(err, store.NotFound) {
			return wording.Errorf("account %s has no server of its own; set one with: budkavle account route set %s", name, name)
		}
		return err
	})
}

type routeSet struct {
	Name         string `arg:"" help:"Name of the account."`
	Preset       string `help:"microsoft365, google-workspace, google-relay or generic: host, port, TLS and limits of the provider." placeholder:"PRESET"`
	Host         string `help:"Name or address of the server." placeholder:"HOST"`
	Port         int    `help:"Port (default: 587, or 465 with implicit TLS)." placeholder:"N"`
	TLS          string `name:"tls" help:"implicit, required (STARTTLS), opportunistic or none (default: required). With a password one of the first two; the certificate is checked." placeholder:"MODE"`
	User         string `help:"User name to log in with." placeholder:"USER"`
	PasswordFile string `help:"File with the password, or - for standard input. Left out: the one that is set stays." placeholder:"FILE"`
	Contact      string `help:"Mail address that is written to when the server fails (default: the account's contact)." placeholder:"ADDRESS"`
	Connections  *int   `help:"Connections at the same time; 0: no limit." placeholder:"N"`
	PerMinute    *int   `help:"Messages in any minute, each recipient counted; 0: no limit." placeholder:"N"`
	PerDay       *int   `help:"Recipients in a day of UTC; 0: no limit." placeholder:"N"`
	Otherwise    string `help:"What becomes of mail while the server fails or its day is used up: hold (it waits) or own (we deliver it, if its domain is proved for that). Default: hold." placeholder:"hold|own"`
}

func (c *routeSet) Run(a *app) error {
	t := relay.Settings{
		Preset: c.Preset, Host: c.Host, Port: c.Port, TLS: c.TLS, Username: c.User, Contact: c.Contact, Fallback: c.Otherwise,
		Connections: c.Connections, PerMinute: c.PerMinute, PerDay: c.PerDay,
	}
	if c.PasswordFile != "" {
		var err error
		if t.Password, err = a.readPassword(c.PasswordFile); err != nil {
			return err
		}
	}
	return a.withRoute(c.Name, func(ctx context.Context, acc model.Account, s *relay.Service) error {
		r, err := s.Set(ctx, acc, t)
		if err != nil {
			return err
		}
		return a.done(r, "Mail of account %s goes out by %s, port %d. Next: budkavle account route test %s", acc.Name, r.Host, int(r.Port), acc.Name)
	})
}

// maxPasswordFile is more than any password has.
const maxPasswordFile = 4 << 10

// readPassword reads the first line of a file: what is typed on a command line, every user of the machine can read.
func (a *app) readPassword(path string) (string, error) {
	in := a.In
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxPasswordFile))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(data), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", wording.Errorf("the password file %s has nothing in its first line", path)
	}
	return line, nil
}

type routeShow struct {
	Name string `arg:"" help:"Name of the account."`
}

// routeView is a route with what is counted of it today.
type routeView struct {
	model.Route
	SentToday int64 `json:"sent_today"`
}

func (c *routeShow) Run(a *app) error {
	return a.withRoute(c.Name, func(ctx context.Context, acc model.Account, s *relay.Service) error {
		r, err := s.Route(ctx, acc.ID)
		if err != nil {
			return err
		}
		v := routeView{r, r.SentOn(model.DayOf(s.Clock.Now()))}
		if a.json {
			return a.printJSON(v)
		}
		a.tellRoute(&acc, &v)
		return nil
	})
}

func (a *app) tellRoute(acc *model.Account, v *routeView) {
	a.say("Mail of account %s goes out by %s, port %d, TLS %s", acc.Name, v.Host, int(v.Port), string(v.TLS))
	if v.Username != "" {
		a.say("User: %s, with a password that is not shown", v.Username)
	}
	a.say("Written to when it fails: %s", orDash(cmp.Or(v.Contact, acc.Contact)))
	a.say("Connections: %s, messages a minute: %s", a.orNoLimit(v.Limits.Connections), a.orNoLimit(v.Limits.PerMinute))
	a.say("Recipients a day: %s, today: %d", a.orNoLimit(v.Limits.PerDay), v.SentToday)
	if v.Fallback == model.FallbackOwn {
		a.say("Mail that it does not take: delivered by us, if its domain is proved for that")
	} else {
		a.say("Mail that it does not take: waits")
	}
	switch {
	case v.TestedAt.IsZero():
		a.say("Not tested since it was set. Test it with: budkavle account route test %s", acc.Name)
	case v.State == model.RouteTested:
		a.say("Tested %s: all was well", when(v.TestedAt))
	default:
		a.say("Tested %s, and failed: %s", when(v.TestedAt), printable(v.TestNote))
	}
	if !v.FailingSince.IsZero() {
		a.say("It fails since %s: %s", when(v.FailingSince), printable(v.Fault))
	}
}

func (a *app) orNoLimit(n int) string {
	if n == 0 {
		return a.T("no limit")
	}
	return number(n)
}

type routeRemove struct {
	Name string `arg:"" help:"Name of the account."`
}

func (c *routeRemove) Run(a *app) error {
	return a.withRoute(c.Name, func(ctx context.Context, acc model.Account, s *relay.Service) error {
		if err := s.Remove(ctx, acc.ID); err != nil {
			return err
		}
		return a.done(map[string]string{"removed": acc.Name}, "Mail of account %s goes as everybody's.", acc.Name)
	})
}
