"""What the settings are, once they have been read."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from mcp_server.model.value import Frozen
from mcp_server.settings.backends import BackendName


class Settings(Frozen):
    """Everything the server was told. Times are in seconds.

    ``api_key``, ``base_url``, ``region`` and ``model`` are those of ``backend``; what was set for another one is not
    here, so that it cannot be sent to the wrong place. ``allowed_roots`` None leaves it to the transport which folders
    may be read; empty is none at all. ``sources`` says where each variable that is set was found, also those of other
    backends, and ``shown`` what it is, in a form that a person may see.
    """

    home: Path
    backend: BackendName
    api_key: SecretStr | None = None
    base_url: str | None = Field(default=None, repr=False)  # a login may stand in it
    region: str | None = None
    model: str | None = None
    embedding_model: str | None = None
    store: str = Field(repr=False)
    allowed_roots: tuple[Path, ...] | None = None
    wait_seconds: float = 45.0
    timeout_seconds: float = 600.0
    max_retries: int = 2
    store_responses: bool = True
    daily_budget_usd: float | None = None
    session_budget_usd: float | None = None
    local_model: Path | None = None
    log_level: str = "info"
    log_format: Literal["auto", "console", "json"] = "auto"
    problem: str | None = None
    sources: dict[str, str] = {}
    shown: dict[str, str] = {}
