-- A job's row changes with every lease and every step of its progress, and SQLite writes a changed row anew: the
-- request, which may be megabytes, stands apart.
CREATE TABLE job_requests (
    job_id  TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    request TEXT NOT NULL
);
INSERT INTO job_requests (job_id, request) SELECT id, request FROM jobs;

ALTER TABLE jobs ADD COLUMN tool TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN background INTEGER NOT NULL DEFAULT 0;
-- How many requests may have left (sent), and how many of them have got an id.
ALTER TABLE jobs ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN progress TEXT;
UPDATE jobs SET
    tool = json_extract(request, '$.tool'),
    background = coalesce(json_extract(request, '$.background'), 0),
    heard = response_id IS NOT NULL;
ALTER TABLE jobs DROP COLUMN request;

-- What a job has been answered so far.
CREATE INDEX turns_by_job ON turns (job_id, created_at) WHERE job_id IS NOT NULL;
-- A session is renamed in all of its jobs.
CREATE INDEX jobs_by_session ON jobs (owner, backend, session) WHERE session IS NOT NULL;
