// Package schedule decides what is sent next. It holds a bounded window on the queue, which itself is on disk.
//
// What is resident:
//
//   - Lanes (recipient domain, class, account) that have waiting mail, each with the time its first mail is due. They
//     sleep in a timer wheel, then wait for a route, then at their path for a claim.
//   - Paths (source address and site): a concurrency window, a meter of what is sent, places taken by sessions.
//   - Handles: recipients leased from the store, in deficit round robin over class, then account, inside a path.
//
// A path is on the ready ring exactly when it has a handle, a free place in its window and a token, so a pick is a pop.
// A path that cannot send is on no ring; the one event that frees it (a place given back, a handle, its timer) puts
// it back. Timers are for lanes and paths, never for messages.
//
// Fairness has three parts. Turns: among accounts with mail on a path the deficit round robin of RFC 8290 4.1 and 4.2,
// in which an account that comes anew is served at once. Room: an account may fill a path's window only in proportion
// to what is still free (dynamic thresholds), and so may a path the whole window, so that who comes late always finds
// room. Places: when all sessions are taken and another path waits, a session gives way after some messages.
//
// Memory, with the defaults of Config: MaxLanes 100,000 × 0.4 KiB + MaxPaths 10,000 × 2 KiB + MaxHandles 20,000 ×
// 0.5 KiB + MaxAccounts 10,000 × 0.3 KiB = 73 MiB at most, whatever waits on disk. Lanes over the limit are forgotten,
// the farthest due first, and found again by the caller's sweep of the store: Overflowed tells it that there are some.
//
// The package does no I/O, keeps no clock and starts nothing: times are arguments and must not run backwards. It is
// not safe for concurrent use; its one owner (flow/deliver) serialises the calls. Nothing in it can fail: what finds
// no room is refused beforehand (Reserve), or asked for later (Refills).
package schedule
