package addresses

import (
	"context"
	"encoding/hex"
	"io"
	"net/netip"
	"net/url"

	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/standard/dns"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	maxURL       = 2000
	secretOctets = 32
)

// Subscribe has somebody told of what is announced from now on. secret is that of a URL's signatures, and shown this once.
func (s *Service) Subscribe(ctx context.Context, kind model.SubscriberKind, target, lang string) (u model.Subscriber, secret string, err error) {
	u = model.Subscriber{ID: s.IDs.Next(), Kind: kind, Target: target, Language: lang, CreatedAt: s.Clock.Now()}
	if lang != "sv" && lang != "en" {
		return u, "", wording.Errorf("language %q: use sv or en", lang)
	}
	switch kind {
	case model.SubscriberMail:
		a, err := address.Parse(target)
		if err != nil {
			return u, "", wording.Errorf("%q is not a mail address: %w", target, err)
		}
		if u.Target = a.String(); s.Write == nil {
			return u, "", wording.Errorf("no letter can be written: set senders.from_domain to a domain of your own that is live")
		}
	case model.SubscriberURL:
		if err := s.validURL(target); err != nil {
			return u, "", err
		}
		key := make([]byte, secretOctets)
		if _, err := io.ReadFull(s.Random, key); err != nil {
			return u, "", wording.Errorf("no random numbers: %w", err)
		}
		secret = hex.EncodeToString(key)
		if u.Sealed, err = s.Ring.Seal([]byte(secret), sealContext(&u)); err != nil {
			return u, "", err
		}
	}
	list, err := s.Store.ListSubscribers(ctx)
	if err != nil {
		return u, "", err
	}
	if len(list) >= store.MaxAddresses {
		return u, "", wording.Errorf("there are %d subscribers already, which is the most there may be", len(list))
	}
	return u, secret, s.Store.AddSubscriber(ctx, u)
}

// validURL wants a URL that may be told. What its name leads to is looked at again at each call.
func (s *Service) validURL(target string) error {
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(target) > maxURL {
		return wording.Errorf("%q is not a URL that can be told: wants http(s)://HOST/PATH without user name and #, at most %d characters", target, maxURL)
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !s.Inside && (dns.Inside(a) || a.IsUnspecified()) {
		return wording.Errorf("%q leads to this node's own network, which is not told (delivery.private_addresses allows it)", target)
	}
	return nil
}

// sealContext binds a secret to its subscriber.
func sealContext(u *model.Subscriber) []byte { return []byte("subscriber " + u.ID.String()) }

// Unsubscribe ends what Subscribe began.
func (s *Service) Unsubscribe(ctx context.Context, target string) error {
	if a, err := address.Parse(target); err == nil {
		target = a.String()
	}
	return s.Store.RemoveSubscriber(ctx, target)
}
