-- +goose Up
-- Addresses that mail is sent from. A canonical address text is its key.
CREATE TABLE source_address (
	address TEXT COLLATE "C" PRIMARY KEY, state TEXT NOT NULL, helo TEXT NOT NULL, pool TEXT NOT NULL, node TEXT NOT NULL, note TEXT NOT NULL,
	ptr TEXT NOT NULL, ptr_fault TEXT NOT NULL, listed TEXT NOT NULL, revision BIGINT NOT NULL,
	created_at BIGINT NOT NULL, changed_at BIGINT NOT NULL, ready_at BIGINT NOT NULL, retires_at BIGINT NOT NULL, checked_at BIGINT NOT NULL, next_check BIGINT NOT NULL
);
-- What was said of them; numbers have no gaps, so that a subscriber's place is one number.
CREATE TABLE announcement (
	number BIGINT PRIMARY KEY, at BIGINT NOT NULL, address TEXT NOT NULL, previous TEXT NOT NULL, state TEXT NOT NULL, helo TEXT NOT NULL, effective BIGINT NOT NULL
);
CREATE TABLE subscriber (
	id BIGINT PRIMARY KEY, kind TEXT NOT NULL, target TEXT COLLATE "C" NOT NULL UNIQUE, language TEXT NOT NULL, sealed BYTEA NOT NULL,
	told BIGINT NOT NULL, attempts BIGINT NOT NULL, failure TEXT NOT NULL, next_try BIGINT NOT NULL, created_at BIGINT NOT NULL
);

-- +goose Down
SELECT 1;
