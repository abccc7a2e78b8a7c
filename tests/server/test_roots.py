"""Without the setting, a host on this machine says which folders are open; a host elsewhere has no say."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.session import ListRootsFnT
from mcp.types import INTERNAL_ERROR, ErrorData, ListRootsResult

from mcp_server.app import open_app
from mcp_server.server import roots as asking
from mcp_server.server.protocol import build_server
from mcp_server.server.roots import path_of
from tests.serving import Era, House, openai, text_of, told
from tests.transports.process import launched, served, variables
from tests.upstream_state import StatefulUpstream

OUTSIDE = "outside the allowed folders"


class Host:
    """A host that says which folders are open, and counts how often it was asked."""

    def __init__(self, *uris: str) -> None:
        self.uris = list(uris)
        self.asked = 0

    async def __call__(self, context: Any) -> ListRootsResult | ErrorData:
        self.asked += 1
        return ListRootsResult.model_validate({"roots": [{"uri": uri} for uri in self.uris]})


@pytest.fixture
def started_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder the server was started in, with a file in it."""
    folder = tmp_path / "started in"
    folder.mkdir()
    (folder / "here.txt").write_text("from where the server started")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that is open in the host, under a name that has to be quoted in a URL."""
    folder = tmp_path.resolve() / "my pröject #1"
    folder.mkdir()
    (folder / "plan.txt").write_text("the plan")
    return folder


Serve = Callable[..., Any]


@pytest.fixture
def serve(up: StatefulUpstream, era: Era, tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def served(host: ListRootsFnT | None = None, *, local: bool = True, **set_: str) -> AsyncGenerator[House]:
        variables = {"RESPONSES_MCP_ALLOWED_ROOTS": "", **openai(up.base_url), **set_}
        async with (
            open_app(told(tmp_path, **variables)) as app,
            Client(build_server(app, local=local), mode=era, list_roots_callback=host) as client,
        ):
            yield House(client, app, [])

    return served


async def test_the_folders_that_the_host_announces_may_be_read_and_no_other(
    serve: Serve, project: Path, started_in: Path, up: StatefulUpstream
) -> None:
    async with serve(Host(project.as_uri())) as house:
        done = await house.call("file_ask", question="What?", files=["plan.txt"])
        assert done["files"][0]["source"] == str(project / "plan.txt")
        sentence, _ = await house.refused("file_ask", question="What?", files=[str(started_in / "here.txt")])
        assert OUTSIDE in sentence
    assert len(up.posts()) == 1


async def test_a_change_of_the_open_folders_counts_from_the_next_call_on(serve: Serve, project: Path) -> None:
    host = Host()
    async with serve(host) as house:
        host.uris = [project.as_uri()]
        await house.call("file_ask", question="What?", files=["plan.txt"])
        host.uris = [project.parent.joinpath("files").as_uri()]
        assert OUTSIDE in (await house.refused("file_ask", question="What?", files=[str(project / "plan.txt")]))[0]


async def test_the_host_is_only_asked_by_a_call_that_names_local_files(serve: Serve, project: Path) -> None:
    host = Host(project.as_uri())
    async with serve(host) as house:
        await house.call("generate", input="Hello")
        await house.call("file_ask", question="What?", files=["file-abc"])
        await house.refused("file_ask", question="What?", files=["http://example.com/a.pdf"])
        assert host.asked == 0
        await house.call("structured_extract", input="x", files=["plan.txt"], schema={"type": "object"})
        await house.call("vector_search", store="s", paths=["plan.txt"])
        await house.call("start_background", input="x", files=["plan.txt"])
        await house.refused("generate", input="x", images=["plan.txt"])
        assert host.asked == 4


async def test_the_setting_has_the_last_word(serve: Serve, project: Path, tmp_path: Path) -> None:
    host = Host(project.as_uri())
    async with serve(host, RESPONSES_MCP_ALLOWED_ROOTS=str(tmp_path / "files")) as house:
        assert OUTSIDE in (await house.refused("file_ask", question="What?", files=[str(project / "plan.txt")]))[0]
    assert host.asked == 0


async def test_a_setting_that_names_no_folder_allows_none(serve: Serve, project: Path, started_in: Path) -> None:
    host = Host(project.as_uri())
    async with serve(host, RESPONSES_MCP_ALLOWED_ROOTS=str(project / "missing")) as house:
        for path in (project / "plan.txt", started_in / "here.txt"):
            sentence, _ = await house.refused("file_ask", question="What?", files=[str(path)])
            assert "no folder is allowed" in sentence
    assert host.asked == 0


async def test_a_host_elsewhere_opens_nothing(serve: Serve, project: Path, started_in: Path) -> None:
    host = Host(project.as_uri())
    async with serve(host, local=False) as house:
        for source in (str(project / "plan.txt"), str(started_in / "here.txt"), "here.txt"):
            sentence, _ = await house.refused("file_ask", question="What?", files=[source])
            assert "RESPONSES_MCP_ALLOWED_ROOTS" in sentence
    assert host.asked == 0


@pytest.mark.parametrize("uris", [[], ["file:///nowhere/at/all"], ["file://elsewhere/share"]])
@pytest.mark.usefixtures("started_in")
async def test_where_the_host_announces_no_folder_the_working_folder_is_it(serve: Serve, uris: list[str]) -> None:
    async with serve(Host(*uris)) as house:
        await house.call("file_ask", question="What?", files=["here.txt"])


@pytest.mark.usefixtures("started_in")
async def test_a_host_without_the_capability_is_not_asked(serve: Serve, project: Path) -> None:
    async with serve() as house:
        await house.call("file_ask", question="What?", files=["here.txt"])
        assert OUTSIDE in (await house.refused("file_ask", question="What?", files=[str(project / "plan.txt")]))[0]


@pytest.mark.parametrize("era", ["legacy"], indirect=False)
@pytest.mark.usefixtures("started_in")
async def test_a_host_that_fails_or_is_slow_leaves_the_working_folder(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the handshake revisions; since then it is the host that goes on, or does not."""

    async def failing(context: Any) -> ErrorData:
        return ErrorData(code=INTERNAL_ERROR, message="no")

    async def silent(context: Any) -> ListRootsResult:
        await anyio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.05)
    for host in (failing, silent):
        async with serve(host) as house:
            await house.call("file_ask", question="What?", files=["here.txt"])


async def test_a_job_is_held_to_the_folders_of_its_call(
    serve: Serve, project: Path, started_in: Path, up: StatefulUpstream
) -> None:
    """The file is swapped while the job waits for its session, and the host has opened another folder since."""
    host = Host(project.as_uri())
    up.pause = asyncio.Event()
    async with serve(host) as house:
        first = await house.call("generate", input="x", session="s", wait_seconds=0)
        await up.arrived(1)
        second = await house.call("file_ask", question="?", files=["plan.txt"], session="s", wait_seconds=0)
        (project / "plan.txt").unlink()
        (project / "plan.txt").symlink_to(started_in / "here.txt")
        host.uris = [started_in.as_uri()]
        up.pause.set()
        await house.collect(first["job_id"])
        job = await house.collect(second["job_id"])
        assert OUTSIDE in job["error"]["message"]
        kept = await house.client.read_resource(f"job://{second['job_id']}")
    assert json.loads(kept.contents[0].text)["request"]["roots"] == [str(project)]
    assert len(up.posts()) == 1


async def test_the_same_key_finds_its_call_again_when_other_folders_are_open(serve: Serve, project: Path) -> None:
    host = Host(project.as_uri())
    async with serve(host) as house:
        file = str(project / "plan.txt")
        first = await house.call("file_ask", question="?", files=[file], request_key="k")
        host.uris = [project.parent.as_uri()]
        again = await house.call("file_ask", question="?", files=[file], request_key="k")
        assert first["response_id"] == again["response_id"]


async def test_the_command_asks_its_host_over_stdio_in_the_stateless_revision(tmp_path: Path, project: Path) -> None:
    call = {
        "name": "file_ask",
        "arguments": {"question": "?", "files": [str(tmp_path / "other.txt")]},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"roots": {}},
        },
    }
    async with launched(variables(tmp_path)) as wire:
        await wire.send("tools/call", call, number=1)
        asked = (await wire.answer(1))["result"]
        assert (asked["resultType"], asked["inputRequests"]) == ("input_required", {"roots": {"method": "roots/list"}})
        answers = {"roots": {"roots": [{"uri": project.as_uri(), "name": "project"}]}}
        await wire.send("tools/call", {**call, "inputResponses": answers}, number=2)
        refused = (await wire.answer(2))["result"]
        assert f"{OUTSIDE} ({project})" in refused["content"][0]["text"]


async def test_over_http_nothing_is_read_unless_the_setting_allows_it(tmp_path: Path, started_in: Path) -> None:
    async with served(variables(tmp_path), "http") as url, Client(f"{url}/mcp") as client:
        result = await client.call_tool("file_ask", {"question": "?", "files": [str(started_in / "here.txt")]})
        assert result.is_error
        assert "no folder is allowed" in text_of(result)


@pytest.mark.parametrize(
    ("uri", "windows", "path"),
    [
        ("file:///srv/a%20b/%C3%A4%23", False, "/srv/a b/ä#"),
        ("file://localhost/srv", False, "/srv"),
        ("file://other/srv", False, None),
        ("https://example.com/srv", False, None),
        ("file:", False, None),
        ("file:///C:/My%20Work", True, "C:/My Work"),
        ("file:///c%3A/Work", True, "c:/Work"),
        ("file:///srv", True, None),
        ("file://server/share", True, None),
    ],
)
def test_an_address_is_read_as_the_path_it_stands_for(uri: str, windows: bool, path: str | None) -> None:
    assert path_of(uri, windows=windows) == path
