-- A store's passages are neighbours by id (the store's number times 2^32, and up), so that a search by words reads no
-- other store's. `version` grows with every change of a store's files: whoever keeps vectors in memory compares it.
CREATE TABLE index_stores (
    number  INTEGER PRIMARY KEY,
    owner   TEXT NOT NULL,
    backend TEXT NOT NULL,
    store   TEXT NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (owner, backend, store)
);
INSERT INTO index_stores (owner, backend, store, version) SELECT DISTINCT owner, backend, store, 1 FROM index_files;
UPDATE chunks SET id = id + (
    SELECT number << 32 FROM index_stores AS stores
    WHERE stores.owner = chunks.owner AND stores.backend = chunks.backend AND stores.store = chunks.store
);

-- Words are found by their stem: "retries" by "retry".
DROP TABLE passages;
CREATE VIRTUAL TABLE passages USING fts5 (
    text, parts, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO passages (passages) VALUES ('rebuild');
