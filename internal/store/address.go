package store

import (
	"context"
	"net/netip"
	"time"

	"github.com/budkavle/budkavle/internal/model"
)

// MaxAddresses is how many source addresses and how many subscribers there may be: all are held in memory and shown on one
// page. A thousand addresses send more than any operator's customers write.
const MaxAddresses = 1000

// Addresses keeps the addresses that mail is sent from, what was announced of them, and who is told.
type Addresses interface {
	// AddAddress stores a, its announcement (its Number is given here) and ev in one commit. Exists if it is there.
	AddAddress(ctx context.Context, a model.SourceAddress, said model.Announcement, ev model.Event) error
	Address(ctx context.Context, addr netip.Addr) (model.SourceAddress, error)
	// ListAddresses returns all, the older first; at most MaxAddresses.
	ListAddresses(ctx context.Context) ([]model.SourceAddress, error)
	// ChangeAddress stores c in one commit. Conflict if the address has changed since it was read.
	ChangeAddress(ctx context.Context, c AddressChange) error
	// RemoveAddress deletes a retired address; Conflict if it is not retired.
	RemoveAddress(ctx context.Context, addr netip.Addr, ev model.Event) error
	// ClaimAddresses returns at most limit addresses whose NextCheck is not after now, the longest due first, and moves that
	// to until, in one commit: no two callers get the same one.
	ClaimAddresses(ctx context.Context, now, until time.Time, limit int) ([]model.SourceAddress, error)
	// Announcements returns at most limit with numbers after the given one, by number.
	Announcements(ctx context.Context, after int64, limit int) ([]model.Announcement, error)
	// LastAnnouncement is the newest; the zero value if there is none.
	LastAnnouncement(ctx context.Context) (model.Announcement, error)

	// AddSubscriber stores s, who is told of what is announced from now on. Exists if the target is there.
	AddSubscriber(ctx context.Context, s model.Subscriber) error
	// ListSubscribers returns all, the older first; at most MaxAddresses.
	ListSubscribers(ctx context.Context) ([]model.Subscriber, error)
	RemoveSubscriber(ctx context.Context, target string) error
	// ClaimSubscribers returns at most limit subscribers who have something to be told and whose NextTry is not after now,
	// and moves that to until, in one commit: no two callers get the same one.
	ClaimSubscribers(ctx context.Context, now, until time.Time, limit int) ([]model.Subscriber, error)
	// ToldSubscriber records what became of an attempt: Told, Attempts, Failure and NextTry of s, and ev unless nil, in one
	// commit. Conflict if the subscriber is gone or Told is no longer from.
	ToldSubscriber(ctx context.Context, s model.Subscriber, from int64, ev *model.Event) error
}

// AddressChange is a change of one source address.
type AddressChange struct {
	// Address is as it is to be, with the Revision that was read. CreatedAt stays as it is.
	Address model.SourceAddress
	From    model.AddressState  // the state that was read; the new one must be it, or one it can become
	Said    *model.Announcement // nil: nothing that receivers need to know; its Number is given here
	Events  []model.Event
}
