-- +goose Up
-- The lists lie in the order in which they are read out; the look-up of an address goes by the index.
CREATE TABLE suppression (
	account BIGINT NOT NULL, domain BIGINT NOT NULL, kind TEXT COLLATE "C" NOT NULL, address_key TEXT COLLATE "C" NOT NULL, tag TEXT COLLATE "C" NOT NULL, address TEXT NOT NULL,
	code TEXT NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, count BIGINT NOT NULL, created_at BIGINT NOT NULL,
	PRIMARY KEY (account, domain, kind, address_key, tag)
);
CREATE INDEX suppression_address ON suppression (address_key, account);
CREATE TABLE soft_bounce (
	account BIGINT NOT NULL, address_key TEXT COLLATE "C" NOT NULL, score DOUBLE PRECISION NOT NULL, days BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (account, address_key)
);
CREATE INDEX soft_bounce_at ON soft_bounce (at);

-- +goose Down
SELECT 1;
