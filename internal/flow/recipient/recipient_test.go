package recipient

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/budkavle/budkavle/internal/base/clock"
	"github.com/budkavle/budkavle/internal/base/ident"
	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/engine/policy"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
	"github.com/budkavle/budkavle/internal/store/sqlite"
	"github.com/budkavle/budkavle/internal/store/sqlite/sqlitetest"
)

// desk is a Service over a store with the domain school.example of account 1, and the letters it wrote.
type desk struct {
	*Service
	store   store.Store
	domain  model.Domain
	clock   *hand
	letters []model.Letter
	fault   error // what Write answers
	log     bytes.Buffer
	t       *testing.T
}

// hand is a clock that is moved by hand.
type hand struct {
	clock.System
	now time.Time
}

func (h *hand) Now() time.Time { return h.now }

const anna = "Anna@sink.example"

func open(t *testing.T) *desk {
	t.Helper()
	st, err := sqlite.Open(context.Background(), sqlitetest.File(t), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{store: st, t: t, clock: &hand{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}}
	ids := ident.NewSource(clock.System{}, 1)
	d.Service = New(Config{
		Store: st, Links: consent.NewLinks(ring), Clock: d.clock, IDs: ids, Log: slog.New(slog.NewTextHandler(&d.log, nil)), BaseURL: "https://mail.example",
		Write: func(_ context.Context, l model.Letter) error {
			if d.fault == nil {
				d.letters = append(d.letters, l)
			}
			return d.fault
		},
	})
	d.domain, err = st.AddDomain(t.Context(), model.Domain{Name: "school.example", Account: 1, State: model.DomainLive}, nil, model.Event{ID: ids.Next(), Kind: model.EventDomain})
	d.ok(err)
	return d
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// link is the token of a message to anna, about the tag.
func (d *desk) link(tag string) string {
	d.t.Helper()
	token, err := d.Links.Make(consent.Claim{Purpose: consent.Leave, Account: 1, Domain: d.domain.ID, Address: anna, Tag: tag, Message: 77})
	d.ok(err)
	return token
}

func (d *desk) list(kind model.SuppressionKind, account model.AccountID, domain model.DomainID) {
	d.t.Helper()
	d.ok(d.store.AddSuppressions(d.t.Context(), []model.Suppression{{
		Account: account, Domain: domain, Kind: kind, Key: model.SuppressionKey(anna), Address: anna, Reason: "550 no such user", Count: 1, CreatedAt: d.clock.now,
	}}))
}

// events are those of anna, as "kind reason tag".
func (d *desk) events() string {
	d.t.Helper()
	evs, err := d.store.ListEvents(d.t.Context(), store.EventFilter{Account: 1, Recipient: "Anna@sink.example", Ascending: true, Limit: 100})
	d.ok(err)
	var list []string
	for _, e := range evs {
		list = append(list, strings.TrimSpace(string(e.Kind)+" "+e.Data.Reason+" "+e.Data.Tag))
	}
	return strings.Join(list, ", ")
}

func (d *desk) standing(want bool, ways Way) Standing {
	d.t.Helper()
	st, err := d.About(d.t.Context(), d.domain, "anna@SINK.example")
	d.ok(err)
	if st.Sending != want || st.Returns != ways {
		d.t.Fatalf("sending %v, returns %q; want %v, %q; entries %+v", st.Sending, st.Returns, want, ways, st.Entries)
	}
	return st
}

// verification is the token of the last letter.
func (d *desk) verification() string {
	d.t.Helper()
	if len(d.letters) == 0 {
		d.t.Fatal("no letter was sent")
	}
	l := d.letters[len(d.letters)-1]
	_, rest, ok := strings.Cut(l.Text, "https://mail.example/u/verify/")
	token, _, _ := strings.Cut(rest, "\n")
	if !ok || !l.Requested || l.To != anna || l.Domain.ID != d.domain.ID {
		d.t.Fatalf("letter %+v", l)
	}
	return token
}

func TestTheMailThatTheLinkWasInIsTold(t *testing.T) {
	d := open(t)
	st, err := d.Open(t.Context(), d.link("news"))
	if err != nil || st.Subject != "" || !st.SentAt.IsZero() {
		t.Errorf("mail that is not kept: %+v, %v", st, err)
	}
	d.ok(d.store.Accept(t.Context(), []store.Submission{{
		Message: model.Message{ID: 77, Account: 1, Domain: d.domain.ID, AcceptedAt: d.clock.now, Meta: model.Meta{Subject: "Närvaro"}}, Raw: []byte("\r\n"),
	}}, nil))
	st, err = d.Leave(t.Context(), d.link("news"), false, ByPage)
	if err != nil || st.Subject != "Närvaro" || !st.SentAt.Equal(d.clock.now) {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestOneKindOfMailIsStoppedAndStartedAgain(t *testing.T) {
	d := open(t)
	st, err := d.Leave(t.Context(), d.link("news"), false, ByClick)
	d.ok(err)
	if st.Sending || len(st.Entries) != 1 || st.Entries[0].Tag != "news" || !st.Entries[0].CreatedAt.Equal(d.clock.now) {
		t.Errorf("%+v", st)
	}
	d.clock.now = d.clock.now.Add(time.Hour)
	st, err = d.Leave(t.Context(), d.link("news"), false, ByMail)
	if err != nil || len(st.Entries) != 1 || d.events() != "unsubscribed one click news" {
		t.Errorf("twice: %+v, %v; events %s", st.Entries, err, d.events())
	}
	d.standing(false, AtOnce)
	st, sent, err := d.ComeBack(t.Context(), d.link("news"))
	if err != nil || sent || !st.Sending || d.events() != "unsubscribed one click news, returned page" || len(d.letters) != 0 {
		t.Errorf("%+v, %v, %v; events %s", st, sent, err, d.events())
	}
	if _, sent, err := d.ComeBack(t.Context(), d.link("news")); err != nil || sent {
		t.Errorf("twice: %v, %v", sent, err)
	}
}

func TestEverythingContainsEachKind(t *testing.T) {
	d := open(t)
	_, err := d.Leave(t.Context(), d.link("news"), true, ByPage)
	d.ok(err)
	st, err := d.Leave(t.Context(), d.link("offers"), false, ByPage)
	if err != nil || len(st.Entries) != 1 || st.Entries[0].Tag != "" {
		t.Errorf("%+v, %v", st, err)
	}
	_, err = d.Leave(t.Context(), d.link(""), false, ByClick)
	if err != nil || d.events() != "unsubscribed page" {
		t.Errorf("events %s, %v", d.events(), err)
	}
}

func TestALinkWithoutATagStopsBulkMailAlone(t *testing.T) {
	d := open(t)
	st, err := d.Leave(t.Context(), d.link(""), false, ByClick)
	if err != nil || st.Entries[0].Tag != policy.StreamTag {
		t.Errorf("%+v, %v", st, err)
	}
	// Then everything: both are taken back at once.
	_, err = d.Leave(t.Context(), d.link(""), true, ByPage)
	d.ok(err)
	st, _, err = d.ComeBack(t.Context(), d.link(""))
	if err != nil || !st.Sending || d.events() != "unsubscribed one click stream:bulk, unsubscribed page, returned page" {
		t.Errorf("%+v, %v; events %s", st, err, d.events())
	}
}

func TestABounceIsTakenBackByProof(t *testing.T) {
	d := open(t)
	d.list(model.SuppressBounce, 1, d.domain.ID+1) // found by another domain of the account
	d.list(model.SuppressComplaint, 1, d.domain.ID+1)
	st := d.standing(false, ByProof)
	if len(st.Entries) != 1 || st.Entries[0].Kind != model.SuppressBounce {
		t.Errorf("a complaint about another sender is not this one's affair: %+v", st.Entries)
	}
	d.list(model.SuppressComplaint, 1, d.domain.ID)
	_, sent, err := d.ComeBack(t.Context(), d.link("news"))
	if err != nil || !sent {
		t.Fatalf("%v, %v", sent, err)
	}
	d.standing(false, ByProof)
	token := d.verification()
	for range 3 { // a scanner looks
		if st, err := d.Peek(t.Context(), token); err != nil || st.Sending || st.Address != anna {
			t.Errorf("%+v, %v", st, err)
		}
	}
	if _, err := d.Open(t.Context(), token); !Is(err, BadLink) {
		t.Errorf("as a link of a message: %v", err)
	}
	if _, err := d.Prove(t.Context(), d.link("news")); !Is(err, BadLink) {
		t.Errorf("a link of a message as proof: %v", err)
	}
	st, err = d.Prove(t.Context(), token)
	if err != nil || !st.Sending || d.events() != "returned the address is proved" {
		t.Errorf("%+v, %v; events %s", st, err, d.events())
	}
	d.list(model.SuppressBounce, 1, d.domain.ID)
	if _, err := d.Prove(t.Context(), token); !Is(err, Used) {
		t.Errorf("a second time: %v", err)
	}
	d.standing(false, ByProof)
}

func TestVerificationRunsOutAndIsSentSeldom(t *testing.T) {
	d := open(t)
	d.list(model.SuppressBounce, 1, d.domain.ID)
	for range maxLinks {
		_, sent, err := d.ComeBack(t.Context(), d.link(""))
		if err != nil || !sent {
			t.Fatalf("%v, %v", sent, err)
		}
	}
	if _, _, err := d.ComeBack(t.Context(), d.link("")); !Is(err, TooMany) || len(d.letters) != maxLinks {
		t.Errorf("%d letters, %v", len(d.letters), err)
	}
	token := d.verification()
	d.clock.now = d.clock.now.Add(linkLife + time.Second)
	if _, err := d.Peek(t.Context(), token); !Is(err, Expired) {
		t.Errorf("after its day: %v", err)
	}
	if _, err := d.Prove(t.Context(), token); !Is(err, Expired) {
		t.Errorf("after its day: %v", err)
	}
	if _, sent, err := d.ComeBack(t.Context(), d.link("")); err != nil || !sent {
		t.Errorf("the next day: %v, %v", sent, err)
	}
}

func TestTheOperatorsListIsTheOperators(t *testing.T) {
	d := open(t)
	d.list(model.SuppressBounce, 0, 0)
	d.standing(false, Operator)
	if _, _, err := d.ComeBack(t.Context(), d.link("")); !Is(err, Final) || len(d.letters) != 0 {
		t.Errorf("%v", err)
	}
	if err := d.Verify(t.Context(), d.standing(false, Operator)); !Is(err, Final) {
		t.Errorf("%v", err)
	}
}

func TestBadLinksAndFaults(t *testing.T) {
	d := open(t)
	foreign, err := d.Links.Make(consent.Claim{Purpose: consent.Leave, Account: 2, Domain: d.domain.ID, Address: anna})
	d.ok(err)
	gone, err := d.Links.Make(consent.Claim{Purpose: consent.Leave, Account: 1, Domain: 99, Address: anna})
	d.ok(err)
	for _, token := range []string{"", "x", d.link("")[1:], foreign, gone} {
		if _, err := d.Open(t.Context(), token); !Is(err, BadLink) {
			t.Errorf("Open(%q): %v", token, err)
		}
		if _, err := d.Leave(t.Context(), token, true, ByPage); !Is(err, BadLink) {
			t.Errorf("Leave(%q): %v", token, err)
		}
	}
	if _, err := d.About(t.Context(), d.domain, "no address"); !Is(err, NoAddress) {
		t.Errorf("%v", err)
	}
	d.list(model.SuppressBounce, 1, d.domain.ID)
	d.fault = errors.New("no room")
	if _, _, err := d.ComeBack(t.Context(), d.link("")); !Is(err, Unavailable) {
		t.Errorf("%v", err)
	}
	d.ok(d.store.Close())
	if _, err := d.Leave(t.Context(), d.link(""), true, ByPage); !Is(err, Unavailable) {
		t.Errorf("without a store: %v", err)
	}
}
