-- +goose Up
-- Links that worked once, until they would have run out anyway.
CREATE TABLE redeemed (hash BLOB PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX redeemed_expires ON redeemed (expires_at);
-- How often a recipient was sent a link lately.
CREATE TABLE verification (account INTEGER NOT NULL, address_key TEXT NOT NULL, since INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (account, address_key)) STRICT, WITHOUT ROWID;
CREATE INDEX verification_since ON verification (since);

-- +goose Down
SELECT 1;
