-- +goose Up
-- What holds the paths of a node, as it told last, and what answers have put in force on them (JSON, as engine/shaping writes it).
CREATE TABLE path_state (
	node TEXT COLLATE "C" NOT NULL, source TEXT NOT NULL, site TEXT NOT NULL, at BIGINT NOT NULL, held_by TEXT NOT NULL, rule TEXT NOT NULL,
	reason TEXT NOT NULL, until BIGINT NOT NULL, force TEXT NOT NULL, PRIMARY KEY (node, source, site)
);

-- +goose Down
SELECT 1;
