package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/budkavle/budkavle/test/rig"
)

const (
	rivalDepth  = 100_000
	rivalRounds = 20
)

// measureRival has one account queue 100,000 recipients at a single domain, and another send single messages to
// the same domain, one after the other. It returns how long each took from the request to its delivery, sorted.
func measureRival(ctx context.Context, p plan) ([]time.Duration, error) {
	p.domains = 1
	dir, err := os.MkdirTemp("", "depth")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sink, err := rig.StartSink()
	if err != nil {
		return nil, err
	}
	defer sink.Stop()
	dns, err := startNames(p.sites)
	if err != nil {
		return nil, err
	}
	defer dns.stop()
	n, err := newNode(p.budkavle, dir, dns.addr, sink.Addr)
	if err != nil {
		return nil, err
	}
	c, err := newClient(n, "other", "other.example")
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, n.Store, p, rivalDepth); err != nil {
		return nil, err
	}
	defer n.Stop()
	if _, err := n.Start(ctx); err != nil {
		return nil, err
	}
	if err := sink.Await(ctx, 1); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range rivalRounds {
		d, err := c.send(ctx, "someone@"+domainName(0))
		if err != nil {
			return nil, err
		}
		took = append(took, d)
	}
	figures, err := n.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	if done := figures[deliveredMetric]; done >= rivalDepth {
		return nil, fmt.Errorf("the queue of the first account was empty, with %.0f recipients delivered, before the last round", done)
	}
	slices.Sort(took)
	return took, nil
}

// client sends by HTTP as an account of its own.
type client struct {
	base, domain, key string
}

func newClient(n *rig.Node, account, domain string) (*client, error) {
	var out []byte
	for _, args := range [][]string{
		{"account", "add", account},
		{"domain", "add", domain, "--account", account, "--waive", "benchmark on loopback"},
		{"key", "add", "--account", account, "--json"},
	} {
		var err error
		if out, err = n.Run(args...); err != nil {
			return nil, err
		}
	}
	var made struct{ Key string }
	if err := json.Unmarshal(out, &made); err != nil {
		return nil, fmt.Errorf("key add: %w", err)
	}
	return &client{base: "http://" + n.Web + "/v3/" + domain, domain: domain, key: made.Key}, nil
}

// send returns when the message is delivered, and how long that took from the request on.
func (c *client) send(ctx context.Context, to string) (time.Duration, error) {
	begun := time.Now()
	var sent struct{ ID string }
	form := url.Values{"from": {"sender@" + c.domain}, "to": {to}, "subject": {"single"}, "text": {"one"}}
	if err := c.call(ctx, http.MethodPost, "/messages", form, &sent); err != nil {
		return 0, err
	}
	query := url.Values{"event": {"delivered"}, "message-id": {strings.Trim(sent.ID, "<>")}}
	for time.Since(begun) < rig.Wait {
		var events struct{ Items []struct{} }
		if err := c.call(ctx, http.MethodGet, "/events?"+query.Encode(), nil, &events); err != nil {
			return 0, err
		}
		if len(events.Items) > 0 {
			return time.Since(begun), nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0, fmt.Errorf("message %s was not delivered in %s", sent.ID, rig.Wait)
}

func (c *client) call(ctx context.Context, method, path string, form url.Values, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.SetBasicAuth("api", c.key)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, r.Status, text)
	}
	return json.Unmarshal(text, answer)
}
