"""What takes long is done before a job counts as sent: a crash in between would leave it unknown for nothing."""

from typing import Any

import pytest

from mcp_server.backends.responses.connection import Connection
from tests.serving import House


async def test_the_client_is_made_before_a_job_counts_as_sent(hosted: House, monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    jobs, make = type(hosted.app.store.jobs), Connection._make
    note = jobs.note

    def making(connection: Connection) -> Any:
        happened.append("made")
        return make(connection)

    async def noting(*given: Any, sent: bool = False, **known: Any) -> bool:
        if sent:
            happened.append("sent")
        return await note(*given, sent=sent, **known)

    monkeypatch.setattr(Connection, "_make", making)
    monkeypatch.setattr(jobs, "note", noting)
    await hosted.call("generate", input="Hi")
    assert happened == ["made", "sent"]
