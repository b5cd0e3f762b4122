// Package sqlstore is store.Store in SQL that SQLite and PostgreSQL share; the packages sqlite and postgres open it with
// what differs.
//
// All changes go through a group commit: a writer takes every change that waits, runs them in one transaction and
// syncs once. When one of them fails the transaction is rolled back and each is run again alone, so a bad
// change harms no other. Reads run beside it on connections of their own. The queue of changes is bounded; whoever
// finds it full waits. A fault is a *store.Error; nothing is retried here but what a neighbour spoiled, and a commit
// that was cut off so that nobody knows whether it happened: that is found out, for some seconds, before the caller is told.
//
// Times are microseconds since 1970, 0 for none. Enumerations and JSON are stored as model writes them.
package sqlstore
