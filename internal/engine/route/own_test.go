package route

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

// TestWaysComeInOrder: the account's own server, then the configuration's routes, then MX.
func TestWaysComeInOrder(t *testing.T) {
	until := time.Now().Add(5 * time.Minute)
	owns := map[model.AccountID]*Own{
		1: {Account: 1, Host: "relay.example", Port: 587, TLS: smtp.TLSRequired, Auth: &Auth{"u", "p"}, Limits: model.RouteLimits{Connections: 3}},
		2: {Account: 2, Host: "relay.example", Port: 587, Closed: "it fails", Until: until, Ours: true},
		3: {Account: 3, Host: "relay.example", Port: 587, Closed: "the day is used up", Until: until},
		5: {Account: 5, Host: "gone.example", Port: 587},
		6: {Account: 6, Host: "servfail.example", Port: 587},
		7: {Account: 7, Host: "[192.0.2.9]", Port: 465, TLS: smtp.TLSImplicit},
		8: {Account: 8, Host: "[127.0.0.1]", Port: 25},
		9: {Account: 9, Host: "[::1]", Port: 25},
	}
	r := router(t, func(c *Config) {
		c.Routes = []Route{{Match: "one.example", Host: "192.0.2.25", Port: 2526}}
		c.Own = func(_ context.Context, id model.AccountID) (*Own, error) {
			if id == 10 {
				return nil, errors.New("no store")
			}
			return owns[id], nil
		}
	})
	for _, tt := range []struct {
		account model.AccountID
		domain  string
		want    string
	}{
		{1, "one.example", "own:1.0:relay.example:587 required u:*** 3"},
		{1, "two.example", "own:1.0:relay.example:587 required u:*** 3"},
		{1, "[192.0.2.7]", "own:1.0:relay.example:587 required u:*** 3"},
		{2, "one.example", "route:[192.0.2.25]:2526 opportunistic <nil> 0 instead: it fails"},
		{2, "two.example", "(mx1|mx2).two.example opportunistic <nil> 0 instead: it fails"},
		{3, "two.example", "own:3.0:relay.example:587  <nil> 0 closed: the day is used up"},
		{4, "one.example", "route:[192.0.2.25]:2526 opportunistic <nil> 0"},
		{4, "two.example", "(mx1|mx2).two.example opportunistic <nil> 0"},
		{5, "two.example", "451 4.4.4 temporary"},
		{6, "two.example", "451 4.4.3 temporary"},
		{7, "two.example", "own:7.0:[192.0.2.9]:465 implicit <nil> 0"},
		{8, "two.example", "451 4.4.4 temporary"}, // customers do not reach into our network
		{9, "two.example", "451 4.4.4 temporary"},
		{10, "two.example", "451 4.3.0 temporary"},
		{0, "two.example", "(mx1|mx2).two.example opportunistic <nil> 0"},
	} {
		p, err := r.Route(t.Context(), tt.account, tt.domain)
		got := ""
		if err != nil {
			got = inWords(p, err)
		} else {
			got = fmt.Sprintf("%s %s %v %d", p.Site, p.TLS, p.Auth, p.Connections)
			if p.Instead != "" {
				got += " instead: " + p.Instead
			}
			if p.Own != nil && p.Own.Closed != "" {
				got += " closed: " + p.Own.Closed
			}
			if (p.Instead != "" || p.Own != nil && p.Own.Closed != "") && p.Expires.After(until) {
				t.Errorf("account %d: believed until %s", tt.account, p.Expires)
			}
		}
		if got != tt.want {
			t.Errorf("account %d to %s: got %s, want %s", tt.account, tt.domain, got, tt.want)
		}
	}
}

func TestOwnServersAreAskedForAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router(t, func(c *Config) {
			c.Own = func(context.Context, model.AccountID) (*Own, error) { return &Own{Host: "[192.0.2.9]", Port: 25}, nil }
		})
		p, err := r.Route(t.Context(), 1, "two.example")
		if err != nil || time.Until(p.Expires) != time.Hour {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestParseHost(t *testing.T) {
	for in, want := range map[string]string{
		"SMTP.Example.": "smtp.example", "blåbär.example": "xn--blbr-noae.example", "192.0.2.1": "[192.0.2.1]", "[192.0.2.1]": "[192.0.2.1]",
		"2001:db8::1": "[2001:db8::1]", "": "", "*.example": "", "*": "", "a b": "", "smtp.example:587": "", "smtp.example\r\nX": "", "-": "",
	} {
		got, err := ParseHost(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestPasswordsStayOutOfWhatServersSay(t *testing.T) {
	o := &Own{Auth: &Auth{"u", "s3cret"}}
	for _, s := range []string{o.Without("535 no s3cret here"), fmt.Sprintf("%+v", *o), fmt.Sprintf("%+v", o)} {
		if strings.Contains(s, "s3cret") {
			t.Error(s)
		}
	}
}
