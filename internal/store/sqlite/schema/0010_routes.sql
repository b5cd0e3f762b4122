-- +goose Up
-- Accounts' own servers as the way out of their mail, and how many recipients were counted on the last day there were any.
CREATE TABLE route (
	account INTEGER PRIMARY KEY, preset TEXT NOT NULL, host TEXT NOT NULL, port INTEGER NOT NULL, tls TEXT NOT NULL, username TEXT NOT NULL, sealed BLOB NOT NULL,
	contact TEXT NOT NULL, connections INTEGER NOT NULL, per_minute INTEGER NOT NULL, per_day INTEGER NOT NULL, fallback TEXT NOT NULL,
	state TEXT NOT NULL, tested_at INTEGER NOT NULL, test_note TEXT NOT NULL, failing_since INTEGER NOT NULL, fault TEXT NOT NULL,
	day INTEGER NOT NULL, sent INTEGER NOT NULL, changed_at INTEGER NOT NULL, revision INTEGER NOT NULL
) STRICT;

-- +goose Down
SELECT 1;
