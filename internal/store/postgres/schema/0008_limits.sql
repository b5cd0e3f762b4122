-- +goose Up
-- When a limit locked the account, whether its people were told (1: they are to be), and until when a node is at it.
ALTER TABLE account ADD COLUMN locked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN lock_untold BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN lock_claim BIGINT NOT NULL DEFAULT 0;
CREATE INDEX account_lock_untold ON account (id) WHERE lock_untold = 1;
CREATE TABLE limit_rule (
	account BIGINT NOT NULL, scope TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, half_hour BIGINT NOT NULL, day BIGINT NOT NULL, month BIGINT NOT NULL,
	recipients BIGINT NOT NULL, size BIGINT NOT NULL, PRIMARY KEY (account, scope, name)
);
-- Written only by who holds the row of the account.
CREATE TABLE meter (
	account BIGINT NOT NULL, scope TEXT COLLATE "C" NOT NULL, name TEXT COLLATE "C" NOT NULL, recent BYTEA NOT NULL, day BIGINT NOT NULL, today BIGINT NOT NULL,
	month BIGINT NOT NULL, in_month BIGINT NOT NULL, PRIMARY KEY (account, scope, name)
);

-- +goose Down
SELECT 1;
