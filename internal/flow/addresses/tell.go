package addresses

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/store"
)

const (
	tellPoll   = time.Minute      // between looks for somebody to be told, unless something was announced
	tellPlaces = 16               // told at the same time, so that those who do not answer keep nobody else waiting
	tellBatch  = 50               // announcements read at a time; a letter holds so many
	tellClaim  = 5 * time.Minute  // somebody is to be told again after, if whoever claimed it is gone
	tellTime   = 15 * time.Second // for one attempt
)

// retries are the pauses after failed attempts, as Mailgun's: 8 hours in all. After the last it is given up.
func retries() []time.Duration {
	return []time.Duration{5 * time.Minute, 10 * time.Minute, 15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour}
}

// tell tells subscribers what they have not been told.
func (s *Service) tell(ctx context.Context) {
	var telling sync.WaitGroup
	defer telling.Wait()
	places := make(chan struct{}, tellPlaces)
	failing := false
	for {
		var list []model.Subscriber
		if room := tellPlaces - len(places); room > 0 {
			now := s.Clock.Now()
			var err error
			if list, err = s.Store.ClaimSubscribers(ctx, now, now.Add(tellClaim), room); err != nil && !failing && ctx.Err() == nil {
				s.Log.Warn("subscribers: the store cannot be read; trying on", "error", err)
			}
			failing = err != nil
		}
		for _, u := range list {
			places <- struct{}{} // has room: no more were claimed
			telling.Go(func() {
				s.tellOne(ctx, u)
				<-places
				poke(s.due)
			})
		}
		if !s.pause(ctx, tellPoll, s.due) {
			return
		}
	}
}

// errRefused is a subscriber's word that an announcement is not to be told again.
var errRefused = errors.New("406 Not Acceptable: not to be told again")

// tellOne tells one subscriber the next announcements it has not been told, and notes what became of it. A letter holds
// them all, a call one.
func (s *Service) tellOne(ctx context.Context, u model.Subscriber) {
	list, err := s.Store.Announcements(ctx, u.Told, tellBatch)
	if err != nil || len(list) == 0 {
		return // due again when the claim ends
	}
	if u.Kind == model.SubscriberURL {
		list = list[:1]
	}
	attempt, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	err = s.attempt(attempt, &u, list)
	if ctx.Err() != nil {
		return
	}
	from, next := u.Told, list[len(list)-1].Number
	var ev *model.Event
	switch pauses := retries(); {
	case err == nil:
		u.Told, u.Attempts, u.Failure, u.NextTry = next, 0, "", s.Clock.Now()
	case u.Attempts < len(pauses) && !errors.Is(err, errRefused):
		u.Failure, u.NextTry = reason(err), s.Clock.Now().Add(pauses[u.Attempts])
		u.Attempts++
	default:
		gone := s.note(fmt.Sprintf("%s could not be told that %s is %s: %s", nameOf(&u), list[0].Address, list[0].To, reason(err)))
		u.Told, u.Attempts, u.Failure, u.NextTry, ev = next, 0, reason(err), s.Clock.Now(), &gone
		s.Log.Warn("a subscriber could not be told of a change of addresses", "subscriber", u.ID, "announcement", next, "error", reason(err))
	}
	if err := s.Store.ToldSubscriber(ctx, u, from, ev); err != nil && !store.Is(err, store.Conflict) && ctx.Err() == nil {
		s.Log.Warn("subscribers: an attempt could not be noted, and may be made again", "subscriber", u.ID, "error", err)
	}
}

func (s *Service) attempt(ctx context.Context, u *model.Subscriber, list []model.Announcement) error {
	if u.Kind == model.SubscriberURL {
		return s.post(ctx, u, &list[0])
	}
	if s.Write == nil {
		return errors.New("senders.from_domain is not set, so that no letter can be written")
	}
	l := s.announced(u.Language, list)
	return s.Write(ctx, u.Target, l.subject, l.text)
}

// nameOf names a subscriber where others may read it: what stands behind the host of a URL may be a secret.
func nameOf(u *model.Subscriber) string {
	if parsed, err := url.Parse(u.Target); err == nil && u.Kind == model.SubscriberURL {
		return parsed.Host
	}
	return u.Target
}

// maxReason bounds what is kept of a failure, part of which others may have written.
const maxReason = 300

func reason(err error) string {
	text := err.Error()
	return text[:min(len(text), maxReason)]
}
