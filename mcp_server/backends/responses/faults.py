"""What went wrong upstream, said once: foreign errors become ``UpstreamError`` here and nowhere else.

How a body is read stands in ``envelope``, what an error means in ``verdicts``. A request may be ``repeatable`` (it
creates nothing): then nothing is ever unknown about it. Words of the upstream are quoted only where they tell the
caller what to change.
"""

import logging
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

from mcp_server.backends.responses import envelope, verdicts
from mcp_server.backends.responses.quoting import plain, quoted
from mcp_server.backends.responses.retries import wished_pause
from mcp_server.errors import UpstreamError
from mcp_server.model.answer import Failure, Outcome
from mcp_server.model.value import JsonObject

if TYPE_CHECKING:
    import httpx2
    import openai

logger = logging.getLogger(__name__)

_OF_STREAMING = re.compile(r"\bstream", re.IGNORECASE)


def foreign() -> tuple[type[Exception], ...]:
    """The exceptions that a request through the SDK can raise, all of which ``translated`` knows."""
    import httpx2  # noqa: PLC0415 - off the start-up path
    import openai  # noqa: PLC0415 - off the start-up path

    return openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, ValueError


def translated(
    error: Exception,
    *,
    attempts: int,
    repeatable: bool = False,
    secrets: Collection[str] = (),
    key_name: str = "the key",
) -> UpstreamError:
    """One of ``foreign()`` as ours. ``secrets`` never appear in the message; ``key_name`` is what to call the key."""
    import openai  # noqa: PLC0415 - off the start-up path

    if isinstance(error, openai.APIStatusError):
        fault = _status_error(error, attempts, secrets, key_name)
    elif isinstance(error, openai.APIError) and not isinstance(error, openai.APIConnectionError):
        fault = stream_error(cast("object", error.body), attempts=attempts, secrets=secrets)
    elif isinstance(error, ValueError) and not isinstance(error, UnicodeEncodeError):
        fault = bad_response("something that is not JSON", attempts=attempts)
    else:
        fault = _fault(_of_transport(error), attempts=attempts)
    return _settled(fault, repeatable=repeatable)


def bad_response(
    what: str,
    *,
    attempts: int,
    request_id: str | None = None,
    outcome: Outcome = "unknown",
    missing: bool = False,
) -> UpstreamError:
    """An answer with HTTP 200 that is none: malformed, a web page (then the endpoint is ``missing``), another shape."""
    verdict = verdicts.Verdict(
        "bad_upstream_response",
        f"The upstream answered with {what}",
        "check that the base URL is that of a Responses API",
        outcome=outcome,
    )
    return _fault(verdict, attempts=attempts, request_id=request_id, missing=missing)


def broke_off(characters: int, *, attempts: int) -> UpstreamError:
    """A stream that ended before the answer did, after so many characters of text."""
    return _fault(verdicts.LOST, detail=f" after {characters} characters", attempts=attempts)


def stream_error(body: object, *, attempts: int, secrets: Collection[str] = ()) -> UpstreamError:
    """An ``error`` event of a stream, flat or nested."""
    said = envelope.read(body)
    return _fault(_without_status(said), said, detail=_named(said, secrets), attempts=attempts, secrets=secrets)


def failed_response(error: JsonObject, attempts: int, secrets: Collection[str] = ()) -> Failure:
    """The ``error`` of a response whose status is failed."""
    said = envelope.read(error)
    verdict = _without_status(said)._replace(quotes=True)
    return _fault(verdict, said, detail=_named(said, secrets), attempts=attempts, secrets=secrets).failure()


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


def object_in(
    response: "httpx2.Response", *, attempts: int, repeatable: bool = False, secrets: Collection[str] = ()
) -> JsonObject:
    """The JSON object that an answer with HTTP 200 brings; an empty one for no content.

    Raises ``UpstreamError`` for anything else, and for an error in disguise: LM Studio and AWS answer so where they do
    not have the endpoint, OpenRouter when its provider failed.
    """
    if not response.content:
        return {}
    request_id = envelope.request_id(response.headers)
    body = envelope.parsed(response.text)
    if isinstance(body, dict):
        found = cast("JsonObject", body)
        if "id" in found or not (found.get("error") or "Output" in found):
            return found
        said = envelope.read(found)
        verdict = _told(200, said) or _without_status(said)
        missing = verdict is verdicts.NO_ENDPOINT
        fault = _fault(verdict, said, attempts=attempts, request_id=request_id, secrets=secrets, missing=missing)
        raise _settled(fault, repeatable=repeatable)
    page = "html" in response.headers.get("content-type", "")
    what = "JSON of another shape" if body is not None else "a web page" if page else "something that is not JSON"
    logger.warning("%s: %s", what, quoted(response.text[:200], secrets))
    outcome = "failed" if repeatable else "unknown"
    raise bad_response(what, attempts=attempts, request_id=request_id, outcome=outcome, missing=page)


def _status_error(
    error: "openai.APIStatusError", attempts: int, secrets: Collection[str], key_name: str
) -> UpstreamError:
    status, headers = error.status_code, error.response.headers
    said = envelope.read(envelope.parsed(error.response.text), headers)
    verdict = _of_status(status, said)
    wish = wished_pause(headers) if verdict.retryable else None
    wait = "" if wish is None else f" and asks to wait {wish:g} s"
    return _fault(
        verdict if status in verdicts.QUOTED_STATUSES else verdict._replace(quotes=False),
        said,
        detail=f" (HTTP {status}){wait}",
        attempts=attempts,
        http_status=status,
        request_id=envelope.request_id(headers),
        retry_after=wish,
        secrets=secrets,
        key_name=key_name,
        missing=verdict in {verdicts.NO_ENDPOINT, verdicts.NO_METHOD, verdicts.NOT_BUILT},
    )


def _of_status(status: int, said: envelope.Said) -> verdicts.Verdict:
    if told := _told(status, said):
        return told
    if status == 404 and not (said.message or said.names):
        return verdicts.NO_ENDPOINT  # a web page, Go's plain text, nothing: no API said that an id is unknown
    return _of_number(status)


def _of_number(status: int) -> verdicts.Verdict:
    return verdicts.BY_STATUS.get(status) or (verdicts.DOWN if status >= 500 else verdicts.INVALID)


def _told(status: int, said: envelope.Said) -> verdicts.Verdict | None:
    """What the body alone tells, if it does."""
    named = (verdicts.BY_CODE[name] for name in said.names if name in verdicts.BY_CODE)
    worded = (
        verdict for statuses, words, verdict in verdicts.BY_WORDS if status in statuses and words.search(said.message)
    )
    return next(named, None) or next(worded, None)


def _without_status(said: envelope.Said) -> verdicts.Verdict:
    for name in said.names:
        if name in verdicts.WITHOUT_STATUS:
            return verdicts.WITHOUT_STATUS[name]
        if re.fullmatch(r"[45]\d\d", name):
            return _told(int(name), said) or _of_number(int(name))
        if name.startswith(verdicts.ABOUT_INPUT):
            return verdicts.INVALID
    return verdicts.DOWN


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
    said: envelope.Said = envelope.Said(),
    *,
    attempts: int,
    detail: str = "",
    secrets: Collection[str] = (),
    key_name: str = "the key",
    request_id: str | None = None,
    **more: Any,
) -> UpstreamError:
    words = f': it said "{quoted(said.message, secrets)}"' if said.message and verdict.quotes else ""
    return UpstreamError(
        f"{verdict.happened}{detail}{words}; {verdict.advice.replace('{key}', key_name)}.",
        kind=verdict.kind,
        retryable=verdict.retryable,
        outcome=verdict.outcome,
        attempts=attempts,
        param=said.param,
        request_id=request_id and plain(request_id, secrets),
        **more,
    )


def _settled(fault: UpstreamError, *, repeatable: bool) -> UpstreamError:
    if repeatable and fault.outcome == "unknown":
        fault.outcome, fault.retryable = "failed", True
    return fault


def _named(said: envelope.Said, secrets: Collection[str]) -> str:
    return f" ({quoted(said.names[0], secrets)})" if said.names else ""
