"""What went wrong upstream, said once: foreign errors become ``UpstreamError`` here and nowhere else.

What an error means stands in ``verdicts``. A request may be ``repeatable`` (it creates nothing): then nothing is ever
unknown about it. Words of the upstream are quoted only where they tell the caller what to change.
"""

import json
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from mcp_server.backends.responses import verdicts
from mcp_server.backends.responses.quoting import quoted
from mcp_server.backends.responses.retries import wished_pause
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import Failure, Outcome
from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    import openai

_OF_STREAMING = re.compile(r"\bstream", re.IGNORECASE)


def foreign() -> tuple[type[Exception], ...]:
    """The exceptions that a request through the SDK can raise, all of which ``translated`` knows."""
    import httpx2  # noqa: PLC0415 - off the start-up path
    import openai  # noqa: PLC0415 - off the start-up path

    return openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError


def translated(
    error: Exception, *, attempts: int, repeatable: bool = False, secrets: Collection[str] = ()
) -> UpstreamError:
    """One of ``foreign()`` as ours. ``secrets`` never appear in the message."""
    import openai  # noqa: PLC0415 - off the start-up path

    if isinstance(error, openai.APIStatusError):
        fault = _status_error(error, attempts, secrets)
    elif isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        fault = stream_error(cast("object", error.body), attempts=attempts)
    elif isinstance(error, ValueError) and not isinstance(error, UnicodeEncodeError):
        fault = bad_response("something that is not JSON", attempts=attempts)
    else:
        fault = _fault(_of_transport(error), attempts=attempts)
    if repeatable and fault.outcome == "unknown":
        fault.outcome, fault.retryable = "failed", True
    return fault


def bad_response(
    what: str, *, attempts: int, request_id: str | None = None, outcome: Outcome = "unknown"
) -> UpstreamError:
    """An answer with HTTP 200 that is none: malformed, a web page, another shape."""
    verdict = verdicts.Verdict(
        "bad_upstream_response",
        f"The upstream answered with {what}",
        "check that the base URL is that of a Responses API",
        outcome=outcome,
    )
    return _fault(verdict, attempts=attempts, request_id=request_id)


def broke_off(characters: int, *, attempts: int) -> UpstreamError:
    """A stream that ended before the answer did, after so many characters of text."""
    return _fault(verdicts.LOST, detail=f" after {characters} characters", attempts=attempts)


def stream_error(body: object, *, attempts: int) -> UpstreamError:
    """An ``error`` event of a stream, flat or nested."""
    code, message, param = _details(body)
    verdict = _without_status(code, body)
    return _fault(verdict, words=message, detail=_named(code), attempts=attempts, param=param)


def failed_response(error: JsonObject, attempts: int) -> Failure:
    """The ``error`` of a response whose status is failed."""
    code, message, _ = _details(error)
    verdict = _without_status(code, error)._replace(quotes=True)
    return _fault(verdict, words=message, detail=_named(code), attempts=attempts).failure()


def refuses_streaming(fault: UpstreamError) -> bool:
    """True when a request was refused, before anything was done, and streaming seems to be the reason.

    Each server says it in its own words; to ask once more without a stream for a wrong reason costs nothing.
    """
    refused = fault.http_status == 400 and fault.kind == "invalid_request"
    return refused and (fault.param == "stream" or _OF_STREAMING.search(fault.message) is not None)


def headers_of(error: Exception) -> Mapping[str, str]:
    """The headers of the answer behind ``error``; none when there was no answer."""
    import openai  # noqa: PLC0415 - off the start-up path

    return error.response.headers if isinstance(error, openai.APIStatusError) else {}


def _status_error(error: "openai.APIStatusError", attempts: int, secrets: Collection[str]) -> UpstreamError:
    status = error.status_code
    code, message, param = _details(_json(error.response.text))
    verdict = _of_status(status, code, message)
    wish = wished_pause(error.response.headers) if verdict.retryable else None
    wait = "" if wish is None else f" and asks to wait {wish:g} s"
    return _fault(
        verdict,
        words=message if status in verdicts.QUOTED_STATUSES else None,
        detail=f" (HTTP {status}){wait}",
        attempts=attempts,
        http_status=status,
        request_id=error.request_id,
        param=param,
        retry_after=wish,
        secrets=secrets,
    )


def _of_status(status: int, code: str | None, message: str) -> verdicts.Verdict:
    if code in verdicts.BY_CODE:
        return verdicts.BY_CODE[code]
    # Servers that came before the codes, and gateways that drop them, say it in words alone.
    if status in {400, 404} and message.startswith("Previous response"):
        return verdicts.NO_PREVIOUS
    if status == 400 and "maximum context length" in message:
        return verdicts.CONTEXT
    return verdicts.BY_STATUS.get(status) or (verdicts.DOWN if status >= 500 else verdicts.INVALID)


def _without_status(code: str | None, body: object) -> verdicts.Verdict:
    if code in verdicts.WITHOUT_STATUS:
        return verdicts.WITHOUT_STATUS[code]
    about_input = isinstance(body, dict) and cast("JsonObject", body).get("type") == "invalid_request_error"
    return verdicts.INVALID if about_input or (code or "").startswith(verdicts.ABOUT_INPUT) else verdicts.DOWN


def _of_transport(error: Exception) -> verdicts.Verdict:
    import httpx2  # noqa: PLC0415 - off the start-up path
    import openai  # noqa: PLC0415 - off the start-up path

    cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else error
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
        return verdicts.UNREACHABLE
    unsendable = httpx2.LocalProtocolError, httpx2.UnsupportedProtocol, httpx2.InvalidURL, UnicodeEncodeError
    if isinstance(cause, (*unsendable, openai.OpenAIError)):
        return verdicts.UNSENDABLE
    return verdicts.TIMEOUT if isinstance(cause, httpx2.TimeoutException | TimeoutError) else verdicts.LOST


def _fault(
    verdict: verdicts.Verdict,
    *,
    attempts: int,
    words: str | None = None,
    detail: str = "",
    secrets: Collection[str] = (),
    **more: Any,
) -> UpstreamError:
    said = f': it said "{quoted(words, secrets)}"' if words and verdict.quotes else ""
    return UpstreamError(
        f"{verdict.happened}{detail}{said}; {verdict.advice}.",
        kind=verdict.kind,
        retryable=verdict.retryable,
        outcome=verdict.outcome,
        attempts=attempts,
        **more,
    )


def _named(code: str | None) -> str:
    return f" ({quoted(code)})" if code else ""


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _details(body: object) -> tuple[str | None, str, str | None]:
    """Code, message and parameter of an error body; every server wraps them in its own way."""
    if not isinstance(body, dict):
        return None, "", None
    outer = cast("JsonObject", body)
    inner = outer.get("error")
    if isinstance(inner, str):
        return None, inner, None
    fields: JsonObject = cast("JsonObject", inner) if isinstance(inner, dict) else outer
    code, param = fields.get("code") or fields.get("type"), fields.get("param")
    message = fields.get("message") or _detail(fields.get("detail"))
    return (
        None if code is None else str(code),
        message if isinstance(message, str) else "",
        param if isinstance(param, str) else None,
    )


def _detail(detail: object) -> str:
    # FastAPI: a sentence, or a list of {loc, msg}.
    if not isinstance(detail, list):
        return detail if isinstance(detail, str) else ""
    found = [cast("JsonObject", item) for item in cast("list[object]", detail) if isinstance(item, dict)]
    return "; ".join(f"{'.'.join(map(str, item.get('loc') or ()))}: {item.get('msg')}" for item in found)
