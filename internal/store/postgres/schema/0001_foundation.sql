-- +goose Up
CREATE TABLE account (
	id BIGINT PRIMARY KEY, name TEXT COLLATE "C" NOT NULL UNIQUE, state TEXT NOT NULL, reason TEXT NOT NULL, bulk BIGINT NOT NULL,
	operator BIGINT NOT NULL, weight BIGINT NOT NULL, created_at BIGINT NOT NULL
);
CREATE TABLE domain (
	id BIGINT PRIMARY KEY, name TEXT COLLATE "C" NOT NULL UNIQUE, account BIGINT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
	waiver TEXT NOT NULL, created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL
);
CREATE INDEX domain_account ON domain (account, name);
CREATE TABLE signing_key (
	domain BIGINT NOT NULL, selector TEXT NOT NULL, algorithm TEXT NOT NULL, state TEXT NOT NULL, public BYTEA NOT NULL,
	sealed BYTEA NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (domain, selector)
);
CREATE TABLE credential (
	username TEXT COLLATE "C" PRIMARY KEY, account BIGINT NOT NULL, domain BIGINT NOT NULL, salt BYTEA NOT NULL, iterations BIGINT NOT NULL,
	stored_key BYTEA NOT NULL, server_key BYTEA NOT NULL, created_at BIGINT NOT NULL
);
CREATE INDEX credential_account ON credential (account, username);
CREATE TABLE api_key (
	id BIGINT PRIMARY KEY, account BIGINT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL, hash BYTEA NOT NULL UNIQUE, created_at BIGINT NOT NULL
);
CREATE INDEX api_key_account ON api_key (account, id);

CREATE TABLE message (
	id BIGINT PRIMARY KEY, account BIGINT NOT NULL, domain BIGINT NOT NULL, domain_name TEXT NOT NULL, class BIGINT NOT NULL,
	origin TEXT NOT NULL, sender TEXT NOT NULL, size BIGINT NOT NULL, flags BIGINT NOT NULL, accepted_at BIGINT NOT NULL,
	not_before BIGINT NOT NULL, expires_at BIGINT NOT NULL, meta TEXT NOT NULL
);
CREATE TABLE body (message BIGINT PRIMARY KEY, raw BYTEA NOT NULL);

-- Recipients of a message lie together. The queue is the three indexes with a condition: they hold what is not
-- settled and nothing else, so the history costs them nothing.
CREATE TABLE recipient (
	message BIGINT NOT NULL, n BIGINT NOT NULL, account BIGINT NOT NULL, class BIGINT NOT NULL, domain TEXT COLLATE "C" NOT NULL,
	address TEXT NOT NULL, state BIGINT NOT NULL, due BIGINT NOT NULL, lease BIGINT NOT NULL, attempts BIGINT NOT NULL,
	notify BIGINT NOT NULL, orcpt TEXT NOT NULL, last TEXT NOT NULL DEFAULT '', settled_at BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (message, n)
);
CREATE INDEX recipient_waiting ON recipient (domain, class, account, due, message, n) WHERE state = 0;
CREATE INDEX recipient_leased ON recipient (lease) WHERE state = 1;
CREATE INDEX recipient_held ON recipient (account) WHERE state = 2;

CREATE TABLE notice (message BIGINT NOT NULL, n BIGINT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (message, n, kind));
CREATE TABLE event (
	id BIGINT PRIMARY KEY, kind TEXT NOT NULL, at BIGINT NOT NULL, account BIGINT NOT NULL, domain BIGINT NOT NULL,
	message BIGINT NOT NULL, n BIGINT NOT NULL, recipient TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX event_domain ON event (domain, id);
CREATE INDEX event_message ON event (message, id);

CREATE TABLE idempotency (account BIGINT NOT NULL, name TEXT NOT NULL, response BYTEA NOT NULL, expires_at BIGINT NOT NULL, PRIMARY KEY (account, name));
CREATE INDEX idempotency_expires ON idempotency (expires_at);
-- Counters: what processes tell each other by, and the last numbers of accounts, domains and leases.
CREATE TABLE signal (name TEXT PRIMARY KEY, count BIGINT NOT NULL);
CREATE TABLE lease (id BIGINT PRIMARY KEY, node TEXT NOT NULL, opened_at BIGINT NOT NULL, expires_at BIGINT NOT NULL);

-- +goose Down
SELECT 1;
