"""Logs go to stderr through structlog, one event a line, with secrets taken out; stdout belongs to the protocol."""

import logging
import sys
from typing import Any, Literal, TextIO

import structlog

from mcp_server.redaction import redact


def _redact_event(_logger: Any, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}


def configure(level: str, style: Literal["auto", "console", "json"], stream: TextIO | None = None) -> None:
    """Send our logs and the libraries' to ``stream`` (default: stderr): readable on a terminal, JSON elsewhere."""
    target: TextIO = stream or sys.stderr
    console = style == "console" or (style == "auto" and target.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redact_event,
    ]
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # The libraries speak at info about every request; that is debug to an operator of this server.
    for name in ("mcp", "httpx2", "httpcore2", "openai", "uvicorn", "uvicorn.access", "uvicorn.error", "sse_starlette"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING) if number > logging.DEBUG else number)
    # At debug these tell what they prove with who we are.
    for name in ("azure", "botocore", "msal", "urllib3"):
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
