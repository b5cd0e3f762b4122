-- +goose Up
-- Links that worked once, until they would have run out anyway.
CREATE TABLE redeemed (hash BYTEA PRIMARY KEY, expires_at BIGINT NOT NULL);
CREATE INDEX redeemed_expires ON redeemed (expires_at);
-- How often a recipient was sent a link lately.
CREATE TABLE verification (account BIGINT NOT NULL, address_key TEXT COLLATE "C" NOT NULL, since BIGINT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (account, address_key));
CREATE INDEX verification_since ON verification (since);

-- +goose Down
SELECT 1;
