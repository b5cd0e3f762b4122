-- +goose Up
-- What an account's people are not told by mail.
ALTER TABLE account ADD COLUMN quiet_bulk_dsn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN quiet_digest INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN quiet_replies INTEGER NOT NULL DEFAULT 0;
-- The last day that its contact was told of, such as 20261124, and until when a node is at it.
ALTER TABLE account ADD COLUMN digest_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN digest_claim INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_digest ON account (digest_day) WHERE contact <> '' AND quiet_digest = 0;

-- +goose Down
SELECT 1;
