// Package model holds the nouns of Budkavle and the changes they may undergo: accounts and their
// domains, credentials and keys; messages, recipients and events.
//
// It is plain data and pure functions: no storage, no network, no policy. A change of state that is
// not listed in a transition table is a programming error, which the table's CanBecome method lets
// the stores refuse by compare-and-set. It does not say how anything is stored (internal/store) nor
// who may do what (internal/engine/policy).
package model
