// Package mtasts reads what a domain publishes so that mail to it travels encrypted to the right servers (RFC 8461): the record
// at _mta-sts, and the policy that is fetched by HTTPS.
//
// On failure: what cannot be read gives an error of wording that says where and what to change; a domain that could not be
// asked is for the caller to tell from one that has nothing. Fetch takes no detours: no redirect, no other type, no long
// answer, no wrong certificate. It keeps no policies; for how long one holds is the caller's to remember.
package mtasts
