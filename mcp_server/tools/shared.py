"""The arguments that every paid tool takes, and the request they make."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, WithJsonSchema, field_validator, model_validator

from mcp_server.errors import InvalidArgument
from mcp_server.files.roots import Roots
from mcp_server.model.answer import Citation
from mcp_server.model.request import Extraction, TurnRequest
from mcp_server.model.value import JsonObject
from mcp_server.tools.options import check_options
from mcp_server.tools.spec import Arguments

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
SessionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,128}$"), WithJsonSchema({"type": "string"})]
"""The pattern is told when it is broken; as a part of five definitions it would cost every conversation."""
WaitSeconds = Annotated[float, Field(ge=0, le=3600), WithJsonSchema({"type": "number"})]


class TurnArguments(Arguments):
    """Section "Shared arguments" of the contract, but for ``store``: ``vector_search`` calls something else so."""

    session: SessionName | None = Field(default=None, description="Conversation name: continues or starts it")
    previous_response_id: str | None = Field(default=None, description="Continue (fork) from this response")
    instructions: str | None = Field(default=None, description="Developer instructions; a session keeps its last")
    model: str | None = None
    reasoning_effort: Effort | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    max_output_tokens: Annotated[int, Field(ge=1), WithJsonSchema({"type": "integer"})] | None = None
    options: JsonObject | None = Field(default=None, description="Other responses.create parameters by API name")
    wait_seconds: WaitSeconds | None = Field(default=None, description="Then a job_id comes back for poll (default 45)")
    request_key: Annotated[str, Field(min_length=1, max_length=128), WithJsonSchema({"type": "string"})] | None = Field(
        default=None, description="Repeat safely: same key and arguments give the first result"
    )
    dry_run: bool = False

    @field_validator("options")
    @classmethod
    def _options_are_known(cls, options: JsonObject | None) -> JsonObject | None:
        check_options(options or {})
        return options

    @model_validator(mode="after")
    def _nothing_is_said_twice(self) -> Self:
        if self.option("conversation") and self.previous_response_id:
            raise InvalidArgument("options.conversation excludes previous_response_id; pass one of them.")
        reasoning: JsonObject = self.option("reasoning") or {}
        if self.reasoning_effort and reasoning.get("effort"):
            raise InvalidArgument("options.reasoning.effort excludes reasoning_effort; pass one of them.")
        return self

    def option(self, name: str) -> Any:
        """What ``options`` say of a parameter; None when nothing."""
        return (self.options or {}).get(name)

    def keep(self) -> bool | None:
        """Whether the upstream is to keep the response; None is the configured default."""
        return None

    def request(
        self,
        tool: str,
        items: list[JsonObject],
        *,
        params: JsonObject | None = None,
        files: Sequence[str] = (),
        roots: Roots | None = None,
        tool_outputs: Sequence[JsonObject] = (),
        sources: Sequence[Citation] = (),
        asked: JsonObject | None = None,
        extraction: Extraction | None = None,
        background: bool = False,
    ) -> TurnRequest:
        """The request that these arguments and the tool's own ones make together.

        Raises:
            InvalidArgument: an option is for background work, and this is none.
        """
        if self.option("background_options") and not background:
            raise InvalidArgument("options.background_options: they are for background work; use start_background.")
        return TurnRequest(
            tool=tool,
            input=items,
            tool_outputs=list(tool_outputs),
            files=list(files),
            roots=list(roots.folders) if roots else [],
            sources=list(sources),
            asked=asked or {},
            instructions=self.instructions,
            session=self.session,
            previous_response_id=self.previous_response_id,
            model=self.model,
            params=self._params(params or {}),
            extraction=extraction,
            store=self.keep(),
            background=background,
            request_key=self.request_key,
        )

    def _params(self, own: JsonObject) -> JsonObject:
        # A null says what leaving it out says; some of the SDK's types allow it.
        params = {name: value for name, value in {**(self.options or {}), **own}.items() if value is not None}
        if self.reasoning_effort:
            params["reasoning"] = {**params.get("reasoning", {}), "effort": self.reasoning_effort}
        if self.verbosity:
            params["text"] = {**params.get("text", {}), "verbosity": self.verbosity}
        if self.max_output_tokens is not None:
            params["max_output_tokens"] = self.max_output_tokens
        return params


class SharedArguments(TurnArguments):
    """All of them."""

    store: bool | None = Field(default=None, description="false: keep nothing upstream")

    def keep(self) -> bool | None:
        """What the caller said."""
        return self.store


def user_message(text: str) -> JsonObject:
    """One user message as an input item."""
    return {"role": "user", "content": text}
