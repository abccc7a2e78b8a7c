"""``responses-mcp cleanup`` beside a server that runs on the same store."""

import json
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread

from mcp_server.cleanup.stock import KINDS
from mcp_server.cli import KINDS as OFFERED
from mcp_server.cli import main
from mcp_server.index.names import named
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.store.protocol import Store
from tests.serving import House, openai
from tests.store.examples import a_file, admit, an_object, chunks
from tests.transports.process import COMMAND, variables
from tests.upstream_answers import Answer, Exchange, error
from tests.upstream_state import StatefulUpstream

PAST, FUTURE = 100.0, 4e9
A_DAY = {"anchor": "last_active_at", "days": 1}


@dataclass
class Ran:
    """What a command printed."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> dict[str, Any]:
        """Its JSON."""
        return json.loads(self.out)

    @property
    def statuses(self) -> dict[str, str]:
        """What became of each thing."""
        return {item["id"]: item["status"] for item in self.told["items"]}


Command = Callable[..., Awaitable[Ran]]


@pytest.fixture
def run(
    tmp_path: Path, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Runs the command with the settings of ``hosted``'s user."""
    for name, value in {"RESPONSES_MCP_HOME": str(tmp_path), **openai(up.base_url)}.items():
        monkeypatch.setenv(name, value)

    async def command(*arguments: str) -> Ran:
        capsys.readouterr()  # what the server has logged
        code = await to_thread.run_sync(main, ["cleanup", *arguments])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    return command


async def indexed(house: House, name: str) -> str:
    """A file in a hosted store that expires after a day without use; returns its id."""
    (house.app.roots.folders[0] / "a.md").write_text("Alpha.", "utf-8")
    await house.call("vector_search", store=name, paths=["a.md"], expires_after=A_DAY)
    (kept,) = await house.app.store.objects.all(house.app.scope("local"), "file")
    return kept.id


async def test_nothing_goes_without_yes_and_then_what_was_shown(
    hosted: House, up: StatefulUpstream, run: Command
) -> None:
    done = await hosted.call("generate", input="one", session="s")
    before = len(up.requests)
    looked = await run("--all")
    assert looked.code == 0
    lines = looked.out.splitlines()
    assert lines[0].split() == ["status", "kind", "id", "why"]
    assert lines[2].split() == ["would", "delete", "responses", done["response_id"]]
    assert lines[-1] == "3 would delete; nothing was deleted, --yes does it."
    assert len(up.requests) == before
    ran = await run("--all", "--yes")
    assert ran.out.splitlines()[-1] == "3 deleted."
    assert up.kept() == set()
    assert (await run("--all", "--yes")).out == "Nothing to clean up.\n"


async def test_each_way_to_choose_does_what_the_tools_does(hosted: House, run: Command) -> None:
    one = await hosted.call("generate", input="one", session="s")
    two = await hosted.call("generate", input="two")
    assert set((await run("--session", "s", "--json")).statuses) >= {"s", one["response_id"]}
    assert (await run("--ids", two["response_id"], "x", "--json")).statuses == {
        two["response_id"]: "would_delete",
        "x": "skipped",
    }
    assert (await run("--older-than", "1d", "--json")).statuses == {}
    narrowed = await run("--older-than", "0s", "--kinds", "responses", "sessions", "--json")
    assert narrowed.told["dry_run"] is True
    assert narrowed.told["counts"] == {"would_delete": 3}


async def test_a_failure_is_shown_and_ends_with_1(hosted: House, up: StatefulUpstream, run: Command) -> None:
    one = await hosted.call("generate", input="one")
    up.on("DELETE", f"/v1/responses/{one['response_id']}", error(401, "no", code="invalid_api_key"))
    ran = await run("--all", "--yes")
    assert ran.code == 1
    assert "HTTP 401" in ran.out
    assert ran.err == ""
    assert ran.out.splitlines()[-1] == "1 failed, 1 deleted."


async def test_what_another_backend_made_is_said_to_stay(
    hosted: House, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hosted.call("generate", input="one")
    monkeypatch.setenv("RESPONSES_MCP_BACKEND", "local")
    ran = await run("--all", "--yes")
    assert ran.out == "Nothing to clean up.\n"
    assert "RESPONSES_MCP_BACKEND=openai" in ran.err


async def test_a_job_that_waits_in_the_store_is_not_begun(hosted: House, up: StatefulUpstream, run: Command) -> None:

    await admit(hosted.app.store, "job_waits", scope=Scope(owner="local", backend="openai"), lease_until=FUTURE)
    ran = await run("--all", "--yes", "--json")
    assert ran.statuses == {"job_waits": "skipped"}
    assert up.posts() == []


async def test_expired_uploads_and_claims_go_and_living_ones_stay(
    hosted: House, up: StatefulUpstream, run: Command
) -> None:
    root: Path = hosted.app.roots.folders[0]
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        (root / name).write_bytes(f"%PDF-1.4\n%{name}\n%%EOF".encode())
    asked = await hosted.call("file_ask", question="What?", files=["a.pdf", "b.pdf", "c.pdf"])
    old, lost, new = (file["file_id"] for file in asked["files"])
    objects, scope = hosted.app.store.objects, hosted.app.scope("local")
    for kept in await objects.all(scope, "file"):
        if kept.id != new:
            await objects.put(kept.model_copy(update={"expires_at": PAST}))
    up.lose(lost)
    await objects.put(an_object("stale", scope=scope, kind="upload", expires_at=PAST))
    await objects.put(an_object("fresh", scope=scope, kind="upload", expires_at=FUTURE))
    ran = await run("--expired", "--json")
    assert ran.code == 0
    assert ran.statuses == {old: "deleted", lost: "already_gone", "stale": "deleted"}
    assert ran.told["dry_run"] is False
    assert set(up.files) == {new}
    assert [kept.id for kept in await objects.all(scope, "file")] == [new]
    assert [kept.key for kept in await objects.all(scope, "upload")] == ["fresh"]
    assert (await run("--expired")).out == "Nothing to clean up.\n"


async def test_an_upload_that_is_wanted_again_is_made_anew_after_the_sweep(
    hosted: House, up: StatefulUpstream, run: Command
) -> None:
    (hosted.app.roots.folders[0] / "a.pdf").write_bytes(b"%PDF-1.4\n%%EOF")
    await hosted.call("file_ask", question="What?", files=["a.pdf"])
    objects, scope = hosted.app.store.objects, hosted.app.scope("local")
    (kept,) = await objects.all(scope, "file")
    await objects.put(kept.model_copy(update={"expires_at": PAST}))
    assert (await run("--expired")).code == 0
    await hosted.call("file_ask", question="What?", files=["a.pdf"])
    assert len(up.posts("/v1/files")) == 2
    assert len(up.files) == 1


async def test_what_a_server_makes_anew_during_the_sweep_stays(
    hosted: House, up: StatefulUpstream, run: Command
) -> None:
    objects, scope = hosted.app.store.objects, hosted.app.scope("local")
    old_file = an_object("sha", scope=scope, id="file_old", expires_at=PAST)
    old_store = an_object("notes", scope=scope, kind="vector_store", id="vs_old", data={"expires_days": 1})
    file, shelf = (
        old_file.model_copy(update={"id": "file_new", "expires_at": FUTURE}),
        named(scope, "notes", "vs_new", {}),
    )

    def meanwhile(new: KeptObject) -> Answer:
        async def answer(exchange: Exchange) -> None:
            await objects.put(new)
            await error(404, "gone")(exchange)

        return answer

    for old in (old_file, old_store):
        await objects.put(old)
    up.on("DELETE", "/v1/files/file_old", meanwhile(file))
    up.on("GET", "/v1/vector_stores/vs_old", meanwhile(shelf))
    ran = await run("--expired", "--json")
    assert ran.statuses == {"file_old": "already_gone"}
    assert await objects.all(scope, "file") == [file]
    assert await objects.all(scope, "vector_store") == [shelf]


async def test_a_hosted_store_that_expired_upstream_goes_with_its_files(
    hosted: House, up: StatefulUpstream, run: Command
) -> None:
    await indexed(hosted, "notes")
    (store_id,) = up.stores
    assert (await run("--expired")).out == "Nothing to clean up.\n"
    up.stores[store_id]["status"] = "expired"
    assert (await run("--expired", "--json")).statuses == {"notes": "deleted"}
    store, scope = hosted.app.store, hosted.app.scope("local")
    assert (up.stores, up.files) == ({}, {})
    assert await store.index.files(scope, "notes") == []
    assert [await store.objects.all(scope, kind) for kind in ("vector_store", "file", "loose_file")] == [[], [], []]


async def test_what_cannot_be_asked_about_fails_and_the_rest_is_swept(
    hosted: House, up: StatefulUpstream, run: Command
) -> None:
    await indexed(hosted, "notes")
    (store_id,) = up.stores
    up.on("GET", f"/v1/vector_stores/{store_id}", error(401, "no", code="invalid_api_key"))
    scope = hosted.app.scope("local")
    await hosted.app.store.objects.put(an_object("stale", scope=scope, kind="upload", expires_at=PAST))
    ran = await run("--expired", "--json")
    assert ran.code == 1
    assert ran.statuses == {"notes": "failed", "stale": "deleted"}
    assert len(up.files) == 1


async def test_an_expired_embedded_store_goes_with_its_passages(
    store: Store, tmp_path: Path, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESPONSES_MCP_BACKEND", "compatible")
    monkeypatch.setenv("RESPONSES_MCP_STORE", f"sqlite:///{tmp_path / 'state' / 'store.db'}")
    scope = Scope(owner="local", backend="compatible")
    for name, end in (("old", PAST), ("new", time.time() + 60), ("kept", None)):
        await store.objects.put(an_object(name, scope=scope, kind="vector_store", id=name, expires_at=end))
        await store.index.replace(scope, a_file(store=name), chunks("alpha"))
    assert (await run("--expired", "--json")).statuses == {"old": "deleted"}
    left = [name for name in ("old", "new", "kept") if await store.index.files(scope, name)]
    assert left == ["new", "kept"]
    assert await store.index.match(scope, "old", ["alpha"], 5) == []


async def test_without_a_store_there_is_nothing_and_none_is_made(tmp_path: Path, run: Command) -> None:
    assert (await run("--all", "--yes")).out == "Nothing to clean up.\n"
    assert (await run("--expired", "--json")).told == {"dry_run": False, "items": [], "counts": {}}
    assert not (tmp_path / "store.db").exists()


async def test_with_a_wrong_setting_nothing_is_touched(
    hosted: House, run: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hosted.call("generate", input="one")
    monkeypatch.setenv("RESPONSES_MCP_STORE", "somewhere")
    ran = await run("--all", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "RESPONSES_MCP_STORE" in ran.err
    assert (await hosted.call("cleanup", all=True))["counts"] == {"would_delete": 2}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--all", "--session", "s"],
        ["--older-than", "soon"],
        ["--all", "--kinds", "everything"],
        ["--ids"],
        ["--expired", "--all"],
        ["--expired", "--kinds", "files"],
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cleanup", *arguments])
    assert ended.value.code == 2


def test_the_kinds_are_those_of_the_tool() -> None:
    assert set(OFFERED) == set(KINDS)


def test_as_a_process_it_says_nothing_but_its_result(tmp_path: Path) -> None:
    command = [*COMMAND, "cleanup", "--all", "--yes", "--json"]
    done = subprocess.run(command, env=variables(tmp_path), capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["items"] == []
    assert done.stderr == ""
