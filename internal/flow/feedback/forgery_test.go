package feedback

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/budkavle/budkavle/internal/engine/bounce"
	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

// TestStrangersChangeNothing: whatever is put together from what strangers can know, sent to whatever address they can think
// of, nobody bounces, is listed or complains, and nothing is sent.
func TestStrangersChangeNothing(t *testing.T) {
	d := open(t, 2, model.StateDelivered, 0)
	forger := bounce.NewReturnPaths([]byte(strings.Repeat("f", 32)), bounceDomain)
	key := model.RecipientKey{Message: d.message.ID}
	forged := []string{forger.Make(key, false, ""), forger.Make(key, true, ""), flipped(d.path(0)), "b@" + bounceDomain, "info@school.example"}
	fields := []string{
		abuse, "Feedback-Type: opt-out\r\n", "Original-Rcpt-To: " + reader + "\r\n", "Original-Mail-From: <" + forged[0] + ">\r\n", "Removal-Recipient: " + reader + "\r\n",
		"Incidents: 1000000\r\n", "Source-IP: 192.0.2.7\r\n",
	}
	headers := []string{
		"Return-Path: <" + forged[1] + ">\r\n", messageID, "Received: from a by mail.school.example id " + (d.message.ID + 1).String() + "; x\r\n",
		"Feedback-ID: bulk:school.example:a1:bkabcdefgh\r\n", "List-Unsubscribe: <https://mail.school.example/u/" + strings.Repeat("A", 120) + ">\r\n",
		"X-HmXmrOriginalRecipient: " + reader + "\r\n", "Delivered-To: " + reader + "\r\n", d.trace(),
	}
	whole := []string{qmail, exim, swedishText, spam, wrapped, still, human, absence, riddle, machine, said(about(reader, "failed", "5.1.1"))}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SampledFrom(whole).Draw(t, "mail")
		if rapid.Bool().Draw(t, "complaint") {
			raw = feedback(strings.Join(rapid.SliceOf(rapid.SampledFrom(fields)).Draw(t, "fields"), ""), strings.Join(rapid.SliceOf(rapid.SampledFrom(headers)).Draw(t, "headers"), ""))
			// The two that must agree are known to nobody but recipients: strangers have one of them at most.
			if strings.Contains(raw, d.message.ID.String()) {
				raw = strings.ReplaceAll(raw, messageID, "")
			}
		}
		to := rapid.SampledFrom(append([]string{"abuse@" + bounceDomain, "fbl@" + bounceDomain, "unsubscribe@" + bounceDomain}, forged...)).Draw(t, "to")
		sender := rapid.SampledFrom([]string{"", reader, "eve@evil.example"}).Draw(t, "sender")
		_ = d.Receive(context.Background(), client, "evil.example", sender, []string{to}, []byte(d.fill(raw, forged[0], reader)))
	})
	evs, err := d.store.ListEvents(t.Context(), store.EventFilter{Account: 1, Limit: 10})
	d.ok(err)
	notices := d.notices()
	soft, err := d.store.SoftBounce(t.Context(), 1, reader)
	d.ok(err)
	if len(evs)+len(notices)+len(d.handed)+len(d.listed(reader))+soft.Days > 0 || d.recipient(0).State != model.StateDelivered || d.recipient(1).State != model.StateDelivered {
		t.Errorf("events %+v, notices %v, handed on %d, listed %+v, soft %+v", evs, notices, len(d.handed), d.listed(reader), soft)
	}
}

// FuzzReceive: whatever comes on a true return path moves at most its recipient, and what comes to the mailbox nobody.
func FuzzReceive(f *testing.F) {
	for _, raw := range []string{qmail, exim, swedishText, spam, wrapped, still, human, absence, riddle, machine, said(about(reader, "failed", "5.1.1")), feedback(abuse, messageID), ""} {
		f.Add(false, "", []byte(raw))
		f.Add(true, "user0@b.example", []byte(raw))
	}
	d := open(f, 2, model.StateDelivered, 0)
	f.Fuzz(func(t *testing.T, mailbox bool, sender string, raw []byte) {
		to := "abuse@" + bounceDomain
		if !mailbox {
			to = d.path(0)
		}
		_ = d.Receive(context.Background(), client, "mx.b.example", sender, []string{to}, raw)
		other, err := d.store.Recipient(context.Background(), model.RecipientKey{Message: d.message.ID, N: 1})
		if err != nil || other.State != model.StateDelivered {
			t.Fatalf("the other recipient is %v, %v", other.State, err)
		}
		list, err := d.store.Suppressed(context.Background(), 1, []string{"user1@b.example"})
		if err != nil || len(list) > 0 {
			t.Fatalf("the other recipient is listed: %+v, %v", list, err)
		}
	})
}
