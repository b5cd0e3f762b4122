// Package deliver takes mail from the queue to its receivers: it drives engine/schedule with claims from the store,
// routes from engine/route and sessions of engine/outbound, and settles what becomes of each recipient.
//
// Its goroutines, all owned by the Service: a clockwork that wakes the scheduler; some resolvers; one feeder, which
// claims for many lanes in one commit; one settler, which writes the outcomes of many sessions in one commit; a
// keeper of the lease; a sweeper over the store's lanes; and one worker for each session. The scheduler stands behind
// one mutex, held for microseconds: whoever changes something in it also hands out what that makes possible (turn).
//
// On failure: a fault of the store stops claims and lets outcomes wait, at most settleQueue batches, then the workers;
// nothing is lost, and nothing is sent again unless this process dies meanwhile. A receiver's fault is the outcome of
// a recipient. A message whose bytes are gone is bounced with an event that says so. Mail for a site that rests is
// deferred, told of as delayed and expired though it is not tried.
//
// A process whose lease ran out begins nothing until the store renews it. Half a lease later any other process on the
// store returns its mail to the queue; the first, if it lives, then drops what it holds and opens a new lease. The
// clocks of the processes must agree to within half a lease.
//
// Memory: the scheduler's (see there), Config.MaxBodies octets of message bytes (one message more than that at a time
// if a single one is larger), MaxPlans × 1.5 KiB of routes, and a session's buffers for each place.
//
// It does not decide what a reply means beyond RFC 5321's classes, writes no DSN (it leaves notices in the store) and
// knows nothing of how mail came in.
package deliver
