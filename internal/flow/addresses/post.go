package addresses

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/budkavle/budkavle/internal/engine/proof"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/dns"
)

// call is what a URL is sent, in the shape of Mailgun's webhooks.
type call struct {
	Signature signature `json:"signature"`
	Data      data      `json:"event-data"`
}

// signature proves who calls: HMAC-SHA256 of timestamp and token under the subscriber's secret. A receiver remembers tokens
// for some minutes and refuses old timestamps, so that a call that was overheard cannot be made again.
type signature struct {
	Timestamp string `json:"timestamp"` // seconds since 1970
	Token     string `json:"token"`     // 50 random characters
	Signature string `json:"signature"` // lower-case hexadecimal
}

// data is one announcement. Its ID is the same however often it is told.
type data struct {
	ID        string             `json:"id"`
	Event     string             `json:"event"`
	Timestamp float64            `json:"timestamp"` // of the change, seconds since 1970
	Address   netip.Addr         `json:"address"`
	State     model.AddressState `json:"state"`
	Previous  model.AddressState `json:"previous,omitempty"`
	Effective time.Time          `json:"effective"`
	Helo      string             `json:"ehlo"`
	List      string             `json:"list"`
}

// sign makes a signature.
func sign(secret, timestamp, token string) signature {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(timestamp + token)) // a hash takes everything
	return signature{timestamp, token, hex.EncodeToString(mac.Sum(nil))}
}

// post tells a URL of one announcement. 2xx is told; 406 is told and not wanted; all else is tried again.
func (s *Service) post(ctx context.Context, u *model.Subscriber, n *model.Announcement) error {
	secret, err := s.Ring.Open(u.Sealed, sealContext(u))
	if err != nil {
		return fmt.Errorf("its secret: %w", err)
	}
	token := make([]byte, 25)
	if _, err := io.ReadFull(s.Random, token); err != nil {
		return err
	}
	helo := n.Helo
	if helo == "" {
		helo = s.Hostname
	}
	body, err := json.Marshal(call{
		sign(string(secret), strconv.FormatInt(s.Clock.Now().Unix(), 10), hex.EncodeToString(token)),
		data{
			ID: fmt.Sprintf("%s-%d", u.ID, n.Number), Event: "source-address", Timestamp: float64(n.At.UnixMilli()) / 1000, Address: n.Address, State: n.To,
			Previous: n.From, Effective: n.Effective.UTC(), Helo: helo, List: s.Page.URL + ".json",
		},
	})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.Target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Budkavle")
	resp, err := s.HTTP.RoundTrip(req) // not a Client: a redirect is not followed, it is an answer like another
	if err != nil {
		return err
	}
	_ = resp.Body.Close() // the status is all that is wanted
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode <= 299:
		return nil
	case resp.StatusCode == http.StatusNotAcceptable:
		return errRefused
	}
	return fmt.Errorf("answered %d", resp.StatusCode)
}

// Transport carries calls to URLs that others chose: names are looked up with r, nothing inside the node's own network is
// called unless inside says so, no proxy is used, and no more than 16 KiB of header is read.
func Transport(r dns.Resolver, inside bool) *http.Transport {
	named := proof.Dial(r, inside)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ap, err := netip.ParseAddrPort(addr)
			if err != nil {
				return named(ctx, network, addr)
			}
			if a := ap.Addr(); a.IsUnspecified() || a.IsMulticast() || !inside && dns.Inside(a) {
				return nil, fmt.Errorf("%s is inside this node's own network", a)
			}
			var d net.Dialer
			return d.DialContext(ctx, network, addr)
		},
		TLSHandshakeTimeout: tellTime, ResponseHeaderTimeout: tellTime, MaxResponseHeaderBytes: 16 << 10, DisableKeepAlives: true, ForceAttemptHTTP2: true,
	}
}
