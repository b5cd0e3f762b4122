-- +goose Up
ALTER TABLE account ADD COLUMN contact TEXT NOT NULL DEFAULT '';
-- Domains from before are due for a check at once.
ALTER TABLE domain ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN setup TEXT NOT NULL DEFAULT 'txt';
ALTER TABLE domain ADD COLUMN open BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN return_path BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN lacks TEXT NOT NULL DEFAULT '';
ALTER TABLE domain ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN owned_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN asked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN checked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN next_check BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain ADD COLUMN rotated_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX domain_next_check ON domain (next_check);
ALTER TABLE signing_key ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_key ADD COLUMN missed_at BIGINT NOT NULL DEFAULT 0;
UPDATE signing_key SET changed_at = created_at;
-- What the last check found stands apart: it is large, and a domain is read for every message.
CREATE TABLE domain_proof (domain BIGINT PRIMARY KEY, report BYTEA NOT NULL);

-- +goose Down
SELECT 1;
