package api

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/flow/recipient"
	"github.com/budkavle/budkavle/internal/model"
)

// recipientWorld is a world that knows how addresses stand, and the letters it wrote.
func recipientWorld(t *testing.T) (*world, *[]model.Letter) {
	w := newWorld(t)
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	letters := &[]model.Letter{}
	w.Recipients = recipient.New(recipient.Config{
		Store: w.store, Links: consent.NewLinks(ring), Clock: clock.System{}, IDs: w.ids, Log: slog.New(slog.DiscardHandler), BaseURL: "https://mail.example",
		Write: func(_ context.Context, l model.Letter) error {
			if strings.HasPrefix(l.To, "full@") {
				return errors.New("no room")
			}
			*letters = append(*letters, l)
			return nil
		},
	})
	return w, letters
}

func (w *world) verify(path, key string) *httptest.ResponseRecorder {
	return w.do(httptest.NewRequest("POST", path, nil), key)
}

func TestRecipientsStand(t *testing.T) {
	w, _ := recipientWorld(t)
	w.list("school", "waiting.example", model.SuppressBounce, "anna@b.example", "", listedAt)
	w.list("school", "school.example", model.SuppressUnsubscribe, "anna@b.example", "news", listedAt.AddDate(0, 0, 1))
	w.list("school", "school.example", model.SuppressUnsubscribe, "bo+x@b.example", "", listedAt)
	const path, of = "/api/v1/recipients/", "?domain=school.example"
	answered(t, w.read(path+"Anna%40b.example"+of, w.school), 200, `{"address":"Anna@b.example","domain":"school.example","sending":false,"can_be_reactivated":"by verification","reasons":[
		{"kind":"unsubscribe","since":"2026-11-03T09:30:00Z","reason":"no such user","tag":"news"},{"kind":"bounce","since":"2026-11-02T09:30:00Z","reason":"no such user","tag":""}]}`)
	for address, want := range map[string]string{"bo%2Bx@b.example": `"can_be_reactivated":"at once"`, "bo@b.example": `"can_be_reactivated":"no need"`} {
		if rec := w.read(path+address+of, w.school); rec.Code != 200 || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d %s", address, rec.Code, rec.Body)
		}
	}
	answered(t, w.read(path+"cia@b.example", w.shop), 200, // its only domain
		`{"address":"cia@b.example","domain":"shop.example","sending":true,"reasons":[],"can_be_reactivated":"no need"}`)
	for _, tt := range []struct {
		path, key string
		status    int
		message   string
	}{
		{"anna@b.example", w.school, 400, "?domain=school.example"},
		{"anna@b.example", w.staff, 400, "domain: say which"},
		{"anna@b.example" + of, w.shop, 404, "Domain not found"},
		{"anna@b.example" + of, "key-wrong", 401, "Invalid private key"},
		{"nobody" + of, w.school, 400, "there is no @"},
	} {
		if rec := w.read(path+tt.path, tt.key); rec.Code != tt.status || !strings.Contains(messageOf(rec), tt.message) {
			t.Errorf("%s: %d %s", tt.path, rec.Code, rec.Body)
		}
	}
	if rec := w.read(path+"anna@b.example"+of, w.staff); rec.Code != 200 {
		t.Errorf("the operator: %d %s", rec.Code, rec.Body)
	}
}

func TestVerificationIsStarted(t *testing.T) {
	w, letters := recipientWorld(t)
	for _, address := range []string{"anna@b.example", "full@b.example"} {
		w.list("school", "school.example", model.SuppressBounce, address, "", listedAt)
	}
	w.ok(w.store.AddSuppressions(t.Context(), []model.Suppression{{Kind: model.SuppressComplaint, Key: "op@b.example", Address: "op@b.example", Count: 1, CreatedAt: listedAt}}))
	const path, of = "/api/v1/recipients/", "/verify?domain=school.example"
	for _, tt := range []struct {
		address string
		status  int
		message string
	}{
		{"anna@b.example", 202, "on its way"},
		{"anna@b.example", 202, "on its way"},
		{"anna@b.example", 202, "on its way"},
		{"anna@b.example", 429, "several links"},
		{"bo@b.example", 409, "nothing to verify"},
		{"op@b.example", 409, "the operator"},
		{"full@b.example", 503, "try again"},
	} {
		if rec := w.verify(path+tt.address+of, w.school); rec.Code != tt.status || !strings.Contains(messageOf(rec), tt.message) {
			t.Errorf("%s: %d %s", tt.address, rec.Code, rec.Body)
		}
	}
	if len(*letters) != 3 || (*letters)[0].To != "anna@b.example" || (*letters)[0].Domain.Name != "school.example" {
		t.Errorf("letters %+v", *letters)
	}
}
