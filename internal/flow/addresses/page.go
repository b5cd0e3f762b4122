package addresses

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/budkavle/budkavle/internal/model"
	"github.com/budkavle/budkavle/internal/standard/address"
	"github.com/budkavle/budkavle/internal/store"
)

// Page is what the public list says besides addresses.
type Page struct {
	URL          string // of the list for people; ".json" and ".txt" behind it are the others
	Contact      string // mail address for questions; empty: none
	BounceDomain string // of envelope senders
	Signs        string // the operator's own sender domain; empty: none
	ReturnLabel  string // first label of the bounce domains that sender domains have of their own
}

// retiredShown is for how long the list names addresses that are not in use any longer.
const retiredShown = 90 * 24 * time.Hour

// Sheet is the public list: what somebody needs who lets our mail through. It names no customer.
type Sheet struct {
	Changed    time.Time         `json:"changed,omitzero"` // the last change; zero: never
	NoticeDays int               `json:"notice_days"`
	Contact    string            `json:"contact,omitempty"`
	Addresses  []Entry           `json:"addresses"`
	EHLO       []string          `json:"ehlo"`
	Envelope   string            `json:"envelope_domain"`       // envelope senders are of it or below it
	Signs      string            `json:"dkim_domain,omitempty"` // d= of the operator's own mail
	Domain     *DomainSheet      `json:"domain,omitempty"`      // that was asked for
	Links      map[string]string `json:"links"`
}

// Entry is one address of the list.
type Entry struct {
	Address netip.Addr         `json:"address"`
	State   model.AddressState `json:"state"`
	Since   time.Time          `json:"since"`
	ReadyAt time.Time          `json:"full_use_from,omitzero"` // of a warming one
	Retires time.Time          `json:"retires,omitzero"`       // of a retiring or retired one
	EHLO    string             `json:"ehlo"`
}

// InUse reports whether mail comes from it.
func (e Entry) InUse() bool { return e.State != model.AddressRetired }

// DomainSheet is what mail of one sender domain carries.
type DomainSheet struct {
	Name      string   `json:"name"`
	Envelope  string   `json:"envelope_domain"`
	Selectors []string `json:"dkim_selectors"`
}

// Sheet makes the list; domain, unless empty, is a sender domain whose facts belong to it. NotFound if that is not one that
// may send.
func (s *Service) Sheet(ctx context.Context, domain string) (Sheet, error) {
	now := s.Clock.Now()
	p := s.Page
	sheet := Sheet{
		NoticeDays: int(s.Notice / (24 * time.Hour)), Contact: p.Contact, Addresses: []Entry{}, EHLO: []string{}, Envelope: p.BounceDomain, Signs: p.Signs,
		Links: map[string]string{"html": p.URL, "json": p.URL + ".json", "text": p.URL + ".txt"},
	}
	for _, a := range s.known() {
		if e, ok := s.entry(&a, now); ok {
			sheet.Addresses = append(sheet.Addresses, e)
			if sheet.Changed.Before(e.Since) {
				sheet.Changed = e.Since
			}
			if e.InUse() && !slices.Contains(sheet.EHLO, e.EHLO) {
				sheet.EHLO = append(sheet.EHLO, e.EHLO)
			}
		}
	}
	order := []model.AddressState{model.AddressActive, model.AddressWarming, model.AddressRetiring, model.AddressRetired}
	slices.SortStableFunc(sheet.Addresses, func(a, b Entry) int { return slices.Index(order, a.State) - slices.Index(order, b.State) })
	last, err := s.Store.LastAnnouncement(ctx)
	if err != nil {
		return sheet, err
	}
	if sheet.Changed.Before(last.At) {
		sheet.Changed = last.At
	}
	if domain != "" {
		sheet.Domain, err = s.domainSheet(ctx, domain)
	}
	return sheet, err
}

func (s *Service) entry(a *model.SourceAddress, now time.Time) (Entry, bool) {
	e := Entry{Address: a.Address, State: a.State, Since: a.ChangedAt.UTC(), EHLO: cmp.Or(a.Helo, a.Node, s.Hostname)}
	switch a.State {
	case model.AddressWarming:
		e.ReadyAt = a.ReadyAt.UTC()
	case model.AddressRetiring:
		e.Retires = a.RetiresAt.UTC()
		if !a.Sends(now) { // its last day is over; the watch has yet to write it down
			e.State = model.AddressRetired
		}
	case model.AddressRetired:
		e.Retires = a.RetiresAt.UTC()
		return e, now.Sub(a.ChangedAt) < retiredShown
	}
	return e, true
}

func (s *Service) domainSheet(ctx context.Context, name string) (*DomainSheet, error) {
	unknown := &store.Error{Kind: store.NotFound, Op: "sender domain"}
	ascii, err := address.ParseDomain(name)
	if err != nil {
		return nil, unknown
	}
	d, err := s.Store.Domain(ctx, ascii)
	if err != nil {
		return nil, err
	}
	if !d.State.MaySend() {
		return nil, unknown
	}
	sheet := &DomainSheet{Name: d.Name, Envelope: s.Page.BounceDomain, Selectors: []string{}}
	if d.ReturnPath {
		sheet.Envelope = s.Page.ReturnLabel + "." + d.Name
	}
	keys, err := s.Store.SigningKeys(ctx, d.ID)
	for _, k := range keys {
		if k.State == model.KeyActive {
			sheet.Selectors = append(sheet.Selectors, k.Selector)
		}
	}
	return sheet, err
}
