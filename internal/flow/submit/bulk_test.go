package submit

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/base/keyring"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/message"
	"github.com/budkavle/budkavle/internal/standard/smtp"
	"github.com/budkavle/budkavle/internal/store"
)

// withWays lets the world's bulk mail carry links.
func (w *world) withWays() {
	w.t.Helper()
	ring, err := keyring.New(bytes.Repeat([]byte{7}, 32))
	w.ok(err)
	w.Ways = Ways{Links: consent.NewLinks(ring), BaseURL: "https://mail.example", Mailbox: "unsubscribe@bounce.example", Sender: SenderID("bounce.example")}
}

// sent is what became of one submission: all messages it was made into.
func (w *world) sent(domain string) (ms []model.Message, raws []string) {
	w.t.Helper()
	evs, err := w.store.ListEvents(w.t.Context(), store.EventFilter{Domain: w.domain(domain).ID, Kinds: []model.EventKind{model.EventAccepted}, Ascending: true, Limit: 1000})
	w.ok(err)
	for _, e := range evs {
		if len(ms) > 0 && ms[len(ms)-1].ID == e.Message {
			continue
		}
		m, _, raw := w.stored(Receipt{ID: e.Message})
		ms, raws = append(ms, m), append(raws, raw)
	}
	return ms, raws
}

func header(t *testing.T, raw string) message.Header {
	t.Helper()
	head, _, _ := strings.Cut(raw, "\r\n\r\n")
	h, err := message.Parse([]byte(head + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestEachRecipientOfBulkMailHasAWayOffOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.withWays()
	w.queue.free = 2
	w.list(model.SuppressComplaint, "b@sink.example", "")
	r, err := w.send(w.school(), to("a@sink.example", "b@sink.example", "c@sink.example"), Options{Class: model.ClassBulk, Tags: []string{"nyhets:brev", "x"}}, text)
	w.ok(err)
	ms, raws := w.sent("school.example")
	if len(ms) != 3 || ms[0].ID != r.ID {
		t.Fatalf("%d messages, receipt %v", len(ms), r.ID)
	}
	for i, m := range ms {
		to := fmt.Sprintf("%c@sink.example", 'a'+i)
		h := header(t, raws[i])
		ways := regexp.MustCompile(`<([^>]*)>`).FindAllStringSubmatch(h.Get("List-Unsubscribe"), -1)
		if len(ways) != 2 {
			t.Fatalf("List-Unsubscribe: %s", h.Get("List-Unsubscribe"))
		}
		token, mailto := strings.TrimPrefix(ways[0][1], "https://mail.example/u/"), ways[1][1]
		c, err := w.Ways.Links.Read(token, consent.Leave, m.AcceptedAt)
		want := consent.Claim{Purpose: consent.Leave, Account: m.Account, Domain: m.Domain, Address: to, Tag: "nyhets:brev", Message: m.ID}
		if err != nil || c != want || h.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" || mailto != "mailto:unsubscribe@bounce.example?subject="+token {
			t.Errorf("%s: %+v of %q, %v", to, c, ways, err)
		}
		if _, err := url.Parse(mailto); err != nil {
			t.Error(err)
		}
		if got := h.Get("Feedback-ID"); got != fmt.Sprintf("nyhets-brev:school.example:a%d:%s", m.Account, w.Ways.Sender) {
			t.Errorf("Feedback-ID %q", got)
		}
		if "<"+m.Meta.MessageID+">" != r.MessageID || !strings.HasSuffix(m.Meta.MessageID, ".3@school.example") {
			t.Errorf("Message-ID %q, receipt %q", m.Meta.MessageID, r.MessageID)
		}
		if signed := strings.ToLower(strings.Join(strings.Fields(h.Get("DKIM-Signature")), "")); strings.Count(signed, "list-unsubscribe:") != 2 ||
			strings.Count(signed, "list-unsubscribe-post") != 2 || !strings.Contains(signed, "feedback-id") {
			t.Errorf("signed are %s", signed)
		}
		w.verify(raws[i], "school.example")
		if !strings.HasSuffix(raws[i], "\r\n\r\nHej\r\n") || !strings.Contains(raws[i], "for <"+to+">") {
			t.Errorf("message %d:\n%s", i, raws[i])
		}
		_, rs, _ := w.stored(Receipt{ID: m.ID})
		if len(rs) != 1 || rs[0].Address != to || (rs[0].State == model.StateBounced) != (i == 1) {
			t.Errorf("recipients of %s: %+v", to, rs)
		}
	}
	w.released("afterwards")
}

func TestTheSendersOwnWayOffIsRespected(t *testing.T) {
	w := newWorld(t)
	w.withWays()
	own := "List-Unsubscribe: <mailto:off@school.example>\r\nFeedback-ID: a:b:c:school\r\n" + text
	_, err := w.send(w.school(), to("a@sink.example", "b@sink.example"), Options{Class: model.ClassBulk}, own)
	w.ok(err)
	_, raws := w.sent("school.example")
	if len(raws) != 1 || strings.Contains(raws[0], "mail.example/u/") || strings.Contains(raws[0], "\r\nList-Unsubscribe-Post:") || strings.Count(raws[0], "\r\nFeedback-ID:") != 1 {
		t.Errorf("%d messages:\n%s", len(raws), raws)
	}
}

func TestTransactionalMailHasNoListFields(t *testing.T) {
	w := newWorld(t)
	w.withWays()
	_, err := w.send(w.school(), to("a@sink.example", "b@sink.example"), Options{}, text)
	w.ok(err)
	if _, raws := w.sent("school.example"); len(raws) != 1 || regexp.MustCompile(`(?m)^(List-|Feedback-ID)`).MatchString(raws[0]) {
		t.Errorf("%d messages:\n%s", len(raws), raws)
	}
}

func TestCopiesAreOfTheMemoryThatAllShare(t *testing.T) {
	w := newWorld(t)
	w.withWays()
	long := text + strings.Repeat("Närvaro\r\n", 5000)
	addresses := []string{"a@sink.example", "b@sink.example", "c@sink.example", "d@sink.example"}
	_, err := w.send(w.school(), to(addresses...), Options{Class: model.ClassBulk}, long)
	refused(t, "four copies of 50 kB in 128 KiB", err, 452, "4.3.1", "try again later")
	w.nothing("four copies")
	many := make([]string, 2000)
	for i := range many {
		many[i] = fmt.Sprintf("r%d@sink.example", i)
	}
	_, err = w.send(w.school(), to(many...), Options{Class: model.ClassBulk}, long)
	refused(t, "more than may be made", err, 552, "5.3.4", "Send it to fewer at a time")
	w.nothing("more than may be made")
}

func TestBulkWaitsForTheSendersPTR(t *testing.T) {
	w := newWorld(t)
	w.withWays()
	proved := model.SourceAddress{Address: netip.MustParseAddr("192.0.2.1"), PTR: model.PTRProved}
	senders := []model.SourceAddress{proved}
	w.Senders = func() []model.SourceAddress { return senders }
	w.addDomain("school", "news.example", "known to the operator")
	_, err := w.send(w.school(), to("a@sink.example"), Options{Class: model.ClassBulk}, text)
	w.ok(err)
	d := w.domain("school.example")
	from := d
	d.Waiver = ""
	w.ok(w.store.ChangeDomain(t.Context(), store.DomainChange{Domain: d, From: from.State}))
	w.Directory.Flush()
	senders = append(senders, model.SourceAddress{Address: netip.MustParseAddr("192.0.2.2"), PTR: model.PTRMissing})
	_, err = w.send(w.school(), to("a@sink.example"), Options{Class: model.ClassBulk}, text)
	if e := smtp.AsError(err); err == nil || e.Code != 451 || e.Enhanced != "4.7.25" || !strings.Contains(e.Text, "192.0.2.2") {
		t.Fatalf("bulk: %v", err)
	}
	w.released("refused")
	for name, o := range map[string]Options{"transactional": {}, "a test": {Class: model.ClassBulk, TestMode: true}} {
		if _, err := w.send(w.school(), to("a@sink.example"), o, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	waived := strings.ReplaceAll(text, "info@school.example", "info@news.example")
	if _, err := w.send(w.school(), to("a@sink.example"), Options{Class: model.ClassBulk}, waived); err != nil {
		t.Errorf("a domain with a waiver: %v", err)
	}
}
