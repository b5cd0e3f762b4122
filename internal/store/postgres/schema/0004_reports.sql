-- +goose Up
-- Reports that are counted already, each once, and how many lines they brought.
CREATE TABLE report (
	domain BIGINT NOT NULL, kind TEXT COLLATE "C" NOT NULL, reporter TEXT COLLATE "C" NOT NULL, id TEXT COLLATE "C" NOT NULL, day BIGINT NOT NULL, at BIGINT NOT NULL,
	lines BIGINT NOT NULL, count BIGINT NOT NULL, PRIMARY KEY (domain, kind, reporter, id)
);
CREATE INDEX report_day ON report (day);
CREATE INDEX report_at ON report (domain, at);
-- What receivers saw on a day. All that tells messages apart is the key: the same seen by two reports is one row.
CREATE TABLE seen (
	domain BIGINT NOT NULL, day BIGINT NOT NULL, reporter TEXT COLLATE "C" NOT NULL, source TEXT COLLATE "C" NOT NULL, header_from TEXT COLLATE "C" NOT NULL, spf BIGINT NOT NULL, dkim BIGINT NOT NULL,
	disposition TEXT COLLATE "C" NOT NULL, forwarded BIGINT NOT NULL, envelope TEXT COLLATE "C" NOT NULL, spf_result TEXT COLLATE "C" NOT NULL, signer TEXT COLLATE "C" NOT NULL, selector TEXT COLLATE "C" NOT NULL,
	dkim_result TEXT COLLATE "C" NOT NULL, count BIGINT NOT NULL,
	PRIMARY KEY (domain, day, reporter, source, header_from, spf, dkim, disposition, forwarded, envelope, spf_result, signer, selector, dkim_result)
);
CREATE INDEX seen_day ON seen (day);
CREATE TABLE seen_tls (
	domain BIGINT NOT NULL, day BIGINT NOT NULL, reporter TEXT COLLATE "C" NOT NULL, policy TEXT COLLATE "C" NOT NULL, failure TEXT COLLATE "C" NOT NULL, count BIGINT NOT NULL,
	PRIMARY KEY (domain, day, reporter, policy, failure)
);
CREATE INDEX seen_tls_day ON seen_tls (day);
-- What this node delivered itself, counted once from the events of a day that is over.
CREATE TABLE sent (
	domain BIGINT NOT NULL, day BIGINT NOT NULL, delivered BIGINT NOT NULL, aligned BIGINT NOT NULL, PRIMARY KEY (domain, day)
);
CREATE INDEX sent_day ON sent (day);
CREATE TABLE stage (domain BIGINT PRIMARY KEY, looked BIGINT NOT NULL, policy TEXT COLLATE "C" NOT NULL, since BIGINT NOT NULL, proposed TEXT COLLATE "C" NOT NULL, proposed_at BIGINT NOT NULL);

-- +goose Down
SELECT 1;
