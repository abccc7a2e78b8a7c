"""What the conformance suite wants to find on a server, as far as a tool, a resource or a prompt of ours can be that.

Each is made as the real ones are, so that what is tested is what carries them: how a tool is called and its failure
told, images, progress, the question for folders, resources, prompts and completions.
"""

from base64 import b64decode
from collections.abc import Sequence

import pytest
from mcp.types import BlobResourceContents, TextResourceContents

from mcp_server.app import App
from mcp_server.errors import InvalidArgument
from mcp_server.model.session import KeptObject
from mcp_server.model.value import Scope
from mcp_server.server import prompts, protocol, resources
from mcp_server.server.prompts import Template
from mcp_server.tools.result import ArtifactLink
from mcp_server.tools.spec import Arguments, Call, Link
from tests.hosts import task_tools
from tests.hosts.task_tools import Text, tool

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
IMAGE = "image/png"


class Picture(Text):
    """An image that the store keeps, as those are that a response made."""

    def resources(self) -> Sequence[Link]:
        return [ArtifactLink(uri="artifact://pixel", name="pixel", mime_type=IMAGE, size=len(b64decode(PIXEL)))]


async def say(_call: Call, _arguments: Arguments) -> Text:
    return Text(text="This is a simple text response for testing.")


async def draw(call: Call, _arguments: Arguments) -> Text:
    kept = KeptObject(
        scope=call.scope,
        kind="artifact",
        key="pixel",
        id="pixel",
        data={"mime_type": IMAGE, "base64": PIXEL},
        created_at=call.app.now(),
    )
    await call.app.store.objects.put(kept)
    return Picture(text="A pixel")


async def fail(_call: Call, _arguments: Arguments) -> Text:
    raise InvalidArgument("This tool intentionally returns an error for testing")


async def report(call: Call, _arguments: Arguments) -> Text:
    for told in ("begun", "half done", "done"):
        await call.report(told)
    return Text(text="done")


async def ask(call: Call, _arguments: Arguments) -> Text:
    """Which folders may be read is all that a tool of ours ever asks."""
    return Text(text=str(await call.find_roots()))


TOOLS = (
    *task_tools.TOOLS,
    *(
        tool(name, Arguments, Text, handler)
        for name, handler in {
            "test_simple_text": say,
            "test_image_content": draw,
            "test_error_handling": fail,
            "test_tool_with_progress": report,
            "test_logging_tool": report,
            "test_input_required_result_list_roots": ask,
            "test_input_required_result_elicitation": ask,
            "test_streaming_elicitation": ask,
        }.items()
    ),
)

PROMPTS = (
    Template(
        name="test_simple_prompt",
        title="Simple",
        description="Simple",
        write=lambda _given, _profile: "This is a simple prompt for testing.",
    ),
    Template(
        name="test_prompt_with_arguments",
        title="With arguments",
        description="With arguments",
        needs=(("arg1", "First"), ("arg2", "Second")),
        write=lambda given, _profile: f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'",
    ),
)
TEXT, BINARY, PATTERN = "test://static-text", "test://static-binary", "test://template/{id}/data"


_ours = resources._contents  # pyright: ignore[reportPrivateUsage]  - the one place where kinds part


async def contents(app: App, scope: Scope, uri: str) -> TextResourceContents | BlobResourceContents | None:
    if uri == BINARY:
        return BlobResourceContents(uri=uri, mime_type=IMAGE, blob=PIXEL)
    if uri == TEXT or uri.startswith(PATTERN.partition("{")[0]):
        return TextResourceContents(uri=uri, mime_type="text/plain", text=f"This is {uri}.")
    return await _ours(app, scope, uri)


def mount(patch: pytest.MonkeyPatch) -> None:
    """Put them in the places of our own tools and resources, and beside our own prompts."""
    patch.setattr(protocol, "TOOLS", TOOLS)
    patch.setattr(protocol, "definitions", lambda: [one.definition() for one in TOOLS])
    patch.setattr(resources, "_contents", contents)
    for uri in (TEXT, BINARY):
        patch.setitem(resources.RESOURCES, uri, uri)
    patch.setitem(resources.TEMPLATES, PATTERN, PATTERN)
    for template in PROMPTS:
        patch.setitem(prompts.PROMPTS, template.name, template)
