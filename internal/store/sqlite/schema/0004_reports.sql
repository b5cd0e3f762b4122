-- +goose Up
-- Reports that are counted already, each once, and how many lines they brought.
CREATE TABLE report (
	domain INTEGER NOT NULL, kind TEXT NOT NULL, reporter TEXT NOT NULL, id TEXT NOT NULL, day INTEGER NOT NULL, at INTEGER NOT NULL,
	lines INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (domain, kind, reporter, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_day ON report (day);
CREATE INDEX report_at ON report (domain, at);
-- What receivers saw on a day. All that tells messages apart is the key: the same seen by two reports is one row.
CREATE TABLE seen (
	domain INTEGER NOT NULL, day INTEGER NOT NULL, reporter TEXT NOT NULL, source TEXT NOT NULL, header_from TEXT NOT NULL, spf INTEGER NOT NULL, dkim INTEGER NOT NULL,
	disposition TEXT NOT NULL, forwarded INTEGER NOT NULL, envelope TEXT NOT NULL, spf_result TEXT NOT NULL, signer TEXT NOT NULL, selector TEXT NOT NULL,
	dkim_result TEXT NOT NULL, count INTEGER NOT NULL,
	PRIMARY KEY (domain, day, reporter, source, header_from, spf, dkim, disposition, forwarded, envelope, spf_result, signer, selector, dkim_result)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_day ON seen (day);
CREATE TABLE seen_tls (
	domain INTEGER NOT NULL, day INTEGER NOT NULL, reporter TEXT NOT NULL, policy TEXT NOT NULL, failure TEXT NOT NULL, count INTEGER NOT NULL,
	PRIMARY KEY (domain, day, reporter, policy, failure)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_tls_day ON seen_tls (day);
-- What this node delivered itself, counted once from the events of a day that is over.
CREATE TABLE sent (
	domain INTEGER NOT NULL, day INTEGER NOT NULL, delivered INTEGER NOT NULL, aligned INTEGER NOT NULL, PRIMARY KEY (domain, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_day ON sent (day);
CREATE TABLE stage (domain INTEGER PRIMARY KEY, looked INTEGER NOT NULL, policy TEXT NOT NULL, since INTEGER NOT NULL, proposed TEXT NOT NULL, proposed_at INTEGER NOT NULL) STRICT;

-- +goose Down
SELECT 1;
