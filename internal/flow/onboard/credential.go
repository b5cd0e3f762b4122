package onboard

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/wording"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/sasl"
	"github.com/budkavle/budkavle/internal/store"
)

// AddCredential makes an SMTP user with a password of 144 random bits. The empty user name is made from the
// account's; the empty domain allows every domain of the account.
func (s *Service) AddCredential(ctx context.Context, account, domain, username string) (model.Credential, string, error) {
	c := model.Credential{Username: username, CreatedAt: s.clock.Now()}
	a, err := s.store.Account(ctx, account)
	if err != nil {
		return c, "", err
	}
	c.Account = a.ID
	if domain != "" {
		name, err := domainName(domain)
		if err != nil {
			return c, "", err
		}
		d, err := s.store.Domain(ctx, name)
		if store.Is(err, store.NotFound) || err == nil && d.Account != a.ID {
			return c, "", wording.Errorf("domain %s is not one of account %s", name, a.Name)
		}
		if err != nil {
			return c, "", err
		}
		c.Domain = d.ID
	}
	if c.Username == "" {
		suffix, err := s.randomText(5, letters)
		if err != nil {
			return c, "", err
		}
		c.Username = a.Name + "-" + suffix
	}
	if len(c.Username) > model.MaxUsername || !utf8.ValidString(c.Username) || strings.ContainsFunc(c.Username, unusable) {
		return c, "", wording.Errorf("user name %q: use at most 128 characters without spaces, commas and equal signs", c.Username)
	}
	// Letters and digits alone: a password that begins with a hyphen is an option to many a program.
	password, err := s.randomText(18, letters)
	if err != nil {
		return c, "", err
	}
	v, err := sasl.NewVerifier(s.random, password)
	if err != nil {
		return c, "", err
	}
	c.Salt, c.Iterations, c.StoredKey, c.ServerKey = v.Salt, v.Iterations, v.StoredKey, v.ServerKey
	if err := s.store.AddCredential(ctx, c); err != nil {
		return c, "", err
	}
	return c, password, s.store.Signal(ctx, store.SignalDirectory)
}

// unusable are the characters that some way of authentication gives a meaning (RFC 4616 2, RFC 5802 5.1) or nobody sees.
func unusable(r rune) bool { return r <= ' ' || r == 127 || r == ',' || r == '=' }

// RemoveCredential deletes an SMTP user.
func (s *Service) RemoveCredential(ctx context.Context, username string) error {
	if err := s.store.RemoveCredential(ctx, username); err != nil {
		return err
	}
	return s.store.Signal(ctx, store.SignalDirectory)
}

// AddKey makes an API key of 256 random bits and returns it with its secret.
func (s *Service) AddKey(ctx context.Context, account, name string) (model.APIKey, string, error) {
	k := model.APIKey{ID: s.ids.Next(), Name: name, CreatedAt: s.clock.Now()}
	a, err := s.store.Account(ctx, account)
	if err != nil {
		return k, "", err
	}
	text, err := s.randomText(32, base64.RawURLEncoding.EncodeToString)
	if err != nil {
		return k, "", err
	}
	secret := "key-" + text
	hash := sha256.Sum256([]byte(secret))
	k.Account, k.Prefix, k.Hash = a.ID, secret[:10], hash[:]
	if err := s.store.AddKey(ctx, k); err != nil {
		return k, "", err
	}
	return k, secret, s.store.Signal(ctx, store.SignalDirectory)
}

// RemoveKey deletes an API key.
func (s *Service) RemoveKey(ctx context.Context, id ident.ID) error {
	if err := s.store.RemoveKey(ctx, id); err != nil {
		return err
	}
	return s.store.Signal(ctx, store.SignalDirectory)
}

// letters writes octets as lower-case letters and digits, 5 bits each.
func letters(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

func (s *Service) randomText(octets int, encode func([]byte) string) (string, error) {
	b := make([]byte, octets)
	if _, err := io.ReadFull(s.random, b); err != nil {
		return "", wording.Errorf("no random numbers: %w", err)
	}
	return encode(b), nil
}
