-- +goose Up
CREATE TABLE account (
	id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL, reason TEXT NOT NULL, bulk INTEGER NOT NULL,
	operator INTEGER NOT NULL, weight INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE domain (
	id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, account INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
	waiver TEXT NOT NULL, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX domain_account ON domain (account, name);
CREATE TABLE signing_key (
	domain INTEGER NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL, state TEXT NOT NULL, public BLOB NOT NULL,
	sealed BLOB NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (domain, selector)
) STRICT, WITHOUT ROWID;
CREATE TABLE credential (
	username TEXT PRIMARY KEY, account INTEGER NOT NULL, domain INTEGER NOT NULL, salt BLOB NOT NULL, iterations INTEGER NOT NULL,
	stored_key BLOB NOT NULL, server_key BLOB NOT NULL, created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX credential_account ON credential (account, username);
CREATE TABLE api_key (
	id INTEGER PRIMARY KEY, account INTEGER NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX api_key_account ON api_key (account, id);

CREATE TABLE message (
	id INTEGER PRIMARY KEY, account INTEGER NOT NULL, domain INTEGER NOT NULL, domain_name TEXT NOT NULL, class INTEGER NOT NULL,
	origin TEXT NOT NULL, sender TEXT NOT NULL, size INTEGER NOT NULL, flags INTEGER NOT NULL, accepted_at INTEGER NOT NULL,
	not_before INTEGER NOT NULL, expires_at INTEGER NOT NULL, meta TEXT NOT NULL
) STRICT;
CREATE TABLE body (message INTEGER PRIMARY KEY, raw BLOB NOT NULL) STRICT;

-- Recipients of a message lie together. The queue is the three indexes with a condition: they hold what is not
-- settled and nothing else, so the history costs them nothing.
CREATE TABLE recipient (
	message INTEGER NOT NULL, n INTEGER NOT NULL, account INTEGER NOT NULL, class INTEGER NOT NULL, domain TEXT NOT NULL,
	address TEXT NOT NULL, state INTEGER NOT NULL, due INTEGER NOT NULL, lease INTEGER NOT NULL, attempts INTEGER NOT NULL,
	notify INTEGER NOT NULL, orcpt TEXT NOT NULL, last TEXT NOT NULL DEFAULT '', settled_at INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (message, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX recipient_waiting ON recipient (domain, class, account, due) WHERE state = 0;
CREATE INDEX recipient_leased ON recipient (lease) WHERE state = 1;
CREATE INDEX recipient_held ON recipient (account) WHERE state = 2;

CREATE TABLE notice (message INTEGER NOT NULL, n INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (message, n, kind)) STRICT, WITHOUT ROWID;
CREATE TABLE event (
	id INTEGER PRIMARY KEY, kind TEXT NOT NULL, at INTEGER NOT NULL, account INTEGER NOT NULL, domain INTEGER NOT NULL,
	message INTEGER NOT NULL, n INTEGER NOT NULL, recipient TEXT NOT NULL, data TEXT NOT NULL
) STRICT;
CREATE INDEX event_domain ON event (domain);
CREATE INDEX event_message ON event (message);

CREATE TABLE idempotency (account INTEGER NOT NULL, name TEXT NOT NULL, response BLOB NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (account, name)) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expires ON idempotency (expires_at);
-- Counters: what processes tell each other by, and the last numbers of accounts, domains and leases.
CREATE TABLE signal (name TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE lease (id INTEGER PRIMARY KEY, node TEXT NOT NULL, opened_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;

-- +goose Down
SELECT 1;
