"""A host that speaks the tasks extension: the client half of it, which the SDK leaves to whoever needs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import anyio
from mcp import Client
from mcp.client import ClaimContext, ClientExtension, ResultClaim
from mcp.types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict

EXTENSION = "io.modelcontextprotocol/tasks"


class TaskParams(RequestParams):
    task_id: str
    input_responses: dict[str, Any] | None = None


class TaskRequest(Request[TaskParams, str]):
    name_param: ClassVar[str | None] = "taskId"


class Told(Result):
    """Whatever the server says, as it says it."""

    model_config = ConfigDict(extra="allow")


class Begun(Told):
    """What a call is answered with that has become a task."""

    result_type: Literal["task"] = "task"


async def ask(session: Any, method: str, task_id: str) -> dict[str, Any]:
    """One request about a task; returns the answer without what every answer carries."""
    params = TaskParams(task_id=task_id, input_responses={} if method == "tasks/update" else None)
    request = TaskRequest(method=method, params=params)
    told = (await session.send_request(request, Told)).model_dump(mode="json", by_alias=True, exclude_unset=True)
    del told["_meta"]
    return told


class TaskExtension(ClientExtension):
    """Declares the extension, and lets ``Client.call_tool`` follow a task to its end."""

    identifier = EXTENSION

    def __init__(self) -> None:
        self.followed: list[str] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Begun, resolve=self._follow)]

    async def _follow(self, begun: Begun, context: ClaimContext) -> CallToolResult:
        self.followed.append(begun.model_dump()["taskId"])
        return CallToolResult.model_validate((await end_of(context.session, self.followed[-1]))["result"])


async def end_of(session: Any, task_id: str) -> dict[str, Any]:
    """The task when it has ended. It waits by ``poll``, which is told of an end; a host would ask again and again."""
    with anyio.fail_after(60):
        while (task := await ask(session, "tasks/get", task_id))["status"] == "working":
            await session.call_tool("poll", {"ids": [task_id], "wait_seconds": 20})
    return task


@dataclass
class TaskHost:
    """A client that declares the extension and shows what is on the wire."""

    client: Client

    async def begin(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool whose call must become a task; returns that."""
        begun = await self.client.session.call_tool(tool, arguments, allow_claimed=True)
        assert isinstance(begun, Begun), begun
        return begun.model_dump(mode="json", by_alias=True, exclude={"meta"})

    async def ask(self, method: str, task_id: str) -> dict[str, Any]:
        """One request about a task."""
        return await ask(self.client.session, method, task_id)

    async def end_of(self, task_id: str) -> dict[str, Any]:
        """The task when it has ended."""
        return await end_of(self.client.session, task_id)
