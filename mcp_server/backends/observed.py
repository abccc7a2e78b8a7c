"""What a backend turned out to do other than documented, for a day: servers are mended and replaced.

An observation corrects the profile. It is kept where a ``Notebook`` writes it down, so that the next process need not
be refused again.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, Self

from pydantic import model_validator

from mcp_server.backends.profile import Profile
from mcp_server.model.value import Frozen

KEPT_SECONDS = 86_400.0

SERVER = "server"
"""What an observation is about that says which program answers; its ``found`` is that program's name."""
ROUTE = "route"
"""What an observation is about that says under which path a model is served."""


class Observation(Frozen):
    """One thing that was found out.

    ``about`` is a field of ``Profile``, a parameter that is not taken (``reasoning.summary``), or a name from here.
    ``found`` is what it is instead of what was documented, for one ``model`` or (None) for all. ``why`` is a sentence
    for a person, ``until`` the time (seconds since the epoch) from which on it counts no more.
    """

    about: str
    found: Any
    model: str | None = None
    why: str
    until: float

    @model_validator(mode="after")
    def _usable(self) -> Self:
        # It may come from another version's process.
        if self.about in Profile.model_fields:
            Profile.model_validate({self.about: self.found})
        elif self.about in (SERVER, ROUTE) and not isinstance(self.found, str):
            raise ValueError(f"{self.about} is a name")
        return self


class Notebook(Protocol):
    """Where observations outlive a process."""

    async def read(self) -> list[Observation]:
        """All that were written down, expired ones too."""
        ...

    async def write(self, observation: Observation) -> None:
        """Keep it, in place of the one about the same."""
        ...

    async def clear(self) -> None:
        """Forget all of it."""
        ...


class Observed:
    """The observations of one backend, beside its documented profile.

    ``changes`` counts what was found out in this process: a request that was laid out before the last of them may be
    laid out otherwise now.
    """

    def __init__(self, documented: Profile, now: Callable[[], float] = time.time) -> None:
        self.documented = documented
        self.changes = 0
        self._notebook: Notebook | None = None
        self._now = now
        self._all: dict[tuple[str, str | None], Observation] = {}

    async def recall(self, notebook: Notebook) -> None:
        """Read what earlier processes have written down, and go on writing there."""
        self._notebook = notebook
        for one in await notebook.read():
            self._all.setdefault((one.about, one.model), one)

    async def note(self, about: str, found: object, why: str, *, model: str | None = None) -> None:
        """Remember something, here and in the notebook."""
        one = Observation(about=about, found=found, model=model, why=why, until=self._now() + KEPT_SECONDS)
        self._all[about, model] = one
        self.changes += 1
        if self._notebook:
            await self._notebook.write(one)

    async def forget(self) -> None:
        """Take the backend for what is documented again."""
        self._all.clear()
        if self._notebook:
            await self._notebook.clear()

    def find(self, about: str, model: str | None = None) -> Any:
        """What was found, None when nothing was."""
        return next((one.found for one in self.standing() if (one.about, one.model) == (about, model)), None)

    def standing(self) -> Sequence[Observation]:
        """Those that count, in the order in which they were made."""
        now = self._now()
        return [one for one in self._all.values() if one.until > now]

    def profile_for(self, model: str | None = None) -> Profile:
        """The documented profile with all corrections that hold for ``model``."""
        found = [one for one in self.standing() if one.model in (None, model)]
        fields = {one.about: one.found for one in found if one.about in Profile.model_fields}
        # Some capabilities have the name of the parameter that uses them.
        refused = {one.about for one in found if one.found is False}
        if not fields and not refused:
            return self.documented
        if fields.get("stored") is False:
            # Work that goes on there is kept there, and so is a conversation.
            fields |= {"background": False, "conversations": False}
        if fields.get("pdf") is False:
            fields["documents"] = False
        return self.documented.model_copy(update={**fields, "refused": self.documented.refused | refused})
