"""What each error of an upstream means, as data.

Kinds: auth · invalid_request · context_length · not_found · previous_response_not_found · conflict · rate_limited ·
quota · upstream_unavailable · timeout · connect · connection_lost · bad_upstream_response.

``outcome`` is about a request that may cost money: ``not_sent`` when no byte of it left, ``unknown`` when it left and
no answer came, ``failed`` when the upstream said so.
"""

from typing import NamedTuple

from mcp_server.model.answer import Outcome


class Verdict(NamedTuple):
    """What an error means: its kind, what happened, what to do, whether to try again, what is known of the request."""

    kind: str
    happened: str
    advice: str
    retryable: bool = False
    outcome: Outcome = "failed"
    quotes: bool = False


INVALID = Verdict("invalid_request", "The upstream refused the request", "change what it names", quotes=True)
AUTH = Verdict("auth", "The upstream refused the API key", "check the key and what it may do")
QUOTA = Verdict("quota", "The account's credit or spending limit is used up", "raise it with the provider")
RATE = Verdict("rate_limited", "The upstream is limiting the rate of requests", "try again later", retryable=True)
DOWN = Verdict("upstream_unavailable", "The upstream failed", "try again later", retryable=True)
GATEWAY = Verdict(
    "upstream_unavailable",
    "A gateway before the upstream failed",
    "look upstream whether the request was carried out before you send it again",
    outcome="unknown",
)
TIMEOUT = Verdict(
    "timeout",
    "The upstream did not answer in time",
    "look upstream whether the request was carried out before you send it again, or raise the timeout",
    outcome="unknown",
)
NOT_FOUND = Verdict(
    "not_found", "The upstream does not have what was asked for", "check the id, model or URL", quotes=True
)
BUSY = Verdict(
    "conflict", "The upstream is busy with the same thing", "try again in a few seconds", retryable=True, quotes=True
)
NO_PREVIOUS = Verdict(
    "previous_response_not_found",
    "The upstream does not have the response to continue from",
    "continue from another one, or start anew",
    quotes=True,
)
CONTEXT = Verdict(
    "context_length",
    "The input is longer than the model's context",
    "shorten it, compact the session, or choose a model with a larger context",
    quotes=True,
)
UNREACHABLE = Verdict(
    "connect",
    "The upstream could not be reached and nothing was sent",
    "check the base URL and the network, then try again",
    retryable=True,
    outcome="not_sent",
)
UNSENDABLE = Verdict(
    "connect",
    "The request could not be sent",
    "check the base URL and the API key for characters that do not belong there",
    outcome="not_sent",
)
LOST = Verdict(
    "connection_lost",
    "The connection to the upstream broke off before the answer was complete",
    "look upstream whether the request was carried out before you send it again",
    outcome="unknown",
)

BY_STATUS = {
    401: AUTH,
    402: QUOTA,
    403: AUTH,
    404: NOT_FOUND,
    408: TIMEOUT,
    409: BUSY,
    429: RATE,
    501: INVALID,
    502: GATEWAY,
    504: GATEWAY,
}
QUOTED_STATUSES = frozenset({400, 404, 409, 413, 422})

BY_CODE = {
    "insufficient_quota": QUOTA,
    "project_spend_limit_exceeded": QUOTA,
    "organization_spend_limit_exceeded": QUOTA,
    "credit_balance_exhausted": QUOTA,
    "context_length_exceeded": CONTEXT,
    "previous_response_not_found": NO_PREVIOUS,
    "conversation_locked": BUSY,
}
"""Codes that say more than the HTTP status they come with."""

WITHOUT_STATUS = {
    **BY_CODE,
    "rate_limit_exceeded": RATE,
    "too_many_requests": RATE,
    "server_error": DOWN,
    "model_error": DOWN,
    "vector_store_timeout": DOWN,
    "invalid_api_key": AUTH,
    "model_not_found": NOT_FOUND,
}
"""Codes of stream errors and failed responses, which come with HTTP 200."""

ABOUT_INPUT = (
    "invalid",
    "image",
    "empty",
    "unsupported",
    "failed_to_download",
    "bio_",
    "misalignment",
    "data_residency",
)
