"""The SQL of ``SqliteJobs``, each statement under the name of what it does."""

# A job that failed has no result to give again: its key is free for the next try.
BY_KEY = """
SELECT * FROM jobs
WHERE owner = :owner AND backend = :backend AND request_key = :request_key AND status <> 'failed'
"""
FREE_KEY = """
UPDATE jobs SET request_key = NULL
WHERE owner = :owner AND backend = :backend AND request_key = :request_key AND status = 'failed'
"""
ADMIT = """
INSERT INTO jobs (
    owner, backend, id, seq, tool, session, background, request_key, fingerprint, status, sent, heard, response_id,
    cursor, progress, created_at, updated_at, ended_at, worker, lease_until, cancel_requested, answer, failure
) VALUES (
    :owner, :backend, :id,
    (SELECT coalesce(max(seq), 0) + 1 FROM jobs WHERE owner = :owner AND backend = :backend),
    :tool, :session, :background, :request_key, :fingerprint, :status, :sent, :heard, :response_id,
    :cursor, :progress, :created_at, :updated_at, :ended_at, :worker, :lease_until, :cancel_requested, :answer, :failure
) RETURNING seq
"""
ADMIT_REQUEST = "INSERT INTO job_requests (job_id, request) VALUES (:id, :request)"
REQUEST = "SELECT request, session FROM job_requests JOIN jobs ON id = job_id WHERE job_id = :id"
CLAIM = """
UPDATE jobs SET status = 'in_progress', worker = :worker, lease_until = :lease_until, updated_at = :now
WHERE id = :id AND status = 'queued' AND NOT EXISTS (
    SELECT 1 FROM jobs AS earlier
    WHERE earlier.owner = jobs.owner AND earlier.backend = jobs.backend AND earlier.session = jobs.session
        AND earlier.seq < jobs.seq AND earlier.ended_at IS NULL
) RETURNING *
"""
NOTE = """
UPDATE jobs SET sent = sent + :sent, heard = iif(:response_id IS NULL, heard, sent + :sent),
    response_id = coalesce(:response_id, response_id), cursor = coalesce(:cursor, iif(:sent, NULL, cursor)),
    progress = coalesce(:progress, progress), updated_at = :now
WHERE id = :id AND ended_at IS NULL AND worker IS coalesce(:worker, worker)
"""
BY_ID = "SELECT * FROM jobs WHERE id = :id"
END = """
UPDATE jobs SET status = :status, answer = :answer, failure = :failure, ended_at = :now, updated_at = :now,
    progress = NULL, response_id = coalesce(:response_id, response_id)
WHERE id = :id RETURNING *
"""
APPEND = """
INSERT INTO turns (
    owner, backend, response_id, parent, session, job_id, tool, model, instructions, status, stored, conversation,
    static, created_at, usage, input, output
) VALUES (
    :owner, :backend, :response_id, :parent, :session, :job_id, :tool, :model, :instructions, :status, :stored,
    :conversation, :static, :created_at, :usage, :input, :output
) ON CONFLICT (owner, backend, response_id) DO NOTHING
"""
BANKED = "SELECT * FROM turns WHERE job_id = :id ORDER BY created_at, rowid"
MOVE_HEAD = """
INSERT INTO sessions (owner, backend, name, head, conversation, instructions, model, turns, created_at, updated_at)
VALUES (:owner, :backend, :name, :head, :conversation, :instructions, :model, :turns, :created_at, :updated_at)
ON CONFLICT (owner, backend, name) DO UPDATE SET head = excluded.head, conversation = excluded.conversation,
    instructions = excluded.instructions, model = excluded.model, turns = sessions.turns + excluded.turns,
    updated_at = excluded.updated_at
WHERE NOT :late OR sessions.head IS :parent
"""
SPEND = """
INSERT INTO spending (
    owner, backend, at, job_id, response_id, session, tool, model, input_tokens, cached_tokens, cache_write_tokens,
    output_tokens, reasoning_tokens, total_tokens, cost_usd, saved_usd
) VALUES (
    :owner, :backend, :at, :job_id, :response_id, :session, :tool, :model, :input_tokens, :cached_tokens,
    :cache_write_tokens, :output_tokens, :reasoning_tokens, :total_tokens, :cost_usd, :saved_usd
)
"""
# Two halves rather than an OR, which SQLite answers by reading all of the caller's jobs.
FIND = """
SELECT * FROM jobs WHERE rowid IN (
    SELECT rowid FROM jobs
    WHERE owner = :owner AND backend = :backend AND id IN (SELECT value FROM json_each(:ids))
    UNION
    SELECT rowid FROM jobs
    WHERE owner = :owner AND backend = :backend AND response_id IN (SELECT value FROM json_each(:ids))
) ORDER BY seq
"""
RECENT = """
SELECT * FROM jobs WHERE rowid IN (
    SELECT rowid FROM jobs WHERE owner = :owner AND backend = :backend AND ended_at IS NULL
    UNION ALL
    SELECT rowid FROM jobs WHERE owner = :owner AND backend = :backend AND ended_at >= :since
) ORDER BY seq
"""
ASK_CANCEL = """
UPDATE jobs SET cancel_requested = 1, updated_at = :now
WHERE owner = :owner AND backend = :backend AND id = :id AND ended_at IS NULL
"""
KEEP = """
UPDATE jobs SET lease_until = :lease_until
WHERE id IN (SELECT value FROM json_each(:ids)) AND worker = :worker AND ended_at IS NULL
"""
TO_CANCEL = "SELECT * FROM jobs WHERE worker = :worker AND ended_at IS NULL AND cancel_requested = 1 ORDER BY seq"
TAKE_OVER = """
UPDATE jobs SET worker = :worker, lease_until = :lease_until, updated_at = :now,
    status = iif(sent AND NOT :again, status, 'queued'), sent = iif(:again, 0, sent), heard = iif(:again, 0, heard),
    response_id = iif(:again, NULL, response_id), cursor = iif(:again, NULL, cursor),
    progress = iif(:again, NULL, progress)
WHERE backend = :backend AND lease_until <= :now AND ended_at IS NULL RETURNING *
"""
NEXT_EXPIRY = """
SELECT min(lease_until) FROM jobs WHERE backend = :backend AND ended_at IS NULL AND worker IS NOT :worker
"""
RELEASE = """
UPDATE jobs SET worker = NULL, lease_until = 0, updated_at = :now
WHERE id IN (SELECT value FROM json_each(:ids)) AND worker = :worker AND ended_at IS NULL
"""
REQUEUE = """
UPDATE jobs SET worker = NULL, lease_until = 0, updated_at = :now,
    status = 'queued', sent = 0, heard = 0, response_id = NULL, cursor = NULL, progress = NULL
WHERE id IN (SELECT value FROM json_each(:ids)) AND worker = :worker AND ended_at IS NULL
"""
# The plus keeps SQLite from going through all ended jobs by their index.
DELETE = """
DELETE FROM jobs
WHERE owner = :owner AND backend = :backend AND id IN (SELECT value FROM json_each(:ids)) AND +ended_at IS NOT NULL
"""
