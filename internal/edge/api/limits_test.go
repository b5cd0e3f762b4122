package api

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/flow/guard"
	"github.com/budkavle/budkavle/internal/model"
)

func newLimitWorld(t *testing.T, ordinary model.Limits) *world {
	w := newWorld(t)
	defaults := limit.Defaults{Ordinary: ordinary}
	w.submit.Limits = defaults
	w.Guard = guard.New(guard.Config{Store: w.store, Clock: clock.System{}, IDs: w.ids, Log: slog.New(slog.DiscardHandler), Limits: defaults})
	return w
}

// letter sends one and returns the status and what is said.
func (w *world) letter() (int, string, string) {
	kind, body := simple().urlencoded()
	rec := w.post("/v3/school.example/messages", w.school, kind, body)
	return rec.Code, rec.Body.String(), rec.Header().Get("Retry-After")
}

func TestLimitsByHTTP(t *testing.T) {
	w := newLimitWorld(t, model.Limits{HalfHour: 500})
	code, doc := w.asks(w.staff, "PUT", "/api/v1/accounts/school/limits", url.Values{"half_hour": {"none"}, "day": {"1"}, "recipients": {"20"}})
	if code != 200 {
		t.Fatalf("%d %v", code, doc)
	}
	w.asks(w.staff, "PUT", "/api/v1/accounts/school/limits", url.Values{"scope": {"domain"}, "name": {"School.example"}, "month": {"7"}})
	if code, body, _ := w.letter(); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	code, doc = w.asks(w.school, "GET", "/api/v1/accounts/school/limits", nil)
	one := map[string]any{"half_hour": 0.0, "day": 1.0, "month": 1.0}
	want := map[string]any{
		"account": map[string]any{"half_hour": -1.0, "day": 1.0, "recipients": 20.0},
		"rules": []any{
			map[string]any{"scope": "account", "half_hour": -1.0, "day": 1.0, "recipients": 20.0}, map[string]any{"scope": "domain", "name": "school.example", "month": 7.0},
		},
		"sent": []any{
			map[string]any{"scope": "account", "half_hour": one["half_hour"], "day": 1.0, "month": 1.0},
			map[string]any{"scope": "domain", "name": "school.example", "half_hour": one["half_hour"], "day": 1.0, "month": 1.0},
		},
	}
	if d := cmp.Diff(want, doc); code != 200 || d != "" {
		t.Errorf("%d (-want +got):\n%s", code, d)
	}
	code, body, retry := w.letter()
	if code != 429 || !strings.Contains(body, `has sent 1 of the 1 messages that it may in a day`) || retry == "" || retry == "0" {
		t.Errorf("the second of the day: %d %s, Retry-After %q", code, body, retry)
	}
}

func TestLockAndUnlockByHTTP(t *testing.T) {
	w := newLimitWorld(t, model.Limits{HalfHour: 1})
	w.letter()
	code, body, _ := w.letter()
	if code != 403 || !strings.Contains(body, "is locked: more than 1 messages in half an hour") {
		t.Fatalf("%d %s", code, body)
	}
	// The key that may be stolen does not unlock; a new one alone does.
	code, doc := w.asks(w.school, "POST", "/api/v1/accounts/school/unlock", nil)
	if code != 400 || !strings.Contains(fmt.Sprint(doc), "is older than the lock of school; remove it") {
		t.Errorf("%d %v", code, doc)
	}
	if code, doc := w.asks(w.shop, "POST", "/api/v1/accounts/school/unlock", nil); code != 404 {
		t.Errorf("by another account: %d %v", code, doc)
	}
	school, err := w.store.Account(t.Context(), "school")
	w.ok(err)
	keys, err := w.store.ListKeys(t.Context(), school.ID, 10)
	w.ok(err)
	_, fresh, err := w.desk.AddKey(t.Context(), "school", "new")
	w.ok(err)
	w.ok(w.desk.RemoveKey(t.Context(), keys[0].ID))
	if code, doc := w.asks(fresh, "POST", "/api/v1/accounts/school/unlock", nil); code != 200 || doc["state"] != "active" {
		t.Errorf("by the owner: %d %v", code, doc)
	}
	if code, doc := w.asks(w.staff, "POST", "/api/v1/accounts/school/unlock", nil); code != 400 || !strings.Contains(fmt.Sprint(doc), "is active, not locked") {
		t.Errorf("again: %d %v", code, doc)
	}
}

func TestRefusedCallsAboutLimits(t *testing.T) {
	w := newLimitWorld(t, model.Limits{})
	for _, tt := range []struct {
		name, key, method, path string
		form                    url.Values
		code                    int
		want                    string
	}{
		{"another's", w.shop, "GET", "/api/v1/accounts/school/limits", nil, 404, "Account not found: "},
		{"nobody's", w.staff, "GET", "/api/v1/accounts/none/limits", nil, 404, "Account not found: "},
		{"one's own, set", w.school, "PUT", "/api/v1/accounts/school/limits", url.Values{"day": {"7"}}, 403, "Only an operator's key"},
		{"no number", w.staff, "PUT", "/api/v1/accounts/school/limits", url.Values{"day": {"many"}}, 400, `day: "many": use a number from 1`},
		{"no scope", w.staff, "PUT", "/api/v1/accounts/school/limits", url.Values{"scope": {"town"}, "name": {"x"}, "day": {"7"}}, 400, `scope "town": use account, credential`},
		{"no name", w.staff, "PUT", "/api/v1/accounts/school/limits", url.Values{"scope": {"credential"}, "day": {"7"}}, 400, "a name goes with the scopes"},
		{"unknown field", w.staff, "PUT", "/api/v1/accounts/school/limits", url.Values{"hour": {"7"}}, 400, "hour"},
	} {
		code, doc := w.asks(tt.key, tt.method, tt.path, tt.form)
		if code != tt.code || !strings.Contains(fmt.Sprint(doc["message"]), tt.want) {
			t.Errorf("%s: %d %v; want %d with %q", tt.name, code, doc, tt.code, tt.want)
		}
	}
}
