"""What all the types in the middle share."""

from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

JsonObject: TypeAlias = dict[str, Any]
"""One JSON object in the API's own form: an input item, an output item, a tool definition, a schema."""


class Frozen(BaseModel):
    """A value: never changed after it was made; ``model_copy(update=…)`` makes the next one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scope(Frozen):
    """Whose row it is and which backend made it: the head of every key in the store.

    ``owner`` is the subject of the caller's token, ``"local"`` on stdio. ``backend`` is the backend's ``name``;
    ids of one backend mean nothing to another.
    """

    owner: str
    backend: str
