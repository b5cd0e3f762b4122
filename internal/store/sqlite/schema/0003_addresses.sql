-- +goose Up
-- Addresses that mail is sent from. A canonical address text is its key.
CREATE TABLE source_address (
	address TEXT PRIMARY KEY, state TEXT NOT NULL, helo TEXT NOT NULL, pool TEXT NOT NULL, node TEXT NOT NULL, note TEXT NOT NULL,
	ptr TEXT NOT NULL, ptr_fault TEXT NOT NULL, listed TEXT NOT NULL, revision INTEGER NOT NULL,
	created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, ready_at INTEGER NOT NULL, retires_at INTEGER NOT NULL, checked_at INTEGER NOT NULL, next_check INTEGER NOT NULL
) STRICT;
-- What was said of them; numbers have no gaps, so that a subscriber's place is one number.
CREATE TABLE announcement (
	number INTEGER PRIMARY KEY, at INTEGER NOT NULL, address TEXT NOT NULL, previous TEXT NOT NULL, state TEXT NOT NULL, helo TEXT NOT NULL, effective INTEGER NOT NULL
) STRICT;
CREATE TABLE subscriber (
	id INTEGER PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL UNIQUE, language TEXT NOT NULL, sealed BLOB NOT NULL,
	told INTEGER NOT NULL, attempts INTEGER NOT NULL, failure TEXT NOT NULL, next_try INTEGER NOT NULL, created_at INTEGER NOT NULL
) STRICT;

-- +goose Down
SELECT 1;
