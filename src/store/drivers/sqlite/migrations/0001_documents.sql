CREATE TABLE IF NOT EXISTS documents (
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    grp TEXT,
    ord INTEGER NOT NULL,
    due INTEGER,
    expires INTEGER,
    fence INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER,
    PRIMARY KEY (collection, key)
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS documents_by_group ON documents (collection, grp, ord);
CREATE INDEX IF NOT EXISTS documents_by_due ON documents (collection, due) WHERE due IS NOT NULL;
CREATE INDEX IF NOT EXISTS documents_by_expiry ON documents (expires) WHERE expires IS NOT NULL;
