"""What stands in a host's ready file starts the server, with the key that the host hands on."""

from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from scripts.manifests import LAUNCH
from tests.manifests.files import our_entry
from tests.serving import openai
from tests.transports.process import COMMAND, variables
from tests.upstream_state import StatefulUpstream


async def test_cursor_starts_the_server_with_its_users_key(tmp_path: Path, up: StatefulUpstream) -> None:
    user = openai(up.base_url)
    key = user.pop("OPENAI_API_KEY")
    ours = our_entry("cursor")
    assert (ours["command"], tuple(ours["args"])) == (LAUNCH.command, LAUNCH.args)
    # Cursor writes a variable's value where its name stands.
    handed = {name: value.replace("${env:OPENAI_API_KEY}", key) for name, value in ours["env"].items()}
    command = [*COMMAND, *ours["args"][1:]]
    server = StdioServerParameters(command=command[0], args=command[1:], env=variables(tmp_path, **user, **handed))
    with anyio.fail_after(60):
        async with Client(server) as client:
            assert len((await client.list_tools()).tools) == 9
            await client.call_tool("generate", {"input": "Hi"})
    assert [post.headers["authorization"] for post in up.posts()] == [f"Bearer {key}"]
