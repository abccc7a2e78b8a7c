"""What an answer shows of the request it answers: a server that ignores a parameter in silence is seen by it."""

from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject

SHOWN = (
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "temperature",
    "tool_choice",
    "top_logprobs",
    "top_p",
    "truncation",
)
"""Parameters that a response repeats as they were used (``openai`` 3.54, ``Response``)."""

CHAIN_IGNORED = (
    "The upstream ignored previous_response_id and answers without what came before; replay the conversation."
)
BACKGROUND_IGNORED = "it ran in the foreground what was sent as background work"

_AS_UNSET: dict[str, object] = {"parallel_tool_calls": True, "tool_choice": "auto", "truncation": "disabled"}
"""Values that say nothing else than to be silent would."""


class Echo:
    """Compares answers with ``sent``, the body of a ``POST /responses``.

    ``in_foreground`` says that work which was to go on by itself is shown as work that ends with its stream.
    """

    def __init__(self, sent: JsonObject) -> None:
        self.in_foreground = False
        self._sent = sent

    def look(self, response: JsonObject) -> None:
        """Look at a response that has just begun.

        Raises:
            UpstreamError: the server was told to continue a response, and this one continues none.
        """
        # Also by one that shows nothing of it: LiteLLM streams just that, and answers without what came before.
        # Work that would go on by itself is not left alone there: its answer is looked at when it is whole.
        stops = self._sent.get("previous_response_id") and not self._sent.get("background")
        if stops and not response.get("previous_response_id"):
            raise UpstreamError(CHAIN_IGNORED, kind="not_continued")
        if self._sent.get("background") and response.get("background") is False:
            self.in_foreground = True

    def ignored(self, response: JsonObject) -> list[str]:
        """A warning for each parameter that the answer shows with another value than was asked for."""
        return [
            f"options: the backend ignored {name}: it was used as {response[name]!r}."
            for name in SHOWN
            if name in self._sent
            and name in response
            and self._sent[name] != response[name]
            and self._sent[name] != _AS_UNSET.get(name)
        ]
