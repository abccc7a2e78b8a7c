"""What a backend tells while it answers. ``Finished`` is the last event, and there is exactly one."""

from typing import TypeAlias

from mcp_server.model.answer import Answer
from mcp_server.model.value import Frozen


class Created(Frozen):
    """The upstream accepted the request; from here on it can be asked about under ``response_id``."""

    response_id: str


class TextDelta(Frozen):
    """More of the visible text."""

    text: str


class Thought(Frozen):
    """More of the summary of what the model reasoned, where the caller asked for one."""

    text: str


class Activity(Frozen):
    """What is going on while no text flows, for a person: "searching the web", "loading the model: 40 %"."""

    message: str


class Cursor(Frozen):
    """How far the stream came (``sequence_number``); a resumed stream starts after it.

    ``mark`` says that an item began or ended here, so that the place is worth keeping for the next process.
    """

    sequence: int
    mark: bool = False


class Finished(Frozen):
    """The answer. A failed or incomplete response is an answer too; a backend raises only when there is none."""

    answer: Answer


Event: TypeAlias = Created | TextDelta | Thought | Activity | Cursor | Finished
