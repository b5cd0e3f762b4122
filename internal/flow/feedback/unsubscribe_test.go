package feedback

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/budkavle/budkavle/internal/model"
)

const token = "dGhlIHRva2Vu-_" + "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA"

// asked makes the desk take mails that unsubscribe, and remembers which tokens were asked about.
func asked(d *desk) *[]string {
	var list []string
	c := d.Config
	c.Leave = func(_ context.Context, t string) (bool, error) {
		list = append(list, t)
		return t == token, nil
	}
	d.Service = New(c)
	return &list
}

func TestMailUnsubscribes(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	list := asked(d)
	half := len(token) / 2
	for subject, want := range map[string]bool{
		token:                             true,
		"Re: " + token:                    true,
		"Sv: Re: " + token + " ":          true,
		"\r\n " + token:                   true,
		token[:20] + "\r\n " + token[20:]: true,
		"=?utf-8?q?" + strings.ReplaceAll(token[:half], "_", "=5F") + "?=\r\n =?utf-8?q?" + strings.ReplaceAll(token[half:], "_", "=5F") + "?=": true,
		"unsubscribe " + token:        true,
		token + " (avregistrering)":   true,
		"unsubscribe":                 false,
		"":                            false,
		"Re: Re: Re:":                 false,
		token[1:]:                     false,
		strings.Repeat("word ", 1000): false,
	} {
		*list = nil
		err := d.receive("Unsubscribe@"+bounceDomain, "From: anna@b.example\r\nSubject: "+subject+"\r\n\r\n\r\n")
		if got := slices.Contains(*list, token); err != nil || got != want || len(*list) > 2 {
			t.Errorf("subject %q: unsubscribed %v with %d questions, %v; want %v", subject, got, len(*list), err, want)
		}
	}
	if strings.Contains(d.log.String(), token[1:]) {
		t.Errorf("a token is in the log:\n%s", d.log.String())
	}
}

func TestUnsubscribeMailboxIsOneOfFew(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	if err := d.CheckRecipient(t.Context(), "unsubscribe@"+bounceDomain); err == nil {
		t.Error("taken though nobody unsubscribes")
	}
	asked(d)
	for mailbox, want := range map[string]bool{
		"unsubscribe@" + bounceDomain: true, "UNSUBSCRIBE@" + strings.ToUpper(bounceDomain): true,
		"unsubscribe@school.example": false, "unsubscribe+x@" + bounceDomain: false, "abuse@" + bounceDomain: true, "Fbl@" + bounceDomain: true,
	} {
		if err := d.CheckRecipient(t.Context(), mailbox); (err == nil) != want {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
}

func TestAutomaticAnswersDoNotUnsubscribe(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	list := asked(d)
	for field, want := range map[string]int{"auto-replied": 0, "Auto-Replied; reason=vacation": 0, "auto-generated": 1, "no": 1} {
		*list = nil
		if err := d.receive("unsubscribe@"+bounceDomain, "Auto-Submitted: "+field+"\r\nSubject: "+token+"\r\n\r\n"); err != nil || len(*list) != want {
			t.Errorf("%s: asked %d, %v", field, len(*list), err)
		}
	}
}

func TestFaultWhileUnsubscribingKeepsTheMailWithThePeer(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	c := d.Config
	c.Leave = func(context.Context, string) (bool, error) { return false, errors.New("no store") }
	d.Service = New(c)
	if err := d.receive("unsubscribe@"+bounceDomain, "Subject: x\r\n\r\n"); err == nil || !strings.Contains(err.Error(), "451") {
		t.Errorf("%v", err)
	}
}

// TestReportAndUnsubscriptionTogether: one transaction may have both kinds of recipients.
func TestReportAndUnsubscriptionTogether(t *testing.T) {
	d := open(t, 1, model.StateDelivered, 0)
	list := asked(d)
	raw := strings.Replace(said(about("user0@b.example", "failed", "5.1.1")), "From:", "Subject: "+token+"\r\nFrom:", 1)
	if err := d.Receive(t.Context(), client, "mx.b.example", "", []string{"unsubscribe@" + bounceDomain, d.path(0)}, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	if len(*list) != 1 || d.recipient(0).State != model.StateBounced {
		t.Errorf("asked %d, state %s", len(*list), d.recipient(0).State)
	}
}
