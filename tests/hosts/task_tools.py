"""The tools that the conformance scenarios for tasks want, made of ours: their work is paid jobs like any other's."""

import asyncio
from collections.abc import Awaitable, Callable

from mcp_server.model.request import TurnRequest
from mcp_server.tools.pay import pay
from mcp_server.tools.result import SharedResult, result_of
from mcp_server.tools.shared import TurnArguments, user_message
from mcp_server.tools.spec import PAID, READS, Arguments, Call, Output, Tool
from tests.upstream_answers import Answer, Request, error
from tests.upstream_state import StatefulUpstream

BOOM = "boom"
PACE = 0.1
"""How long a second takes: the scenarios only ever wait for the end, and look at a task when it has just begun."""


class PatientUpstream(StatefulUpstream):
    """Takes as many seconds for an answer as it is asked to; a ``BOOM`` it refuses."""

    def _create(self, request: Request) -> Answer:
        asked = request.json["input"][-1]["content"]
        if asked == BOOM:
            return error(400, BOOM)
        self.pause = asyncio.Event()
        asyncio.get_running_loop().call_later(float(asked) * PACE, self.pause.set)
        return super()._create(request)


class JobArguments(TurnArguments):
    seconds: float = 1.0
    label: str = ""
    filename: str = ""


class GreetArguments(Arguments):
    name: str


class Text(Output):
    text: str

    def render(self) -> str:
        return self.text


async def greet(_call: Call, arguments: GreetArguments) -> Text:
    return Text(text=f"Hello, {arguments.name}!")


def job(name: str, asked: str | None = None) -> Tool:
    """A tool that is a background job from the start."""

    async def handler(call: Call, arguments: JobArguments) -> SharedResult:
        message = user_message(asked or str(arguments.seconds))
        request = TurnRequest(tool=name, input=[message], background=True)
        return result_of(await pay(call, arguments, request, wait_seconds=0))

    return tool(name, JobArguments, SharedResult, handler)


def tool(
    name: str,
    arguments: type[Arguments],
    output: type[Output],
    handler: Callable[..., Awaitable[Output]],
) -> Tool:
    return Tool(
        name=name,
        title=name,
        description=name,
        annotations=READS if output is Text else PAID,
        arguments=arguments,
        output=output,
        handler=handler,
    )


TOOLS = (
    tool("greet", GreetArguments, Text, greet),
    job("slow_compute"),
    job("failing_job", BOOM),
    job("protocol_error_job"),
    job("confirm_delete"),
)
