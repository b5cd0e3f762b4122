package api

import (
	"strings"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
)

// event is an event in the words of Mailgun. What is not known is left out: its clients stumble over null and "".
type event struct {
	Event           string            `json:"event"`
	ID              string            `json:"id"`
	Timestamp       float64           `json:"timestamp"` // seconds since 1970
	LogLevel        string            `json:"log-level"`
	Severity        string            `json:"severity,omitempty"`
	Reason          string            `json:"reason,omitempty"`
	Recipient       string            `json:"recipient"`
	RecipientDomain string            `json:"recipient-domain"`
	Method          string            `json:"method,omitempty"`
	OriginatingIP   string            `json:"originating-ip,omitempty"`
	APIKeyID        string            `json:"api-key-id,omitempty"`
	Envelope        *envelope         `json:"envelope,omitempty"`
	DeliveryStatus  *deliveryStatus   `json:"delivery-status,omitempty"`
	Flags           map[string]bool   `json:"flags"`
	Tags            []string          `json:"tags"`
	Campaigns       []string          `json:"campaigns"`
	UserVariables   map[string]string `json:"user-variables"`
	Message         eventMessage      `json:"message"`
	Reject          *reject           `json:"reject,omitempty"`
}

type envelope struct {
	Sender    string `json:"sender,omitempty"`
	Transport string `json:"transport"`
	Targets   string `json:"targets"`
	SendingIP string `json:"sending-ip,omitempty"`
}

type deliveryStatus struct {
	Code           int     `json:"code"`
	Attempt        int     `json:"attempt-no"`
	Message        string  `json:"message"`
	Description    string  `json:"description"`
	SessionSeconds float64 `json:"session-seconds"`
	EnhancedCode   string  `json:"enhanced-code,omitempty"`
	MXHost         string  `json:"mx-host,omitempty"`
	RetrySeconds   int     `json:"retry-seconds,omitempty"`
	TLS            *bool   `json:"tls,omitempty"`
	BounceType     string  `json:"bounce-type,omitempty"`
}

type eventMessage struct {
	Headers     map[string]string  `json:"headers"`
	Attachments []model.Attachment `json:"attachments"`
	Size        int64              `json:"size"`
}

type reject struct {
	Reason      string `json:"reason"`
	Description string `json:"description"`
}

// Severities and reasons of failed.
const (
	temporary = "temporary"
	permanent = "permanent"
)

// wordsFor is the name, severity and reason of a kind; the empty name is for what Mailgun has no word for.
func wordsFor(ev *model.Event) (name, severity, reason string) {
	switch ev.Kind {
	case model.EventAccepted, model.EventRejected, model.EventDelivered, model.EventUnsubscribed, model.EventComplained:
		return string(ev.Kind), "", ""
	case model.EventDeferred:
		return "failed", temporary, "generic"
	case model.EventExpired:
		return "failed", permanent, "old"
	case model.EventCancelled:
		return "failed", permanent, "generic"
	case model.EventBounced:
		switch ev.Data.Code { // codes of our own for what was not tried
		case 605:
			return "failed", permanent, "suppress-bounce"
		case 606:
			return "failed", permanent, "suppress-unsubscribe"
		case 607:
			return "failed", permanent, "suppress-complaint"
		}
		if ev.Data.Reply == nil || ev.Data.Reply.Code == 0 && !ev.Data.Delayed {
			return "failed", permanent, "generic" // nobody refused it: no reason to doubt the address
		}
		return "failed", permanent, "bounce"
	}
	return "", "", ""
}

// render makes an event of its record and its message, of which nothing may be left.
func render(ev *model.Event, m *model.Message) event {
	e := event{
		ID: ev.ID.String(), Timestamp: float64(ev.At.UnixMicro()) / 1e6, LogLevel: "info", Recipient: ev.Recipient, RecipientDomain: address.DomainOf(ev.Recipient),
		Flags: map[string]bool{"is-authenticated": m.Meta.Credential != "", "is-test-mode": m.TestMode, "is-system-test": false, "is-routed": false},
		Tags:  notNil(m.Meta.Tags), Campaigns: []string{}, UserVariables: m.Meta.Variables,
		Message: eventMessage{Headers: headersOf(m), Attachments: notNil(m.Meta.Attachments), Size: m.Size},
	}
	if e.UserVariables == nil {
		e.UserVariables = map[string]string{}
	}
	e.Event, e.Severity, e.Reason = wordsFor(ev)
	switch e.Severity {
	case temporary:
		e.LogLevel = "warn"
	case permanent:
		e.LogLevel = "error"
		e.Flags["is-delayed-bounce"] = ev.Data.Delayed
	}
	e.Envelope = &envelope{Sender: m.Sender, Transport: "smtp", Targets: ev.Recipient}
	switch ev.Kind {
	case model.EventAccepted:
		e.Method, e.OriginatingIP, e.APIKeyID = strings.ToUpper(string(m.Origin)), m.Meta.Client, m.Meta.Credential
	case model.EventRejected:
		e.LogLevel, e.Reject = "warn", &reject{Reason: ev.Data.Class, Description: ev.Data.Reason}
	case model.EventUnsubscribed, model.EventComplained: // the recipient speaks, not a server
		e.Envelope = nil
	default:
		e.DeliveryStatus = statusOf(ev)
		if r := ev.Data.Reply; r != nil {
			e.Envelope.SendingIP = r.Source
		}
	}
	return e
}

func statusOf(ev *model.Event) *deliveryStatus {
	s := &deliveryStatus{Code: ev.Data.Code, Attempt: ev.Data.Attempt, Description: ev.Data.Reason, SessionSeconds: ev.Data.Session.Seconds()}
	if d := ev.Data.Delays; d != nil && s.SessionSeconds == 0 {
		s.SessionSeconds = (d.Connect + d.Send).Seconds()
	}
	if r := ev.Data.Reply; r != nil {
		s.Message, s.EnhancedCode, s.MXHost = r.Text, r.Enhanced, r.Host
		if s.Code == 0 {
			s.Code = r.Code
		}
		if r.Addr != "" {
			encrypted := r.TLS != ""
			s.TLS = &encrypted
		}
	}
	switch ev.Kind {
	case model.EventDeferred:
		if ev.Data.NextAt != nil {
			s.RetrySeconds = int(ev.Data.NextAt.Sub(ev.At) / time.Second)
		}
	case model.EventBounced:
		s.BounceType = "hard"
	}
	return s
}

// headersOf leaves out what the message does not have; Message-ID stands without angle brackets.
func headersOf(m *model.Message) map[string]string {
	h := map[string]string{}
	for name, value := range map[string]string{"to": m.Meta.To, "from": m.Meta.From, "subject": m.Meta.Subject, "message-id": m.Meta.MessageID} {
		if value != "" {
			h[name] = value
		}
	}
	return h
}

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
