package relay_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/engine/outbound"
	"github.com/budkavle/budkavle/internal/engine/route"
	"github.com/budkavle/budkavle/internal/flow/relay"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

func TestSettings(t *testing.T) {
	w := newWorld(t)
	n := func(i int) *int { return &i }
	for _, tt := range []struct {
		name string
		give relay.Settings
		want string // or what the error says
	}{
		{"Microsoft", relay.Settings{Preset: "microsoft365", Username: "a@b.example", Password: "p"}, "smtp.office365.com 587 required {3 30 10000} hold"},
		{"Google", relay.Settings{Preset: "google-workspace", Username: "a@b.example", Password: "p"}, "smtp.gmail.com 587 required {5 0 2000} hold"},
		{"Google's relay, no login", relay.Settings{Preset: "google-relay"}, "smtp-relay.gmail.com 587 required {5 0 10000} hold"},
		{"any", relay.Settings{Host: "SMTP.b.example.", Fallback: "own", PerMinute: n(7), Connections: n(0)}, "smtp.b.example 587 required {0 7 0} own"},
		{"implicit", relay.Settings{Host: "smtp.b.example", TLS: "implicit"}, "smtp.b.example 465 implicit {5 0 0} hold"},
		{"implicit elsewhere", relay.Settings{Host: "192.0.2.1", TLS: "implicit", Port: 10465}, "[192.0.2.1] 10465 implicit {5 0 0} hold"},
		{"the preset's limits given otherwise", relay.Settings{Preset: "microsoft365", PerDay: n(500)}, "smtp.office365.com 587 required {3 30 500} hold"},
		{"without TLS, no login", relay.Settings{Host: "smtp.b.example", TLS: "none", Port: 25}, "smtp.b.example 25 none {5 0 0} hold"},
		{"a password to whoever answers", relay.Settings{Host: "smtp.b.example", TLS: "opportunistic", Username: "u", Password: "p"}, "with TLS opportunistic the password could be read"},
		{"a password in the clear", relay.Settings{Host: "smtp.b.example", TLS: "none", Username: "u", Password: "p"}, "with TLS none the password could be read"},
		{"no password", relay.Settings{Host: "smtp.b.example", Username: "u"}, "user u needs a password"},
		{"no user", relay.Settings{Host: "smtp.b.example", Password: "p"}, "a password needs a user"},
		{"no host", relay.Settings{}, "say which server, with --host"},
		{"no such host", relay.Settings{Host: "a b"}, `host "a b" is neither a name nor an address`},
		{"no such preset", relay.Settings{Preset: "yahoo"}, `there is no preset "yahoo"; there are microsoft365,`},
		{"no such mode", relay.Settings{Host: "a.example", TLS: "yes"}, `TLS "yes" is none of`},
		{"no such port", relay.Settings{Host: "a.example", Port: 70000}, "70000 is not a port"},
		{"no such fallback", relay.Settings{Host: "a.example", Fallback: "drop"}, `"drop" is not what may become`},
		{"no such limit", relay.Settings{Host: "a.example", PerDay: n(-1)}, "a limit is a number from 0"},
		{"no such contact", relay.Settings{Host: "a.example", Contact: "nobody"}, `contact "nobody"`},
		{"a line end in the password", relay.Settings{Host: "a.example", Username: "u", Password: "p\r\nRCPT"}, "has a line end in it"},
	} {
		r, err := w.Set(t.Context(), w.school, tt.give)
		got := fmt.Sprintf("%s %d %s %v %s", r.Host, r.Port, r.TLS, r.Limits, r.Fallback)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// TestPasswordsAreKeptSealed: a password stays when only something else is set, and not when it would go to another server.
func TestPasswordsAreKeptSealed(t *testing.T) {
	w := newWorld(t)
	w.set(nil)
	r := w.set(func(s *relay.Settings) { s.Password, s.Contact = "", "other@school.example" })
	if strings.Contains(string(r.Sealed), secret) || len(r.Sealed) == 0 {
		t.Errorf("sealed %q", r.Sealed)
	}
	o, err := w.Own(t.Context(), w.school.ID)
	w.ok(err)
	if o.Auth.Password != secret || o.TLS != smtp.TLSRequired {
		t.Errorf("own %+v", o)
	}
	if _, err := w.Set(t.Context(), w.school, relay.Settings{Host: "thief.example", Username: "info@school.example"}); err == nil {
		t.Error("the password was set for another server")
	}
	doc, err := json.Marshal(r)
	w.ok(err)
	for _, text := range []string{string(doc), fmt.Sprintf("%+v", *o), w.log.String()} {
		if strings.Contains(text, secret) {
			t.Errorf("the password is in %s", text)
		}
	}
	w.ok(w.Remove(t.Context(), w.school.ID))
	if o, err := w.Own(t.Context(), w.school.ID); o != nil || err != nil {
		t.Errorf("removed: %+v, %v", o, err)
	}
	if err := w.Remove(t.Context(), w.school.ID); !store.Is(err, store.NotFound) {
		t.Errorf("removed again: %v", err)
	}
}

// TestTrials plays what customers' servers say, and wants it explained.
func TestTrials(t *testing.T) {
	year := time.Now().AddDate(0, 3, 0)
	const name = "smtp.school.example"
	w := newWorld(t)
	for _, tt := range []struct {
		name     string
		set      func(*relay.Settings)
		server   func(w *world)
		trial    relay.Trial
		want     string // the last step, or the finding's code
		mentions string // in what was found or is to be changed
	}{
		{name: "login", want: "login"},
		{name: "envelope", trial: relay.Trial{To: "it@school.example"}, want: "envelope"},
		{name: "letter", trial: relay.Trial{To: "it@school.example", Letter: true}, want: "letter"},
		{name: "implicit", set: func(s *relay.Settings) { s.TLS = "implicit" }, server: func(w *world) { w.server.implicit = true }, want: "login"},
		{name: "no login", set: func(s *relay.Settings) { s.Username, s.Password = "", "" }, want: "connect"},
		{name: "no such host", set: func(s *relay.Settings) { s.Host = "smpt.school.example" }, want: "no-address", mentions: "spelt right"},
		{name: "port closed", server: func(w *world) { w.server.closed = syscall.ECONNREFUSED }, want: "port-closed", mentions: "465"},
		{name: "no answer", server: func(w *world) { w.server.closed = syscall.EHOSTUNREACH }, want: "not-reached", mentions: "firewall"},
		{name: "turned away", server: func(w *world) { w.server.replies = map[string]string{"greeting": "554 5.7.1 not you"} }, want: "turned-away"},
		{name: "no STARTTLS", server: func(w *world) { w.server.replies = map[string]string{"EHLO": "250 AUTH PLAIN"} }, want: "no-starttls"},
		{name: "clear where TLS is expected", set: func(s *relay.Settings) { s.TLS = "implicit" }, want: "not-implicit", mentions: "--tls required"},
		{name: "other name", server: func(w *world) { w.certify("mail.host.example", year, true) }, want: "certificate-name", mentions: "mail.host.example"},
		{name: "of strangers", server: func(w *world) { w.certify(name, year, false) }, want: "certificate-authority"},
		{name: "expired", server: func(w *world) { w.certify(name, time.Now().AddDate(0, 0, -1), true) }, want: "certificate-invalid", mentions: "renewed"},
		{name: "wrong password", server: func(w *world) { w.server.replies = map[string]string{"AUTH": "535 5.7.8 authentication failed"} }, want: "wrong-password"},
		{name: "Microsoft, basic", server: func(w *world) {
			w.server.replies = map[string]string{"AUTH": "535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [x.PROD.OUTLOOK.COM]"}
		}, want: "basic-auth-disabled", mentions: "conditional access"},
		{name: "Microsoft, SMTP AUTH", server: func(w *world) {
			w.server.replies = map[string]string{"AUTH": "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant."}
		}, want: "smtp-auth-disabled", mentions: "admin center"},
		{name: "Google, app password", server: func(w *world) {
			w.server.replies = map[string]string{"AUTH": "534-5.7.9 Application-specific password required. Learn more at\n534 5.7.9 https://support.google.com/mail/?p=InvalidSecondFactor"}
		}, want: "app-password", mentions: "apppasswords"},
		{name: "Google, wrong", server: func(w *world) {
			w.server.replies = map[string]string{"AUTH": "535-5.7.8 Username and Password not accepted. Learn more at\n535 5.7.8 https://support.google.com/mail/?p=BadCredentials"}
		}, want: "wrong-password"},
		{name: "login put off", server: func(w *world) { w.server.replies = map[string]string{"AUTH": "454 4.7.0 later"} }, want: "login-put-off"},
		{name: "OAuth alone", server: func(w *world) {
			w.server.replies = map[string]string{"EHLO": "250-smtp.school.example\n250-STARTTLS\n250 AUTH XOAUTH2"}
		}, want: "no-mechanism"},
		{
			name: "no relaying", trial: relay.Trial{To: "x@far.example"}, want: "relaying-denied", mentions: "its own domains only",
			server: func(w *world) {
				w.server.replies = map[string]string{"RCPT": "554 5.7.1 <x@far.example>: Relay access denied"}
			},
		},
		{
			name: "Microsoft, not the sender", trial: relay.Trial{To: "x@far.example", Letter: true}, want: "send-as-denied", mentions: "Send As",
			server: func(w *world) {
				w.server.replies = map[string]string{"end": "554 5.2.252 SendAsDenied; info@school.example not allowed to send as x@school.example"}
			},
		},
		{
			name: "over its limit", trial: relay.Trial{To: "x@far.example"}, want: "over-limit",
			server: func(w *world) {
				w.server.replies = map[string]string{"RCPT": "550 5.4.5 Daily SMTP relay limit exceeded for user"}
			},
		},
		{name: "login wanted", trial: relay.Trial{To: "x@far.example"}, want: "login-wanted", server: func(w *world) {
			w.server.replies = map[string]string{"MAIL": "530 5.7.57 Client not authenticated to send mail"}
		}},
		{name: "put off", trial: relay.Trial{To: "x@far.example"}, want: "put-off", server: func(w *world) { w.server.replies = map[string]string{"MAIL": "451 4.7.1 later"} }},
		{name: "refused", trial: relay.Trial{To: "x@far.example"}, want: "refused", server: func(w *world) { w.server.replies = map[string]string{"RCPT": "550 5.1.1 nobody"} }},
		{name: "the password said back", want: "wrong-password", mentions: "535 *** is wrong", server: func(w *world) { w.server.replies = map[string]string{"AUTH": "535 " + secret + " is wrong"} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w.server.fresh(t)
			w.certify(name, year, true)
			if tt.server != nil {
				tt.server(w)
			}
			w.set(tt.set)
			told := 0
			v, err := w.Test(t.Context(), w.school, tt.trial, func(relay.Step) { told++ })
			w.ok(err)
			got, said := "", ""
			if v.Finding != nil {
				got, said = v.Finding.Code, v.Finding.Found.String()+" "+v.Finding.Change.String()
			} else {
				got = v.Steps[len(v.Steps)-1].Name
			}
			if got != tt.want || !strings.Contains(said, tt.mentions) || told != len(v.Steps) {
				t.Errorf("%s: %s, want %s with %q; %d of %d steps told", got, said, tt.want, tt.mentions, told, len(v.Steps))
			}
			r, err := w.Route(t.Context(), w.school.ID)
			w.ok(err)
			if (r.State == model.RouteTested) != v.OK || r.TestedAt.IsZero() || v.OK != (v.Finding == nil) {
				t.Errorf("kept %+v", r)
			}
			doc, err := json.Marshal(v)
			w.ok(err)
			if strings.Contains(string(doc)+w.log.String()+r.TestNote, secret) {
				t.Errorf("the password is in %s", doc)
			}
			if tt.want == "letter" && !strings.Contains(w.server.heard(), "MAIL FROM:<info@school.example>") {
				t.Errorf("the server heard %s", w.server.heard())
			}
		})
	}
}

func TestTrialsTakeNoCommands(t *testing.T) {
	w := newWorld(t)
	w.set(nil)
	for _, trial := range []relay.Trial{{To: "a@b.example>\r\nDATA"}, {To: "a@b.example", From: "x>\r\nQUIT"}, {Letter: true}} {
		if _, err := w.Test(t.Context(), w.school, trial, func(relay.Step) {}); err == nil {
			t.Errorf("%+v was tried", trial)
		}
	}
	if _, err := w.Test(t.Context(), w.staff, relay.Trial{}, func(relay.Step) {}); !store.Is(err, store.NotFound) {
		t.Errorf("an account without a server: %v", err)
	}
}

func refused(code int, stage outbound.Stage) *outbound.Error {
	return &outbound.Error{Stage: stage, Reply: outbound.Reply{Code: code}, Err: &smtp.Error{Code: code, Text: fmt.Sprintf("%d %s", code, secret)}}
}

// TestTheContactIsToldOnce when a server fails, and once when it is mended; meanwhile mail may take another way.
func TestTheContactIsToldOnce(t *testing.T) {
	w := newWorld(t)
	w.set(func(s *relay.Settings) { s.Fallback = "own" })
	own := func() *route.Own {
		o, err := w.Own(t.Context(), w.school.ID)
		w.ok(err)
		return o
	}
	o := own()
	for n := range 5 {
		if turned := w.Failed(t.Context(), o, refused(535, outbound.StageAuth)); turned != (n == 2) {
			t.Errorf("failure %d: turned %v", n+1, turned)
		}
	}
	if o := own(); !strings.Contains(o.Closed, "fails: 535 ***") || o.Until.Sub(w.clock.Now()) > 15*time.Minute {
		t.Errorf("own %+v", o)
	}
	w.clock.by = 16 * time.Minute
	if o := own(); o.Closed != "" {
		t.Errorf("not tried again: %+v", o)
	}
	if !w.Failed(t.Context(), own(), refused(535, outbound.StageAuth)) {
		t.Error("a server that is known to fail is closed at the first failure")
	}
	if len(w.letters) != 1 || !strings.HasPrefix(w.letters[0], "staff to it@school.example: school: er SMTP-server tar inte emot") || strings.Contains(w.letters[0], secret) {
		t.Errorf("letters %q", w.letters)
	}
	r, err := w.Route(t.Context(), w.school.ID)
	if err != nil || r.FailingSince.IsZero() || r.Fault != "535 ***" {
		t.Errorf("route %+v, %v", r, err)
	}
	w.Reached(t.Context(), own())
	w.Reached(t.Context(), own())
	if len(w.letters) != 2 || !strings.Contains(w.letters[1], "tar emot igen") || own().Closed != "" {
		t.Errorf("letters %q", w.letters)
	}
	evs, err := w.store.ListEvents(t.Context(), store.EventFilter{Account: w.school.ID, Kinds: []model.EventKind{model.EventAccount}, Limit: 10})
	if err != nil || len(evs) != 2 {
		t.Errorf("events %+v, %v", evs, err)
	}
	if strings.Contains(w.log.String(), secret) {
		t.Error("the log holds the password")
	}
}

// TestARestartIsNotAFailure: a server that is away for some minutes is nothing to write about.
func TestARestartIsNotAFailure(t *testing.T) {
	w := newWorld(t)
	w.set(nil)
	o, err := w.Own(t.Context(), w.school.ID)
	w.ok(err)
	for range 9 {
		w.Failed(t.Context(), o, refused(0, outbound.StageConnect))
		w.clock.by += time.Minute
	}
	if len(w.letters) != 0 {
		t.Errorf("letters %q", w.letters)
	}
	w.clock.by += time.Minute
	w.Failed(t.Context(), o, refused(0, outbound.StageConnect))
	if len(w.letters) != 1 {
		t.Errorf("letters %q", w.letters)
	}
	// Another node that meets it tells nobody.
	other := relay.New(w.Config)
	for range 3 {
		other.Failed(t.Context(), o, refused(535, outbound.StageAuth))
	}
	if len(w.letters) != 1 {
		t.Errorf("letters %q", w.letters)
	}
}

// TestTheDayIsCountedOverRestarts: what one process counted, the next knows.
func TestTheDayIsCountedOverRestarts(t *testing.T) {
	w := newWorld(t)
	ten := 10
	w.set(func(s *relay.Settings) { s.PerDay = &ten })
	own := func(s *relay.Service) *route.Own {
		o, err := s.Own(t.Context(), w.school.ID)
		w.ok(err)
		return o
	}
	take := func(s *relay.Service, n int) int {
		day, got, _, err := s.Take(t.Context(), own(s), n)
		w.ok(err)
		s.Return(t.Context(), own(s), day, got, 0)
		return got
	}
	if got := take(w.Service, 7); got != 7 || own(w.Service).Closed != "" {
		t.Errorf("%d, %+v", got, own(w.Service))
	}
	next := relay.New(w.Config)
	if got := take(next, 7); got != 3 || own(next).Closed != "" {
		t.Errorf("%d, %+v", got, own(next))
	}
	if got := take(next, 7); got != 0 || !strings.Contains(own(next).Closed, "the 10 recipients a day") || own(next).Until != (model.DayOf(w.clock.Now())+1).Begin() {
		t.Errorf("%d, %+v", got, own(next))
	}
	third := relay.New(w.Config)
	if own(third).Closed == "" {
		t.Error("a process that starts does not see that the day is used up")
	}
	w.clock.by = 24 * time.Hour
	for _, s := range []*relay.Service{w.Service, next, third} {
		if own(s).Closed != "" {
			t.Errorf("the next day: %+v", own(s))
		}
	}
	day, got, _, err := next.Take(t.Context(), own(next), 6)
	if err != nil || got != 6 {
		t.Errorf("%d, %v", got, err)
	}
	if _, got, over, err := next.Take(t.Context(), own(next), 6); err != nil || got != 4 || over {
		t.Errorf("%d, over %v, %v", got, over, err)
	}
	if _, got, over, err := next.Take(t.Context(), own(next), 6); err != nil || got != 0 || over || own(next).Closed != "" {
		t.Errorf("%d while ten are under way: over %v, %v", got, over, err)
	}
	next.Return(t.Context(), own(next), day, 6, 4)
	next.Return(t.Context(), own(next), day, 4, 4)
	if got := take(third, 10); got != 8 {
		t.Errorf("%d after 2 of 10", got)
	}
}

func TestOnlyProvedDomainsAreDeliveredByUs(t *testing.T) {
	w := newWorld(t)
	for state, want := range map[model.DomainState]bool{model.DomainLive: true, model.DomainDegraded: true, model.DomainWaiting: false, model.DomainStopped: false} {
		d, err := w.store.AddDomain(t.Context(), model.Domain{Name: string(state) + ".example", Account: w.school.ID, State: state}, nil, model.Event{ID: w.IDs.Next(), Kind: model.EventDomain, At: time.Now(), Account: w.school.ID})
		w.ok(err)
		if got, err := w.Proved(t.Context(), &model.Message{Domain: d.ID}); got != want || err != nil {
			t.Errorf("%s: %v, %v", state, got, err)
		}
	}
	if got, err := w.Proved(t.Context(), &model.Message{Domain: 99}); got || err != nil {
		t.Errorf("a domain that is gone: %v, %v", got, err)
	}
}
