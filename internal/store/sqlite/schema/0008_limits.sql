-- +goose Up
-- When a limit locked the account, whether its people were told (1: they are to be), and until when a node is at it.
ALTER TABLE account ADD COLUMN locked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN lock_untold INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN lock_claim INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_lock_untold ON account (id) WHERE lock_untold = 1;
CREATE TABLE limit_rule (
	account INTEGER NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, half_hour INTEGER NOT NULL, day INTEGER NOT NULL, month INTEGER NOT NULL,
	recipients INTEGER NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (account, scope, name)
) STRICT, WITHOUT ROWID;
-- Written only by who holds the row of the account.
CREATE TABLE meter (
	account INTEGER NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, recent BLOB NOT NULL, day INTEGER NOT NULL, today INTEGER NOT NULL,
	month INTEGER NOT NULL, in_month INTEGER NOT NULL, PRIMARY KEY (account, scope, name)
) STRICT;

-- +goose Down
SELECT 1;
