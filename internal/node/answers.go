package node

import (
	"context"
	"strings"

	"github.com/budkavle/budkavle/internal/edge/web"
	"github.com/budkavle/budkavle/internal/engine/consent"
	"github.com/budkavle/budkavle/internal/flow/digest"
	"github.com/budkavle/budkavle/internal/flow/feedback"
	"github.com/budkavle/budkavle/internal/flow/recipient"
	"github.com/budkavle/budkavle/internal/flow/suppression"
)

// startAnswers makes what takes the answers of the world: returned mail, and what recipients say on their page and by mail.
func (n *Node) startAnswers() error {
	n.recipients = recipient.New(recipient.Config{
		Store: n.store, Links: consent.NewLinks(n.ring), Clock: n.sys.Clock, IDs: n.ids, Log: n.sys.Log, BaseURL: strings.TrimRight(n.cfg.HTTP.BaseURL, "/"),
		Write: n.submit.WriteLetter,
	})
	n.suppression = suppression.New(suppression.Config{Store: n.store, Clock: n.sys.Clock, IDs: n.ids, Log: n.sys.Log})
	n.feedback = feedback.New(feedback.Config{
		Store: n.store, Queue: n.deliver, Paths: n.paths, Rules: n.rules, Links: consent.NewLinks(n.ring), Clock: n.sys.Clock, IDs: n.ids, Log: n.sys.Log,
		Covering: n.directory.Covering, Hostname: n.cfg.Node.Hostname, Expire: n.cfg.Delivery.Expire, Complaints: n.cfg.Feedback.ComplaintMailboxes,
		BulkReplies: n.cfg.Feedback.BulkReplies, Noticed: n.notify.Poke, Leave: n.leaveByMail, Mailboxes: n.reportMailboxes(),
	})
	var err error
	pages := web.Config{Recipients: n.recipients, Log: n.sys.Log}
	if n.cfg.Senders.Public {
		pages.Senders = n.addresses
	}
	n.web, err = web.New(pages)
	return err
}

// digests makes what tells accounts of their day.
func (n *Node) digests() *digest.Service {
	return digest.New(digest.Config{
		Store: n.store, Clock: n.sys.Clock, Log: n.sys.Log, Location: n.cfg.Feedback.Location(), Hour: n.cfg.Feedback.DigestHour, Write: n.submit.WriteLetter,
	})
}

func (n *Node) leaveByMail(ctx context.Context, token string) (known bool, err error) {
	_, err = n.recipients.Leave(ctx, token, false, recipient.ByMail)
	if recipient.Is(err, recipient.BadLink) {
		return false, nil
	}
	return err == nil, err
}
