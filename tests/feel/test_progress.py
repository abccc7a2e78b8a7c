"""What a host shows while it waits: short lines for a person, each of which says something new."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import anyio
import pytest

from mcp_server.backends.llama import engine
from tests.serving import House, both_eras
from tests.upstream_answers import stream
from tests.upstream_shapes import text_events
from tests.upstream_state import StatefulUpstream

LONGEST = 120


class Shown(list[str]):
    """What is shown; ``seen`` when ``awaited`` was among it."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self.awaited = awaited
        self.seen = anyio.Event()

    def append(self, line: str) -> None:
        super().append(line)
        if self.awaited in line:
            self.seen.set()


def lines_of(house: House) -> list[str]:
    """What was shown, once it has been seen to be fit for a person."""
    told = list(house.progress)
    assert told
    for line in told:
        assert line == line.strip()
        assert line.isprintable(), line
        assert len(line) <= LONGEST, line
        assert "/" not in line, "a path says less than a name"
    assert all(one != other for one, other in pairwise(told)), told
    return told


async def shown_while_written(
    house: House, up: StatefulUpstream, text: str, call: Callable[[], Awaitable[object]], **fields: object
) -> list[str]:
    """What is shown of a call whose answer stops before its last event until the text has been shown."""
    *begun, last = text_events(text, **fields)
    held = asyncio.Event()
    up.on("POST", "/v1/responses", stream([*begun, held, last]))
    house.progress = shown = Shown(f" {len(text):,} characters")
    async with anyio.create_task_group() as tasks:

        async def made() -> None:
            await call()

        tasks.start_soon(made)
        with anyio.fail_after(20):
            await shown.seen.wait()
        held.set()
    return lines_of(house)


@both_eras
async def test_a_text_being_written_is_shown_by_its_length_and_its_last_words(
    hosted: House, up: StatefulUpstream
) -> None:
    story = "It was a \x1b[31mdark\x1b[0m and stormy night.\n\n" + "The rain fell in torrents. " * 40 + "The end."
    told = await shown_while_written(hosted, up, story, lambda: hosted.call("generate", input="A story."))
    assert told[-1] == f"writing, {len(story):,} characters: …in torrents. The rain fell in torrents. The end."


async def test_a_short_text_is_shown_whole_and_cannot_command_a_terminal(hosted: House, up: StatefulUpstream) -> None:
    told = await shown_while_written(hosted, up, "\x1b[2Jgone\nor not", lambda: hosted.call("generate", input="Hi"))
    assert told[-1] == "writing, 15 characters: [2Jgone or not"


async def test_a_text_without_spaces_is_shown_too(hosted: House, up: StatefulUpstream) -> None:
    told = await shown_while_written(hosted, up, "雨" * 200, lambda: hosted.call("generate", input="詩"))
    assert told[-1] == "writing, 200 characters: …" + "雨" * 50


async def test_a_question_about_a_file_shows_how_its_answer_goes(
    hosted: House, up: StatefulUpstream, tmp_path: Path
) -> None:
    path = tmp_path / "files" / "a.txt"
    path.write_text("The door is red.\n")
    told = await shown_while_written(
        hosted, up, "red", lambda: hosted.call("file_ask", question="Which?", files=[str(path)])
    )
    assert told[-1] == "writing, 3 characters: red"


async def test_a_poll_that_waits_shows_how_the_job_goes(hosted: House, up: StatefulUpstream) -> None:
    async def started_and_collected() -> None:
        job = await hosted.call("start_background", input="Which?")
        await hosted.collect(job["job_id"])

    told = await shown_while_written(hosted, up, "red", started_and_collected, background=True)
    assert told[-1] == "writing, 3 characters: red"


async def test_indexing_names_each_file_and_how_many_there_are(hosted: House, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    for name in ("a.md", "b.md"):
        (folder / name).write_text(f"This is {name}.\n")
    (folder / "c.md").write_bytes(b"\0\1\2")
    await hosted.call("vector_search", store="notes", paths=[str(folder)])
    told = lines_of(hosted)
    assert [line.partition(":")[0] for line in told] == [f"indexing {number} of 3" for number in (1, 2, 3)]
    assert {line.partition(": ")[2] for line in told} == {"a.md added", "b.md added", "c.md failed"}
    hosted.progress.clear()
    await hosted.call("vector_search", store="notes", paths=[str(folder / "a.md")])
    assert lines_of(hosted) == ["indexing 1 of 1: a.md unchanged"]


@pytest.mark.engine
async def test_the_fetch_of_the_embedding_model_is_shown_while_files_are_indexed(
    embedded: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fetch(*_: object) -> AsyncGenerator[str]:
        for percent in (0, 50):
            yield f"Fetching the embedding model: {percent} % of 84 MB"

    monkeypatch.setattr(engine, "fetch", fetch)
    folder = tmp_path / "home" / "files"
    (folder / "a.md").write_text("The door is red.\n")
    await embedded.call("vector_search", store="notes", paths=[str(folder)], query="door")
    assert lines_of(embedded) == [
        "indexing 0 of 1: Fetching the embedding model: 0 % of 84 MB",
        "indexing 0 of 1: Fetching the embedding model: 50 % of 84 MB",
        "indexing 0 of 1: Loading the embedded engine",
        "indexing 0 of 1: passages to embed: 1",
        "indexing 1 of 1: a.md added",
    ]
