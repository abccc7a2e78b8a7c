"""The checks in their order: what each is called, what has to have worked before, how long it may take."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp_server.doctor import answers, configuration, endpoint, longer
from mcp_server.doctor.report import Finding, Group
from mcp_server.doctor.visit import Looks
from mcp_server.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Basic:
    """A check before anything is open."""

    name: str
    looks: Callable[[Settings], Awaitable[Finding]]
    group: Group = "configuration"


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of the open app. ``needs`` are checks that must not have failed, ``seconds`` is all the time it has.

    ``asks`` says that it sends requests.
    """

    name: str
    looks: Looks
    group: Group = "live"
    needs: tuple[str, ...] = ()
    seconds: float = 60.0
    asks: bool = True


BASICS = (
    Basic(name="settings", looks=configuration.settings_fit),
    Basic(name="state folder", looks=configuration.folder_is_writable),
    Basic(name="store", looks=configuration.store_opens),
)

CHECKS = (
    Check(name="backend", group="backend", looks=endpoint.backend, asks=False),
    # The embedded engine's files are fetched here, once.
    Check(name="reachable", group="backend", looks=endpoint.reachable, needs=("backend",), seconds=600.0),
    Check(name="model", group="backend", looks=endpoint.model, needs=("reachable",)),
    # Which server it is, and what that can do with the model, is known only now.
    Check(name="profile", group="backend", looks=endpoint.profile, needs=("backend",), asks=False),
    Check(name="text", looks=answers.text, needs=("model",), seconds=120.0),
    Check(name="conversation", looks=answers.conversation, needs=("text",), seconds=120.0),
    Check(name="stored responses", looks=answers.kept, needs=("text",)),
    Check(name="structured", looks=answers.structured, needs=("text",), seconds=120.0),
    Check(name="background", looks=longer.background, needs=("text",), seconds=180.0),
    Check(name="cancel", looks=longer.cancel, needs=("background",)),
    Check(name="files", looks=longer.files, needs=("text",), seconds=120.0),
    Check(name="vector search", looks=longer.vectors, needs=("reachable",), seconds=180.0),
    Check(name="prompt cache", looks=answers.cache, needs=("text",), seconds=120.0),
    Check(name="latency", looks=answers.latency, needs=("text",), seconds=120.0),
    Check(name="observations", group="afterwards", looks=endpoint.observations, needs=("backend",), asks=False),
)
