-- Conversations kept upstream, what a prompt cache depends on, and the ledger of what was used and what it cost.

ALTER TABLE sessions ADD COLUMN conversation TEXT;
ALTER TABLE turns ADD COLUMN conversation TEXT;
ALTER TABLE turns ADD COLUMN static TEXT;

-- Lines are only ever added: what was spent stays spent when its turn is forgotten.
CREATE TABLE spending (
    owner              TEXT NOT NULL,
    backend            TEXT NOT NULL,
    at                 REAL NOT NULL,
    job_id             TEXT NOT NULL,
    response_id        TEXT,
    session            TEXT,
    tool               TEXT NOT NULL,
    model              TEXT,
    input_tokens       INTEGER NOT NULL,
    cached_tokens      INTEGER NOT NULL,
    cache_write_tokens INTEGER NOT NULL,
    output_tokens      INTEGER NOT NULL,
    reasoning_tokens   INTEGER NOT NULL,
    total_tokens       INTEGER NOT NULL,
    cost_usd           REAL,
    saved_usd          REAL
);
CREATE INDEX spending_by_time ON spending (owner, backend, at);
CREATE INDEX spending_by_session ON spending (owner, backend, session, at) WHERE session IS NOT NULL;
