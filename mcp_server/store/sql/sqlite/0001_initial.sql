-- Every key begins with owner and backend. JSON columns hold what is never searched; times are seconds since the epoch.

CREATE TABLE jobs (
    owner            TEXT NOT NULL,
    backend          TEXT NOT NULL,
    id               TEXT NOT NULL,
    seq              INTEGER NOT NULL,
    session          TEXT,
    request_key      TEXT,
    fingerprint      TEXT NOT NULL,
    status           TEXT NOT NULL,
    sent             INTEGER NOT NULL,
    response_id      TEXT,
    cursor           INTEGER,
    created_at       REAL NOT NULL,
    updated_at       REAL NOT NULL,
    ended_at         REAL,
    worker           TEXT,
    lease_until      REAL NOT NULL,
    cancel_requested INTEGER NOT NULL,
    request          TEXT NOT NULL,
    answer           TEXT,
    failure          TEXT,
    PRIMARY KEY (owner, backend, id),
    UNIQUE (owner, backend, seq),
    CHECK ((status IN ('queued', 'in_progress')) = (ended_at IS NULL))
);
-- Workers know a job by its id alone.
CREATE UNIQUE INDEX jobs_by_id ON jobs (id);
CREATE UNIQUE INDEX jobs_by_request_key ON jobs (owner, backend, request_key) WHERE request_key IS NOT NULL;
CREATE INDEX jobs_by_response ON jobs (owner, backend, response_id) WHERE response_id IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (owner, backend, ended_at);
CREATE INDEX jobs_unfinished_by_session ON jobs (owner, backend, session, seq) WHERE ended_at IS NULL;
CREATE INDEX jobs_unfinished_by_lease ON jobs (backend, lease_until) WHERE ended_at IS NULL;
CREATE INDEX jobs_unfinished_by_worker ON jobs (worker) WHERE ended_at IS NULL;

CREATE TABLE sessions (
    owner        TEXT NOT NULL,
    backend      TEXT NOT NULL,
    name         TEXT NOT NULL,
    head         TEXT,
    instructions TEXT,
    model        TEXT,
    turns        INTEGER NOT NULL,
    created_at   REAL NOT NULL,
    updated_at   REAL NOT NULL,
    PRIMARY KEY (owner, backend, name)
);
CREATE INDEX sessions_by_head ON sessions (owner, backend, head) WHERE head IS NOT NULL;

CREATE TABLE turns (
    owner        TEXT NOT NULL,
    backend      TEXT NOT NULL,
    response_id  TEXT NOT NULL,
    parent       TEXT,
    session      TEXT,
    job_id       TEXT,
    tool         TEXT NOT NULL,
    model        TEXT,
    instructions TEXT,
    status       TEXT NOT NULL,
    stored       INTEGER NOT NULL,
    created_at   REAL NOT NULL,
    usage        TEXT,
    input        TEXT NOT NULL,
    output       TEXT NOT NULL,
    PRIMARY KEY (owner, backend, response_id)
);
CREATE INDEX turns_by_time ON turns (owner, backend, created_at);
CREATE INDEX turns_by_session ON turns (owner, backend, session, created_at);

CREATE TABLE objects (
    owner      TEXT NOT NULL,
    backend    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    id         TEXT NOT NULL,
    data       TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    PRIMARY KEY (owner, backend, kind, key)
);

CREATE TABLE index_files (
    owner      TEXT NOT NULL,
    backend    TEXT NOT NULL,
    store      TEXT NOT NULL,
    path       TEXT NOT NULL,
    file_id    TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    indexed_at REAL NOT NULL,
    PRIMARY KEY (owner, backend, store, path)
);
CREATE INDEX index_files_by_file ON index_files (owner, backend, store, file_id);

-- vector stands before text so that reading all vectors leaves the overflow pages of long texts alone.
CREATE TABLE chunks (
    id         INTEGER PRIMARY KEY,
    owner      TEXT NOT NULL,
    backend    TEXT NOT NULL,
    store      TEXT NOT NULL,
    path       TEXT NOT NULL,
    file_id    TEXT NOT NULL,
    ordinal    INTEGER NOT NULL,
    first_line INTEGER,
    last_line  INTEGER,
    page       INTEGER,
    vector     BLOB,
    text       TEXT NOT NULL,
    parts      TEXT NOT NULL,
    UNIQUE (owner, backend, store, path, ordinal),
    FOREIGN KEY (owner, backend, store, path)
        REFERENCES index_files (owner, backend, store, path) ON DELETE CASCADE
);
CREATE INDEX chunks_by_store ON chunks (owner, backend, store);

-- unicode61 parts snake_case by itself; the column parts adds the words inside camelCase names.
CREATE VIRTUAL TABLE passages USING fts5 (
    text, parts, content = 'chunks', content_rowid = 'id', tokenize = 'unicode61 remove_diacritics 2'
);
CREATE TRIGGER chunks_inserted AFTER INSERT ON chunks BEGIN
    INSERT INTO passages (rowid, text, parts) VALUES (new.id, new.text, new.parts);
END;
CREATE TRIGGER chunks_deleted AFTER DELETE ON chunks BEGIN
    INSERT INTO passages (passages, rowid, text, parts) VALUES ('delete', old.id, old.text, old.parts);
END;
