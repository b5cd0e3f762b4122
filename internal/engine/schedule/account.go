package schedule

import "github.com/budkavle/budkavle/internal/model"

// account is what is known of one account, with its lanes that are due and not at a path.
type account struct {
	id     model.AccountID
	weight int
	held   string // why nothing of it is sent; empty: it sends
	known  bool   // SetAccount was called
	uses   int    // lanes and flows that point here

	waiting [model.Classes]backlog // due, path unknown
	parked  queue[*lane]           // due, account held
	due     queue[*lane]           // every lane that is not asleep, for eviction
}

// backlog is the unrouted lanes of one account and class.
type backlog struct {
	member[*backlog]
	account *account
	lanes   queue[*lane]
}

func (s *Scheduler) account(id model.AccountID) *account {
	if a := s.accounts[id]; a != nil {
		return a
	}
	if len(s.accounts) >= s.cfg.MaxAccounts {
		s.forgetAccounts()
	}
	a := &account{id: id, weight: 1}
	for c := range a.waiting {
		a.waiting[c].init(&a.waiting[c], 1)
		a.waiting[c].account = a
	}
	s.accounts[id] = a
	return a
}

// forgetAccounts drops an eighth of the accounts, of those that nothing points to. They are learnt again.
func (s *Scheduler) forgetAccounts() {
	spare := s.cfg.MaxAccounts/8 + 1
	for id, a := range s.accounts {
		if a.uses == 0 && !a.waiting[0].node.listed() && !a.waiting[1].node.listed() {
			delete(s.accounts, id)
			if spare--; spare == 0 {
				return
			}
		}
	}
}

// AccountKnown reports whether SetAccount has told of the account.
func (s *Scheduler) AccountKnown(id model.AccountID) bool {
	a := s.accounts[id]
	return a != nil && a.known
}

// Accounts lists the accounts that SetAccount told of, in no order.
func (s *Scheduler) Accounts() []model.AccountID {
	var ids []model.AccountID
	for id, a := range s.accounts {
		if a.known {
			ids = append(ids, id)
		}
	}
	return ids
}

// SetAccount tells an account's weight against others, and why it is held back; empty means it is not. What is held
// is parked as it comes up; when the account is let go, its lanes are due at once.
func (s *Scheduler) SetAccount(id model.AccountID, weight int, held string) {
	a := s.account(id)
	a.known, a.weight, a.held = true, max(weight, 1), held
	for c := range a.waiting {
		a.waiting[c].weight = a.weight
	}
	if held != "" {
		return
	}
	for {
		l, ok := a.parked.pop()
		if !ok {
			return
		}
		s.toUnrouted(l)
	}
}
