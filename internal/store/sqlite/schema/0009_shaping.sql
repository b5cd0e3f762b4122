-- +goose Up
-- What holds the paths of a node, as it told last, and what answers have put in force on them (JSON, as engine/shaping writes it).
CREATE TABLE path_state (
	node TEXT NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, at INTEGER NOT NULL, held_by TEXT NOT NULL, rule TEXT NOT NULL,
	reason TEXT NOT NULL, until INTEGER NOT NULL, force TEXT NOT NULL, PRIMARY KEY (node, source, site)
) STRICT, WITHOUT ROWID;

-- +goose Down
SELECT 1;
