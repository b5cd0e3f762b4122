-- +goose Up
-- Accounts' own servers as the way out of their mail, and how many recipients were counted on the last day there were any.
CREATE TABLE route (
	account BIGINT PRIMARY KEY, preset TEXT NOT NULL, host TEXT NOT NULL, port BIGINT NOT NULL, tls TEXT NOT NULL, username TEXT NOT NULL, sealed BYTEA NOT NULL,
	contact TEXT NOT NULL, connections BIGINT NOT NULL, per_minute BIGINT NOT NULL, per_day BIGINT NOT NULL, fallback TEXT NOT NULL,
	state TEXT NOT NULL, tested_at BIGINT NOT NULL, test_note TEXT NOT NULL, failing_since BIGINT NOT NULL, fault TEXT NOT NULL,
	day BIGINT NOT NULL, sent BIGINT NOT NULL, changed_at BIGINT NOT NULL, revision BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
