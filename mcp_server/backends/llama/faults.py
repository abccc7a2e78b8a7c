"""What goes wrong in the embedded engine, said once. ``Crashed`` and ``Crowded`` never leave this package."""

from importlib.util import find_spec

from mcp_server.backends.responses.quoting import quoted
from mcp_server.errors import ConfigurationError, EngineError, ServerError, UpstreamError, extra
from mcp_server.model.value import JsonObject


class Crashed(Exception):
    """The child is gone, or its connection broke off in the middle of an answer."""


class Crowded(Exception):
    """The requests running side by side no longer fit into the context they share."""


def refusal(status: int, error: JsonObject) -> Exception:
    """The engine's own error answer as ours."""
    said = quoted(str(error.get("message", "")))
    if error.get("type") == "exceed_context_size_error":
        return UpstreamError(
            f"The input is {error.get('n_prompt_tokens')} tokens long, but the embedded engine's context holds "
            f"{error.get('n_ctx')}; shorten it, or compact the session or start a new one.",
            kind="context_length",
            http_status=status,
        )
    if said.startswith("Context size has been exceeded"):
        return Crowded()
    if 400 <= status < 500:
        return UpstreamError(
            f'The embedded engine refused the request: it said "{said}"; change what it names.',
            kind="invalid_request",
            http_status=status,
        )
    return EngineError(f'The embedded engine failed: it said "{said}"; try again.', retryable=True)


def crashed_again() -> EngineError:
    """For a call whose second attempt crashed as well."""
    return EngineError(
        "The embedded engine crashed twice while it worked on this call; try again, with a shorter input or less at "
        "the same time if the machine is short of memory.",
        retryable=True,
    )


def crowded_out() -> EngineError:
    """For a call that found no room however often it was tried."""
    return EngineError(
        "The embedded engine had no room for this call beside the others; try again when less runs at the same time.",
        retryable=True,
    )


def not_offered(what: str) -> ServerError:
    """For the methods that the profile does not offer."""
    return UpstreamError(f"The embedded engine has no {what}.", kind="not_supported", outcome="not_sent")


def require(*packages: str) -> None:
    """Make sure that optional packages are installed, without importing them.

    Raises:
        ConfigurationError: one is missing.
    """
    for name in packages:
        if find_spec(name) is None:
            raise ConfigurationError(
                f"The embedded engine needs the package {name}, which is not installed; run {extra('local')}, or set "
                "OPENAI_API_KEY."
            )
