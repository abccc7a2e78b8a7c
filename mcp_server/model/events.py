"""What a backend tells while it answers. The last event is ``Finished`` or ``Accepted``, and there is exactly one."""

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


class Step(Frozen):
    """Something that was done on the way, in one line for a person or a model: 'searched the web for "tides"'."""

    text: str


class Cursor(Frozen):
    """How far the stream came (``sequence_number``); a resumed stream starts after it.

    ``mark`` says that an item began or ended here, so that the place is worth keeping for the next process.
    """

    sequence: int
    mark: bool = False


class Finished(Frozen):
    """The answer. A failed or incomplete response is an answer too; a backend raises only when there is none."""

    answer: Answer


class Accepted(Frozen):
    """The backend works on it and does not tell how: whoever has the id asks how it ends.

    ``answer`` has not ended, and is as far as the response is; its ``poll_after_seconds`` is when to ask first.
    """

    answer: Answer


Event: TypeAlias = Created | TextDelta | Thought | Activity | Step | Cursor | Finished | Accepted
