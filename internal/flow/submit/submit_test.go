package submit

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

func TestCommitStoresASignedMessage(t *testing.T) {
	w := newWorld(t)
	e := to("Anna@SINK.example", "bo@räksmörgås.example")
	e.EnvelopeID, e.Return, e.Recipients[0].Notify, e.Recipients[0].ORcpt = "q1", model.ReturnHeaders, model.NotifyFailure, "rfc822;x@y.example"
	w.queue.free = 1
	begun := time.Now()
	r, err := w.send(w.school(), e, Options{Tags: []string{"närvaro"}, Variables: map[string]string{"k": "v"}}, text)
	w.ok(err)
	m, rs, raw := w.stored(r)
	if r.MessageID != "<"+r.ID.String()+"@school.example>" || m.Meta.MessageID != r.ID.String()+"@school.example" || !strings.Contains(raw, "Message-ID: "+r.MessageID+"\r\n") {
		t.Errorf("receipt %+v of %+v", r, m.Meta)
	}
	if m.Account != w.account("school").ID || m.Domain != w.domain("school.example").ID || m.DomainName != "school.example" || m.Sender != "info@school.example" ||
		m.Class != model.ClassTransactional || m.Origin != model.OriginSMTP || m.Size != int64(len(raw)) || m.TestMode || m.UTF8 || m.EightBit {
		t.Errorf("message %+v", m)
	}
	if m.AcceptedAt.Before(begun.Truncate(time.Microsecond)) || m.ExpiresAt.Sub(m.AcceptedAt) != w.Expire {
		t.Errorf("accepted %v, expires %v", m.AcceptedAt, m.ExpiresAt)
	}
	want := "{" + m.Meta.MessageID + " Närvaro Skolan <info@school.example> anna@sink.example [närvaro] map[k:v] [] 192.0.2.1 school-web q1 HDRS false }"
	if got := fmt.Sprint(m.Meta); got != want {
		t.Errorf("meta %s\nwant %s", got, want)
	}
	if len(rs) != 2 || rs[0].Address != "Anna@sink.example" || rs[0].Domain != "sink.example" || rs[1].Address != "bo@xn--rksmrgs-5wao1o.example" ||
		rs[0].Notify != model.NotifyFailure || rs[0].ORcpt != "rfc822;x@y.example" {
		t.Errorf("recipients %+v", rs)
	}
	if rs[0].State != model.StateLeased || rs[0].Lease != lease || rs[0].Attempts != 1 || rs[1].State != model.StateWaiting || rs[1].Attempts != 0 || !rs[1].Due.Equal(m.AcceptedAt) {
		t.Errorf("one place was free: %+v", rs)
	}
	evs, err := w.store.ListEvents(t.Context(), store.EventFilter{Message: r.ID, Ascending: true, Limit: 10})
	w.ok(err)
	if len(evs) != 2 || evs[1].Kind != model.EventAccepted || evs[1].N != 1 || evs[1].Recipient != rs[1].Address || evs[1].Domain != m.Domain {
		t.Errorf("events %+v", evs)
	}
	if len(w.queue.accepted) != 2 {
		t.Errorf("the queue was told of %v", w.queue.accepted)
	}
	w.verify(raw, "school.example")
	if received := "Received: from web1 ([192.0.2.1])\r\n\tby mx.example (TLS1.3)\r\n\twith ESMTPSA id " + r.ID.String() + "; "; !strings.Contains(raw, received) {
		t.Errorf("%s\nhas no\n%s", raw, received)
	}
	for _, word := range []string{"msg=accepted", "message=" + r.ID.String(), "account=1 account_name=school", "recipients=2", "class=transactional", "origin=smtp"} {
		if !strings.Contains(w.log.String(), word) {
			t.Errorf("log line %s has no %s", w.log, word)
		}
	}
	w.released("after the commit")
}

// verify wants two good signatures of the domain.
func (w *world) verify(raw, domain string) {
	w.t.Helper()
	records, err := w.desk.Records(w.t.Context(), w.domain(domain))
	w.ok(err)
	vs, err := dkim.VerifyWithOptions(strings.NewReader(raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		for _, r := range records {
			if r.Name == name+"." {
				return []string{r.Value}, nil
			}
		}
		return nil, errors.New("no record")
	}})
	if err != nil || len(vs) != 2 || vs[0].Err != nil || vs[1].Err != nil || vs[0].Domain != domain {
		w.t.Errorf("signatures %v, %v of\n%s", vs, err, raw)
	}
}

func TestWhoMaySendAsWhom(t *testing.T) {
	w := newWorld(t)
	w.addAccount("shop")
	w.addDomain("school", "sub.school.example", "test")
	w.addDomain("school", "waiting.example", "")
	w.addDomain("shop", "shop.example", "test")
	school := w.school()
	limited, sub := school, school
	limited.Domain, sub.Domain = w.domain("school.example").ID, w.domain("sub.school.example").ID
	shop := Principal{Account: w.account("shop"), Origin: model.OriginHTTP}
	for _, tt := range []struct {
		name         string
		who          Principal
		sender, from string
		want         string // "" is taken
		signs        string
	}{
		{"its own", school, "info@school.example", "info@school.example", "", "school.example"},
		{"case does not count", school, "info@SCHOOL.example", "Skolan <info@School.Example>", "", "school.example"},
		{"the null sender", school, "", "info@school.example", "", "school.example"},
		{"a subdomain without an entry is covered", school, "x@a.b.school.example", "x@c.school.example", "", "school.example"},
		{"a subdomain with one signs itself", school, "info@school.example", "x@d.sub.school.example", "", "sub.school.example"},
		{"two From addresses, the first signs", school, "info@school.example", "a@sub.school.example, b@school.example", "", "sub.school.example"},
		{"limited, its own", limited, "info@school.example", "info@www.school.example", "", "school.example"},
		{
			"nobody's sender", school, "info@else.example", "info@school.example",
			`The envelope sender info@else.example is not of a domain of account "school". Add its domain to the account first, or send as one of the account's domains`, "",
		},
		{"nobody's From", school, "info@school.example", "Rektor <x@else.example>", `The From address x@else.example is not of a domain of account "school"`, ""},
		{"another account's", school, "info@school.example", "info@shop.example", `The From address info@shop.example is not of a domain of account "school"`, ""},
		{"another account's, the other way", shop, "info@shop.example", "info@school.example", `The From address info@school.example is not of a domain of account "shop"`, ""},
		{"the second From address", school, "info@school.example", "a@school.example, b@shop.example", "The From address b@shop.example is not of", ""},
		{"within a group", school, "info@school.example", "Alla: a@school.example, b@shop.example;", "The From address b@shop.example", ""},
		{"a name that looks like its own", school, "info@school.example", `"info@school.example" <x@else.example>`, "The From address x@else.example", ""},
		{"a domain that ends alike", school, "x@myschool.example", "info@school.example", "The envelope sender x@myschool.example", ""},
		{"the domain above", school, "info@school.example", "x@example", "The From address x@example is not of", ""},
		{"an address literal", school, "x@[192.0.2.1]", "info@school.example", "The envelope sender x@[192.0.2.1] is not of", ""},
		{"limited, another domain", limited, "info@school.example", "x@sub.school.example", "The From address x@sub.school.example is not of the domain that this credential may send for", ""},
		{"limited to the subdomain", sub, "info@school.example", "x@sub.school.example", "The envelope sender info@school.example is not of the domain that this credential may send for", ""},
		{
			"not live", school, "info@school.example", "x@waiting.example",
			"The From address x@waiting.example is of the domain waiting.example, which may not send yet: it is added: its DNS records have not been looked up yet", "",
		},
	} {
		e := to("anna@sink.example")
		e.Sender = tt.sender
		r, err := w.send(tt.who, e, Options{}, strings.Replace(text, "Skolan <info@school.example>", tt.from, 1))
		if tt.want != "" {
			refused(t, tt.name, err, 550, "5.7.1", tt.want)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		m, _, raw := w.stored(r)
		if m.DomainName != tt.signs {
			t.Errorf("%s: owned by %s, want %s", tt.name, m.DomainName, tt.signs)
		}
		w.verify(raw, tt.signs)
	}
}

func TestCheckSender(t *testing.T) {
	w := newWorld(t)
	school := w.school()
	for _, tt := range []struct {
		sender         string
		code           int
		enhanced, want string
	}{
		{"", 0, "", ""},
		{"info@school.example", 0, "", ""},
		{"info@shop.example", 550, "5.7.1", "The envelope sender info@shop.example"},
		{"info", 553, "5.1.7", `The envelope sender "info" is not an e-mail address: there is no @`},
	} {
		err := w.CheckSender(t.Context(), school, tt.sender)
		if tt.code == 0 && err != nil {
			t.Errorf("%q: %v", tt.sender, err)
		} else if tt.code != 0 {
			refused(t, tt.sender, err, tt.code, tt.enhanced, tt.want)
		}
	}
	if err := w.CheckRecipient(t.Context(), school, "anna@sink.example"); err != nil {
		t.Error(err)
	}
	refused(t, "recipient", w.CheckRecipient(t.Context(), school, "anna@"), 553, "5.1.3", `The recipient "anna@" is not an e-mail address`)
	for state, want := range map[model.AccountState]string{
		model.AccountSuspended: `Account "school" is suspended: unpaid. Ask the operator`,
		model.AccountLocked:    `Account "school" is locked: unpaid. Change its passwords`,
	} {
		p := school
		p.Account.State, p.Account.Reason = state, "unpaid"
		refused(t, string(state), w.CheckSender(t.Context(), p, ""), 550, "5.7.1", want)
		_, err := w.send(p, to("a@sink.example"), Options{}, text)
		refused(t, string(state), err, 550, "5.7.1", want)
	}
	w.disk = errors.New("/data has 3 MiB free")
	refused(t, "disk", w.CheckSender(t.Context(), school, ""), 421, "4.3.1", "Out of room for mail now, try again later")
	_, err := w.send(school, to("a@sink.example"), Options{}, text)
	refused(t, "disk", err, 421, "4.3.1", "Out of room")
	if smtp.AsError(err).Text != "Out of room for mail now, try again later" {
		t.Errorf("the peer is told %q", smtp.AsError(err).Text)
	}
	w.nothing("refused before the message")
}

func TestBadEnvelopesAndMessages(t *testing.T) {
	w := newWorld(t)
	w.queue.free = 10
	many := make([]string, 5001)
	for i := range many {
		many[i] = fmt.Sprintf("r%d@sink.example", i)
	}
	for _, tt := range []struct {
		name           string
		e              Envelope
		text           string
		code           int
		enhanced, want string
	}{
		{"nobody", to(), text, 554, "5.5.1", "no valid recipient"},
		{"over 5,000", to(many...), text, 452, "4.5.3", "5001 recipients, more than 5000"},
		{"a recipient that is none", to("anna@sink.example", "bo"), text, 553, "5.1.3", `The recipient "bo"`},
		{"a sender that is none", Envelope{Sender: "x", Recipients: to("a@b.example").Recipients}, text, 553, "5.1.7", `The envelope sender "x"`},
		{"a From that is none", to("a@b.example"), "From: a b@school.example\r\n\r\n", 550, "5.1.7", `The From address "a b@school.example"`},
		{"no From", to("a@b.example"), "To: x\r\n\r\n", 550, "5.6.0", "no From field"},
		{"From with an empty group", to("a@b.example"), "From: Skolan:;\r\n\r\n", 550, "5.6.0", "The From field"},
		{"a bare LF", to("a@b.example"), text + "a\nb\r\n", 550, "5.6.11", "stands alone"},
		{"a loop", to("a@b.example"), strings.Repeat("Received: x\r\n", 51) + text, 554, "5.4.6", "loop"},
		{"too large", to("a@b.example"), text + strings.Repeat("x", maxSize), 552, "5.3.4", "larger than 65536 octets"},
	} {
		_, err := w.send(w.school(), tt.e, Options{}, tt.text)
		refused(t, tt.name, err, tt.code, tt.enhanced, tt.want)
		w.nothing(tt.name)
	}
	if r, err := w.send(w.school(), to(many[:5000]...), Options{}, text); err != nil {
		t.Error(err)
	} else if _, rs, _ := w.stored(r); len(rs) != 5000 {
		t.Errorf("%d of 5000 recipients stored", len(rs))
	}
}

func TestAWriteThatFailedEndsTheMessage(t *testing.T) {
	w := newWorld(t)
	tx, err := w.begin(w.school(), to("a@b.example"), Options{}, text)
	w.ok(err)
	for range 2 {
		_, err = tx.Write(make([]byte, maxSize))
		refused(t, "too large", err, 552, "5.3.4", "")
	}
	_, err = tx.Write([]byte("x"))
	refused(t, "after a refusal", err, 552, "5.3.4", "")
	_, err = tx.Commit(t.Context())
	refused(t, "commit", err, 552, "5.3.4", "")
	tx.Abort()
	tx.Abort()
	w.nothing("aborted")
}

func TestDuplicatesAreFolded(t *testing.T) {
	w := newWorld(t)
	r, err := w.send(w.school(), to("anna@sink.example", "anna@SINK.example", `"anna"@sink.example`, "Anna@sink.example", "bo@sink.example"), Options{}, text)
	w.ok(err)
	_, rs, _ := w.stored(r)
	var got []string
	for i, r := range rs {
		got = append(got, r.Address)
		if r.N != i {
			t.Errorf("recipient %d has number %d", i, r.N)
		}
	}
	// Local parts that differ in case may be different mailboxes (RFC 5321 2.4).
	if strings.Join(got, " ") != "anna@sink.example Anna@sink.example bo@sink.example" {
		t.Errorf("recipients %v", got)
	}
	r, err = w.send(w.school(), to("anna@sink.example", "anna@sink.example"), Options{}, text)
	w.ok(err)
	if _, _, raw := w.stored(r); !strings.Contains(raw, "\tfor <anna@sink.example>; ") {
		t.Errorf("Received of a message to one:\n%s", raw)
	}
}

func TestClassAndTimes(t *testing.T) {
	w := newWorld(t)
	cleared := w.school()
	cleared.Account.Bulk = true
	many := make([]string, 51)
	for i := range many {
		many[i] = fmt.Sprintf("r%d@sink.example", i)
	}
	list := "List-Id: <news.school.example>\r\n" + text
	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	for _, tt := range []struct {
		name    string
		who     Principal
		to      []string
		o       Options
		text    string
		class   model.Class
		expires time.Duration
	}{
		{"one", cleared, many[:1], Options{}, text, model.ClassTransactional, w.Expire},
		{"to many", cleared, many, Options{}, text, model.ClassBulk, w.ExpireBulk},
		{"looks like a list", cleared, many[:1], Options{}, list, model.ClassBulk, w.ExpireBulk},
		{"said to be bulk", w.school(), many[:1], Options{Class: model.ClassBulk}, text, model.ClassBulk, w.ExpireBulk},
		{"not cleared", w.school(), many, Options{}, list, model.ClassTransactional, w.Expire},
		{"later", w.school(), many[:1], Options{NotBefore: later}, text, model.ClassTransactional, w.Expire + time.Hour},
		{"test", w.school(), many[:1], Options{TestMode: true}, text, model.ClassTransactional, w.Expire},
	} {
		w.queue.free = 1000
		r, err := w.send(tt.who, to(tt.to...), tt.o, tt.text)
		w.ok(err)
		m, rs, _ := w.stored(r)
		if m.Class != tt.class || rs[0].Class != tt.class || m.TestMode != tt.o.TestMode {
			t.Errorf("%s: class %v, recipient's %v, test %v", tt.name, m.Class, rs[0].Class, m.TestMode)
		}
		if d := m.ExpiresAt.Sub(m.AcceptedAt) - tt.expires; d < -time.Minute || d > time.Minute {
			t.Errorf("%s: expires %v after acceptance", tt.name, m.ExpiresAt.Sub(m.AcceptedAt))
		}
		if tt.o.NotBefore.IsZero() {
			if rs[0].State != model.StateLeased {
				t.Errorf("%s: %v", tt.name, rs[0].State)
			}
		} else if !m.NotBefore.Equal(later) || !rs[0].Due.Equal(later) || rs[0].State != model.StateWaiting {
			t.Errorf("%s: not before %v, due %v, %v", tt.name, m.NotBefore, rs[0].Due, rs[0].State)
		}
	}
}

func TestUTF8IsNeededOnlyIfItWasAskedFor(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		asked  bool
		header string
		want   bool
	}{{true, "Å: x\r\n", true}, {true, "A: x\r\n", false}, {false, "X: \xe5\r\n", false}, {false, "X: å\r\n", false}} {
		header := strings.Replace(tt.header, "Å:", "X: å", 1)
		e := to("åsa@sink.example")
		e.UTF8 = tt.asked
		r, err := w.send(w.school(), e, Options{}, header+text)
		w.ok(err)
		if m, _, _ := w.stored(r); m.UTF8 != tt.want {
			t.Errorf("%+v: needs SMTPUTF8 %v", tt, m.UTF8)
		}
	}
}

func TestOriginsThatAreNotSMTPTellNothingOfTheirClient(t *testing.T) {
	w := newWorld(t)
	p := w.school()
	p.Origin, p.Helo, p.Client = model.OriginHTTP, "", netip.MustParseAddr("198.51.100.7")
	r, err := w.send(p, to("anna@sink.example"), Options{}, text)
	w.ok(err)
	m, _, raw := w.stored(r)
	if strings.Contains(raw, "198.51.100.7") || !strings.Contains(raw, "with HTTP id") || m.Meta.Client != "198.51.100.7" {
		t.Errorf("%+v\n%s", m.Meta, raw)
	}
}
