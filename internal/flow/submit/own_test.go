package submit

import (
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// TestOwnServersNeedOwnershipOnly: once the account's own server was tested, a domain whose ownership is proved may send before its
// other records are there, unsigned until our keys are seen.
func TestOwnServersNeedOwnershipOnly(t *testing.T) {
	w := newWorld(t)
	school, err := w.store.Account(t.Context(), "school")
	w.ok(err)
	w.addDomain("school", "new.example", "")
	change := func(lacks ...string) {
		t.Helper()
		d, err := w.store.Domain(t.Context(), "new.example")
		w.ok(err)
		from := d.State
		d.State, d.Lacks, d.OwnedAt, d.CheckedAt = model.DomainWaiting, lacks, time.Now(), time.Now()
		w.ok(w.store.ChangeDomain(t.Context(), store.DomainChange{Domain: d, From: from}))
		w.Directory.Flush()
	}
	change("spf", "dkim")
	mail := func() (signed bool, err error) {
		t.Helper()
		e := to("anna@sink.example")
		e.Sender = "info@new.example"
		r, err := w.send(w.school(), e, Options{}, strings.ReplaceAll(text, "school.example", "new.example"))
		if err != nil {
			return false, err
		}
		_, _, raw := w.stored(r)
		return strings.Contains(raw, "DKIM-Signature: "), nil
	}
	if _, err := mail(); err == nil || smtp.AsError(err).Enhanced != "5.7.1" {
		t.Errorf("without an own server: %v", err)
	}
	w.ok(w.store.SetRoute(t.Context(), model.Route{Account: school.ID, Host: "smtp.new.example", Port: 587, TLS: smtp.TLSRequired, ChangedAt: time.Now()}))
	w.Directory.Flush()
	if _, err := mail(); err == nil {
		t.Error("with an own server that nobody has tested")
	}
	r, err := w.store.RouteOf(t.Context(), school.ID)
	w.ok(err)
	w.ok(w.store.TestedRoute(t.Context(), school.ID, r.Revision, model.RouteTested, "", time.Now()))
	w.Directory.Flush()
	if signed, err := mail(); err != nil || signed {
		t.Errorf("tested: signed %v, %v", signed, err)
	}
	change("spf")
	if signed, err := mail(); err != nil || !signed {
		t.Errorf("our keys are seen: signed %v, %v", signed, err)
	}
	change("ownership")
	if _, err := mail(); err == nil {
		t.Error("ownership is gone")
	}
}
