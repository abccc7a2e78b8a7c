"""Rows to frozen types and back, each pair in one place."""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, TypeAlias

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticSerializationError

from mcp_server.model.answer import Answer, Failure, Usage
from mcp_server.model.document import Chunk, IndexedFile
from mcp_server.model.job import Job, Progress
from mcp_server.model.session import KeptObject, Session, Turn
from mcp_server.model.spending import Spending, Spent
from mcp_server.model.value import JsonObject, Scope

Values: TypeAlias = dict[str, Any]
ITEMS: TypeAdapter[list[JsonObject]] = TypeAdapter(list[JsonObject])


def scope_values(scope: Scope) -> Values:
    """What every statement is restricted by."""
    return {"owner": scope.owner, "backend": scope.backend}


def clean(text: str) -> str:
    """The text without halves of surrogate pairs, which upstreams and PDFs send and no database takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def dump(value: BaseModel | Sequence[JsonObject] | JsonObject | None) -> str | None:
    """JSON for a column. Defaults are left out, so that versions that differ in them can share a database."""
    if value is None:
        return None
    if not isinstance(value, BaseModel):
        return clean(json.dumps(value, ensure_ascii=False))
    try:
        return value.model_dump_json(exclude_defaults=True)
    except PydanticSerializationError:
        return clean(json.dumps(value.model_dump(exclude_defaults=True), ensure_ascii=False))


def job_values(job: Job) -> Values:
    """A job's columns, ``seq`` excepted."""
    values = job.model_dump(exclude={"scope", "seq", "progress", "answer", "failure"})
    texts = {"progress": dump(job.progress), "answer": dump(job.answer), "failure": dump(job.failure)}
    return {**scope_values(job.scope), **values, **texts}


def to_job(row: sqlite3.Row) -> Job:
    """The job."""
    values = {name: row[name] for name in _PLAIN}
    return Job(
        **values,
        scope=_scope(row),
        progress=None if row["progress"] is None else Progress.model_validate_json(row["progress"]),
        answer=None if row["answer"] is None else Answer.model_validate_json(row["answer"]),
        failure=None if row["failure"] is None else Failure.model_validate_json(row["failure"]),
    )


_PLAIN = Job.model_fields.keys() - {"scope", "progress", "answer", "failure"}


def turn_values(turn: Turn) -> Values:
    """A turn's columns."""
    return {
        **scope_values(turn.scope),
        "response_id": turn.response_id,
        "parent": turn.parent,
        "session": turn.session,
        "job_id": turn.job_id,
        "tool": turn.tool,
        "model": turn.model,
        "instructions": None if turn.instructions is None else clean(turn.instructions),
        "status": turn.status,
        "stored": turn.stored,
        "conversation": turn.conversation,
        "static": dump(turn.static or None),
        "created_at": turn.created_at,
        "usage": dump(turn.usage),
        "input": dump(turn.input),
        "output": dump(turn.output),
    }


def to_turn(row: sqlite3.Row) -> Turn:
    """The turn."""
    return Turn(
        scope=_scope(row),
        response_id=row["response_id"],
        parent=row["parent"],
        session=row["session"],
        job_id=row["job_id"],
        tool=row["tool"],
        model=row["model"],
        instructions=row["instructions"],
        input=ITEMS.validate_json(row["input"]),
        output=ITEMS.validate_json(row["output"]),
        status=row["status"],
        stored=bool(row["stored"]),
        conversation=row["conversation"],
        static={} if row["static"] is None else json.loads(row["static"]),
        usage=None if row["usage"] is None else Usage.model_validate_json(row["usage"]),
        created_at=row["created_at"],
    )


def session_values(session: Session) -> Values:
    """A session's columns."""
    return {
        **scope_values(session.scope),
        "name": session.name,
        "head": session.head,
        "conversation": session.conversation,
        "instructions": None if session.instructions is None else clean(session.instructions),
        "model": session.model,
        "turns": session.turns,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
    }


def to_session(row: sqlite3.Row) -> Session:
    """The session."""
    return Session(
        scope=_scope(row),
        name=row["name"],
        head=row["head"],
        conversation=row["conversation"],
        instructions=row["instructions"],
        model=row["model"],
        turns=row["turns"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def spending_values(line: Spending) -> Values:
    """The columns of a line of the ledger."""
    values = line.model_dump(include={"at", "job_id", "response_id", "session", "tool", "model"})
    return {**scope_values(line.scope), **values, **line.usage.model_dump()}


def to_spent(row: sqlite3.Row) -> Spent:
    """The sum that a row is."""
    usage = Usage(**{name: row[name] for name in Usage.model_fields})
    return Spent(requests=row["requests"], usage=usage, unpriced=row["unpriced"])


def object_values(item: KeptObject) -> Values:
    """A kept object's columns."""
    values = item.model_dump(include={"kind", "key", "id", "created_at", "expires_at"})
    return {**scope_values(item.scope), **values, "data": dump(item.data)}


def to_object(row: sqlite3.Row) -> KeptObject:
    """The kept object."""
    return KeptObject(
        scope=_scope(row),
        kind=row["kind"],
        key=row["key"],
        id=row["id"],
        data=json.loads(row["data"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def file_values(scope: Scope, file: IndexedFile) -> Values:
    """An indexed file's columns."""
    return {**scope_values(scope), **file.model_dump(exclude={"attributes"}), "attributes": dump(file.attributes)}


def to_file(row: sqlite3.Row) -> IndexedFile:
    """The indexed file."""
    return IndexedFile(
        store=row["store"],
        file_id=row["file_id"],
        path=row["path"],
        sha256=row["sha256"],
        bytes=row["bytes"],
        attributes=json.loads(row["attributes"]),
        indexed_at=row["indexed_at"],
    )


def to_chunk(row: sqlite3.Row) -> Chunk:
    """The passage."""
    return Chunk(
        id=row["id"],
        file_id=row["file_id"],
        ordinal=row["ordinal"],
        text=row["text"],
        first_line=row["first_line"],
        last_line=row["last_line"],
        page=row["page"],
    )


def _scope(row: sqlite3.Row) -> Scope:
    return Scope(owner=row["owner"], backend=row["backend"])
