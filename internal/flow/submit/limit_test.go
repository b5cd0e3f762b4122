package submit

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/engine/limit"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
)

func (w *world) limited(ordinary model.Limits) (locked *atomic.Int64) {
	locked = &atomic.Int64{}
	w.Limits = limit.Defaults{Ordinary: ordinary}
	w.Locked = func() { w.Directory.Flush(); locked.Add(1) }
	return locked
}

// TestLockedAtTheNextMessage has fifty sessions send at once, each with the account as it was when they began.
func TestLockedAtTheNextMessage(t *testing.T) {
	w := newWorld(t)
	locked := w.limited(model.Limits{HalfHour: 100})
	p := w.school()
	var taken, refused atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		var txs []Transaction
		for range 3 {
			tx, err := w.begin(p, to("anna@sink.example"), Options{}, text)
			w.ok(err)
			txs = append(txs, tx)
		}
		wg.Go(func() {
			for _, tx := range txs {
				switch _, err := tx.Commit(t.Context()); {
				case err == nil:
					taken.Add(1)
				case smtp.AsError(err).Code == 550:
					refused.Add(1)
				default:
					t.Error(err)
				}
				tx.Abort()
			}
		})
	}
	wg.Wait()
	if taken.Load() != 100 || refused.Load() != 50 || locked.Load() != 1 {
		t.Errorf("%d taken, %d refused, locked %d times", taken.Load(), refused.Load(), locked.Load())
	}
	w.released("locked")
	err := w.CheckSender(t.Context(), w.school(), "info@school.example")
	refused550(t, "at MAIL", err)
	if err := w.WriteLetter(t.Context(), model.Letter{Domain: w.domain("school.example"), To: "x@sink.example", Subject: "Hej", Text: "Hej"}); err == nil {
		t.Error("a locked account writes letters")
	}
}

func refused550(t *testing.T, name string, err error) {
	t.Helper()
	refused(t, name, err, 550, "5.7.1", `Account "school" is locked: more than 100 messages in half an hour`)
}

func TestRecipientsCountAsMessages(t *testing.T) {
	w := newWorld(t)
	w.limited(model.Limits{HalfHour: 100, Day: 3, Recipients: 2})
	_, err := w.send(w.school(), to("a@sink.example", "b@sink.example", "c@sink.example"), Options{}, text)
	refused(t, "recipients of one message", err, 452, "4.5.3", `3 recipients, more than the 2 that account "school" may have`)
	_, err = w.send(w.school(), to("a@sink.example", "b@sink.example"), Options{}, text)
	w.ok(err)
	_, err = w.send(w.school(), to("a@sink.example", "b@sink.example"), Options{}, text)
	refused(t, "the day", err, 451, "4.7.1", `Account "school" has sent 2 of the 3 messages that it may in a day`)
	_, err = w.send(w.school(), to("a@sink.example", "b@sink.example"), Options{TestMode: true}, text)
	w.ok(err)
	w.ok(w.WriteLetter(t.Context(), model.Letter{Domain: w.domain("school.example"), To: "x@sink.example", Subject: "Hej", Text: "Hej"}))
	_, err = w.send(w.school(), to("a@sink.example"), Options{}, text)
	w.ok(err)
}

// TestSlowedAtMail: who was told that there is no room is told so at MAIL, until there is, or the rules change.
func TestSlowedAtMail(t *testing.T) {
	w := newWorld(t)
	w.limited(model.Limits{Day: 1})
	_, err := w.send(w.school(), to("a@sink.example"), Options{}, text)
	w.ok(err)
	const want = `Account "school" has sent 1 of the 1 messages that it may in a day`
	w.ok(w.CheckSender(t.Context(), w.school(), "info@school.example"))
	_, err = w.send(w.school(), to("a@sink.example"), Options{}, text)
	refused(t, "the second", err, 451, "4.7.1", want)
	refused(t, "at MAIL", w.CheckSender(t.Context(), w.school(), "info@school.example"), 451, "4.7.1", want)
	w.ok(w.WriteLetter(t.Context(), model.Letter{Domain: w.domain("school.example"), To: "x@sink.example", Subject: "Hej", Text: "Hej"}))
	if o := w.Directory.fullAt(w.account("school").ID, time.Now().Add(24*time.Hour)); o != nil {
		t.Errorf("the day after: %v", o)
	}
	w.Directory.Flush()
	w.ok(w.CheckSender(t.Context(), w.school(), "info@school.example"))
}

func TestRulesOfOneAccount(t *testing.T) {
	w := newWorld(t)
	w.limited(model.Limits{HalfHour: 1})
	school := w.account("school").ID
	for _, r := range []model.LimitRule{
		{Account: school, Scope: model.ScopeAccount, Limits: model.Limits{HalfHour: model.NoLimit, Size: 2000}},
		{Account: school, Scope: model.ScopeDomain, Name: "school.example", Limits: model.Limits{Month: 2}},
	} {
		w.ok(w.Store.SetLimit(t.Context(), r))
	}
	w.Directory.Flush()
	for range 2 {
		_, err := w.send(w.school(), to("a@sink.example"), Options{}, text)
		w.ok(err)
	}
	_, err := w.send(w.school(), to("a@sink.example"), Options{}, text)
	refused(t, "the domain's month", err, 451, "4.7.1", "The domain school.example has sent 2 of the 2 messages that it may in a month")
	_, err = w.send(w.school(), to("a@sink.example"), Options{}, text+string(make([]byte, 2000)))
	refused(t, "size", err, 552, "5.3.4", "2000")
	w.ok(w.Store.SetLimit(t.Context(), model.LimitRule{Account: school, Scope: model.ScopeDomain, Name: "school.example"}))
	w.Directory.Flush()
	_, err = w.send(w.school(), to("a@sink.example"), Options{StartedAt: time.Now()}, text)
	w.ok(err)
}
