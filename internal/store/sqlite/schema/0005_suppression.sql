-- +goose Up
-- The lists lie in the order in which they are read out; the look-up of an address goes by the index.
CREATE TABLE suppression (
	account INTEGER NOT NULL, domain INTEGER NOT NULL, kind TEXT NOT NULL, address_key TEXT NOT NULL, tag TEXT NOT NULL, address TEXT NOT NULL,
	code TEXT NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, count INTEGER NOT NULL, created_at INTEGER NOT NULL,
	PRIMARY KEY (account, domain, kind, address_key, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX suppression_address ON suppression (address_key, account);
CREATE TABLE soft_bounce (
	account INTEGER NOT NULL, address_key TEXT NOT NULL, score REAL NOT NULL, days INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account, address_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX soft_bounce_at ON soft_bounce (at);

-- +goose Down
SELECT 1;
