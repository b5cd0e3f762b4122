package addresses

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const hook = "https://school.example/hook?key=secret"

func (w *world) subscribe(kind model.SubscriberKind, target string) string {
	w.t.Helper()
	_, secret, err := w.Subscribe(w.t.Context(), kind, target, "sv")
	w.ok(err)
	return secret
}

func (w *world) subscriber() model.Subscriber {
	w.t.Helper()
	list, err := w.store.ListSubscribers(w.t.Context())
	w.ok(err)
	return list[0]
}

// TestCallsAreSigned reads a call as a receiver of Mailgun's webhooks does.
func TestCallsAreSigned(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		secret := w.subscribe(model.SubscriberURL, hook)
		added := w.add(one, "")
		w.add(two, model.AddressActive)
		w.run(w.Service)
		pass(time.Minute)
		if len(w.out.seen().calls) != 2 {
			t.Fatalf("%d calls, want one for each address", len(w.out.seen().calls))
		}
		for i, c := range w.out.seen().calls {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(c.Signature.Timestamp + c.Signature.Token))
			if hex.EncodeToString(mac.Sum(nil)) != c.Signature.Signature || len(c.Signature.Token) != 50 || c.Signature.Timestamp != strconv.FormatInt(w.out.seen().at[i].Unix(), 10) {
				t.Errorf("signature %+v", c.Signature)
			}
		}
		d, e := w.out.seen().calls[0].Data, w.out.seen().calls[1].Data
		if d.Event != "source-address" || d.Address != one || d.State != model.AddressWarming || d.Helo != "mx1.example" || !d.Effective.Equal(added.ReadyAt.Truncate(time.Microsecond)) ||
			d.List != "https://mail.example/senders.json" || d.ID == e.ID || e.Address != two || w.out.seen().calls[0].Signature.Token == w.out.seen().calls[1].Signature.Token {
			t.Errorf("told %+v and %+v", d, e)
		}
		if u := w.subscriber(); u.Told != 2 || u.Attempts != 0 {
			t.Errorf("%+v", u)
		}
	})
}

// TestACallThatFailsIsMadeAgain: after 5, 10 and 15 minutes, 1, 2 and 4 hours, and then no more; what comes next is told.
func TestACallThatFailsIsMadeAgain(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.subscribe(model.SubscriberURL, hook)
		w.out.answer = func(context.Context, string) int { return http.StatusFound } // a redirect is not followed
		w.run(w.Service)
		w.add(one, "")
		pass(9 * hour)
		want := []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, hour, 2 * hour, 4 * hour}
		if len(w.out.seen().at) != len(want)+1 {
			t.Fatalf("%d calls", len(w.out.seen().at))
		}
		for i, pause := range want {
			if got := w.out.seen().at[i+1].Sub(w.out.seen().at[i]); got < pause || got > pause+tellPoll+time.Second {
				t.Errorf("pause %d is %v, want %v", i, got, pause)
			}
			if w.out.seen().calls[i].Data != w.out.seen().calls[i+1].Data || w.out.seen().calls[i].Signature == w.out.seen().calls[i+1].Signature {
				t.Errorf("call %d and the one before: %+v", i, w.out.seen().calls[i+1])
			}
		}
		w.wantEvents("192.0.2.1: warming", "school.example could not be told that 192.0.2.1 is warming: answered 302")
		if text := w.out.logged() + strings.Join(w.events(), ""); strings.Contains(text, "secret") {
			t.Errorf("the URL is in log or events:\n%s", text)
		}
		w.out.becomes(nil, nil)
		w.add(two, "")
		pass(time.Minute)
		if n := len(w.out.seen().calls); n != len(want)+2 || w.out.seen().calls[n-1].Data.Address != two {
			t.Errorf("%d calls, the last %+v", n, w.out.seen().calls[n-1].Data)
		}
	})
}

func TestACallThatIsNotWantedIsNotMadeAgain(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.subscribe(model.SubscriberURL, hook)
		w.out.answer = func(context.Context, string) int { return http.StatusNotAcceptable }
		w.run(w.Service)
		w.add(one, "")
		pass(hour)
		if u := w.subscriber(); len(w.out.seen().calls) != 1 || u.Told != 1 {
			t.Errorf("%d calls, %+v", len(w.out.seen().calls), u)
		}
	})
}

// TestWhoDoesNotAnswerDelaysNobody has more subscribers that hang than there are places, and one that does not.
func TestWhoDoesNotAnswerDelaysNobody(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		for i := range tellPlaces - 1 {
			w.subscribe(model.SubscriberURL, "https://slow"+strconv.Itoa(i)+".example/")
		}
		w.subscribe(model.SubscriberURL, "https://quick.example/")
		w.out.answer = func(ctx context.Context, host string) int {
			if host == "quick.example" {
				return http.StatusOK
			}
			<-ctx.Done()
			return 0
		}
		w.add(one, "")
		w.add(two, "")
		w.run(w.Service)
		pass(time.Second)
		if n := count(w.out.seen().hosts, "quick.example"); n != 2 {
			t.Errorf("who answers was called %d times in a second, want twice", n)
		}
		pass(tellTime)
		list, err := w.store.ListSubscribers(t.Context())
		w.ok(err)
		for _, u := range list {
			if slow := u.Target != "https://quick.example/"; slow != (u.Attempts == 1) || slow != (u.Told == 0) || slow && u.Failure != "context deadline exceeded" {
				t.Errorf("%+v", u)
			}
		}
	})
}

func count(list []string, s string) (n int) {
	for _, v := range list {
		if v == s {
			n++
		}
	}
	return n
}

// TestOneOfSeveralNodesTells: three services, one call; and what failed before a restart is made again after it, when it is due.
func TestOneOfSeveralNodesTells(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.subscribe(model.SubscriberURL, hook)
		w.out.answer = func(context.Context, string) int { return http.StatusServiceUnavailable }
		for range 3 {
			w.run(New(w.config))
		}
		w.add(one, "")
		pass(time.Minute)
		if len(w.out.seen().calls) != 1 {
			t.Fatalf("%d calls by three nodes", len(w.out.seen().calls))
		}
		w.stop()
		w.out.becomes(nil, nil)
		w.run(New(w.config))
		pass(3 * time.Minute)
		if len(w.out.seen().calls) != 1 {
			t.Errorf("a restart made the call before it was due")
		}
		pass(2 * time.Minute)
		if len(w.out.seen().calls) != 2 || w.out.seen().calls[0].Data != w.out.seen().calls[1].Data || w.subscriber().Told != 1 {
			t.Errorf("calls %+v", w.out.seen().calls)
		}
	})
}

// TestACallThatWasCutOffIsMadeAgain: who dies in the middle leaves a claim that ends.
func TestACallThatWasCutOffIsMadeAgain(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.subscribe(model.SubscriberURL, hook)
		w.out.answer = func(ctx context.Context, _ string) int { <-ctx.Done(); return 0 }
		w.add(one, "")
		w.run(New(w.config))
		pass(time.Second)
		w.stop()
		w.out.becomes(nil, nil)
		w.run(New(w.config))
		pass(tellClaim + tellPoll)
		if u := w.subscriber(); len(w.out.seen().calls) != 2 || u.Told != 1 || u.Attempts != 0 {
			t.Errorf("%d calls, %+v", len(w.out.seen().calls), u)
		}
	})
}

func TestALetterHoldsAllThatIsNew(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.add(two, model.AddressActive) // before anybody asked
		w.subscribe(model.SubscriberMail, "Anna@School.Example")
		w.out.fault = errors.New("452 out of room")
		w.run(w.Service)
		w.add(one, "")
		_, err := w.Set(t.Context(), two, Change{State: model.AddressRetiring})
		w.ok(err)
		pass(time.Minute)
		if u := w.subscriber(); u.Attempts != 1 || u.Failure != "452 out of room" || u.Told != 1 {
			t.Errorf("%+v", u)
		}
		w.out.becomes(nil, nil)
		pass(5 * time.Minute)
		if len(w.out.seen().letters) != 1 || w.out.seen().to[0] != "Anna@school.example" || w.subscriber().Told != 3 {
			t.Fatalf("letters to %q", w.out.seen().to)
		}
		if l := w.out.seen().letters[0]; strings.Count(l.text, "192.0.2.") != 2 || !strings.Contains(l.text, "192.0.2.2 tas ur drift ") || !strings.Contains(l.text, "https://mail.example/senders") {
			t.Errorf("%s\n%s", l.subject, l.text)
		}
	})
}

func TestWhoCannotBeTold(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		for _, tt := range []struct {
			kind         model.SubscriberKind
			target, lang string
			want         string
		}{
			{model.SubscriberMail, "anna", "sv", `"anna" is not a mail address`},
			{model.SubscriberMail, "anna@school.example", "de", `language "de"`},
			{model.SubscriberURL, "ftp://school.example/", "sv", "not a URL that can be told"},
			{model.SubscriberURL, "https://", "sv", "not a URL that can be told"},
			{model.SubscriberURL, "https://user:word@school.example/", "sv", "without user name"},
			{model.SubscriberURL, "https://school.example/#top", "sv", "and #"},
			{model.SubscriberURL, "https://school.example/" + strings.Repeat("x", maxURL), "sv", "at most 2000"},
			{model.SubscriberURL, "http://127.0.0.1/", "sv", "own network"},
			{model.SubscriberURL, "http://[::ffff:10.0.0.1]/", "sv", "own network"},
			{model.SubscriberURL, "http://0.0.0.0/", "sv", "own network"},
		} {
			if _, _, err := w.Subscribe(t.Context(), tt.kind, tt.target, tt.lang); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v, want %q", tt.target, err, tt.want)
			}
		}
		w.Service.Write = nil
		if _, _, err := w.Subscribe(t.Context(), model.SubscriberMail, "anna@school.example", "sv"); err == nil || !strings.Contains(err.Error(), "senders.from_domain") {
			t.Errorf("without a domain of our own: %v", err)
		}
		w.Inside = true
		w.subscribe(model.SubscriberURL, "http://127.0.0.1/")
		if _, _, err := w.Subscribe(t.Context(), model.SubscriberURL, "http://127.0.0.1/", "sv"); !store.Is(err, store.Exists) {
			t.Errorf("twice: %v", err)
		}
		w.ok(w.Unsubscribe(t.Context(), "http://127.0.0.1/"))
		if err := w.Unsubscribe(t.Context(), "http://127.0.0.1/"); !store.Is(err, store.NotFound) {
			t.Errorf("none there: %v", err)
		}
	})
}

// TestRetriesAreThoseOfMailgun holds the table.
func TestRetriesAreThoseOfMailgun(t *testing.T) {
	total := time.Duration(0)
	for _, d := range retries() {
		total += d
	}
	if total != 7*hour+30*time.Minute || !slices.IsSorted(retries()) {
		t.Errorf("%v in all", total)
	}
}
