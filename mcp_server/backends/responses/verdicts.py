"""What each error of an upstream means, as data.

Kinds: auth · invalid_request · content_filter · context_length · not_found · previous_response_not_found · conflict ·
rate_limited · quota · upstream_unavailable · timeout · connect · connection_lost · bad_upstream_response.

``outcome`` is about a request that may cost money: ``not_sent`` when no byte of it left, ``unknown`` when it left and
no answer came, ``failed`` when the upstream said so.
"""

import re
from typing import NamedTuple

from mcp_server.model.answer import Outcome


class Verdict(NamedTuple):
    """What an error means: its kind, what happened, what to do, whether to try again, what is known of the request.

    ``{key}`` in the advice is where the setting that holds the key is named.
    """

    kind: str
    happened: str
    advice: str
    retryable: bool = False
    outcome: Outcome = "failed"
    quotes: bool = False


INVALID = Verdict("invalid_request", "The upstream refused the request", "change what it names", quotes=True)
AUTH = Verdict("auth", "The upstream refused the API key", "check {key} and what it may do")
EXPIRED = Verdict("auth", "The credentials for the upstream have expired", "renew {key} and start the server again")
DENIED = Verdict(
    "auth",
    "The upstream does not let this account do that",
    "check what {key} may do and that the model is enabled for the account, or choose another model",
)
FILTERED = Verdict(
    "content_filter",
    "The upstream's content filter stopped the request",
    "change what it objects to in the input, or the filter's settings there",
    quotes=True,
)
TOO_LARGE = Verdict(
    "invalid_request", "The request is larger than the upstream takes", "send less, or smaller files", quotes=True
)
QUOTA = Verdict("quota", "The account's credit or spending limit is used up", "raise it with the provider")
RATE = Verdict("rate_limited", "The upstream is limiting the rate of requests", "try again later", retryable=True)
DOWN = Verdict("upstream_unavailable", "The upstream failed", "try again later", retryable=True)
LOADING = Verdict("upstream_unavailable", "The model is not ready yet", "try again in a minute", retryable=True)
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
NO_MODEL = Verdict(
    "not_found",
    "The upstream does not have this model",
    "check its name in the call or in the settings, and that it is pulled, loaded or deployed there",
    quotes=True,
)
NO_ENDPOINT = Verdict(
    "not_found",
    "The upstream does not know this endpoint",
    "check the base URL, and whether that server has this part of the API at all",
    quotes=True,
)
NO_METHOD = NO_ENDPOINT._replace(kind="invalid_request")
NOT_BUILT = NO_METHOD._replace(happened="The upstream does not have what was asked for")
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
    "check the base URL, that the server is running, and the network",
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
    403: DENIED,
    404: NOT_FOUND,
    405: NO_METHOD,
    408: TIMEOUT,
    409: BUSY,
    413: TOO_LARGE,
    424: DOWN,
    429: RATE,
    501: NOT_BUILT,
    502: GATEWAY,
    504: GATEWAY,
}
"""424 is Bedrock's: the model failed. 501 is also vLLM's and llama.cpp's for something that is not switched on."""

QUOTED_STATUSES = frozenset({400, 404, 409, 413, 422, 501})

BY_CODE = {
    **dict.fromkeys(
        (
            "insufficient_quota",
            "project_spend_limit_exceeded",
            "organization_spend_limit_exceeded",
            "credit_balance_exhausted",
            "billing_not_active",
            "budget_exceeded",  # LiteLLM, with 400 or 429
        ),
        QUOTA,
    ),
    # OpenRouter's 402 that passes, and AWS's 400 that does: neither reached a model.
    **dict.fromkeys(("openrouter_in_flight_budget", "ServiceQuotaExceededException", "ThrottlingException"), RATE),
    **dict.fromkeys(("context_length_exceeded", "exceed_context_size_error"), CONTEXT),
    **dict.fromkeys(("content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"), FILTERED),
    **dict.fromkeys(("model_not_found", "DeploymentNotFound"), NO_MODEL),
    **dict.fromkeys(("access_denied", "AccessDeniedException"), DENIED),
    **dict.fromkeys(("unknown_url", "UnknownOperationException"), NO_ENDPOINT),
    **dict.fromkeys(("conversation_locked", "ConflictException"), BUSY),
    "ExpiredTokenException": EXPIRED,
    "ModelNotReadyException": LOADING,
    "previous_response_not_found": NO_PREVIOUS,
}
"""Codes and types that say more than the HTTP status they come with."""

BY_WORDS = (
    (frozenset({400, 404}), re.compile(r"\APrevious response"), NO_PREVIOUS),
    (
        frozenset({400, 413}),
        re.compile(r"maximum context length|available context size|ContextWindowExceededError"),
        CONTEXT,
    ),
    (frozenset({400, 500}), re.compile(r"Context size has been exceeded"), CONTEXT),  # llama.cpp, on the way
    (frozenset({400}), re.compile(r"content management policy|ContentPolicyViolationError"), FILTERED),
    (frozenset({401, 403}), re.compile(r"\btoken\b.*\bexpired\b", re.IGNORECASE), EXPIRED),
    (frozenset({400, 429}), re.compile(r"Budget has been exceeded|ExceededBudget"), QUOTA),
    (
        frozenset({400, 404}),
        re.compile(
            r"\bmodel (['\"`]).+?\1 (?:not found|does not exist|is not recogni)|is not a valid model ID"
            r"|model identifier is invalid|No models loaded|No endpoints found for|API deployment .* does not exist"
            r"|Invalid model name passed|Invocation of model ID",
            re.IGNORECASE,
        ),
        NO_MODEL,
    ),
    (frozenset({404}), re.compile(r"\ANo endpoints found that support"), INVALID),
    (frozenset({400}), re.compile(r"\AVector_store '.*' not found"), NOT_FOUND),  # ogx
    (frozenset({503}), re.compile(r"\ALoading model"), LOADING),
    (
        frozenset({200, 404}),
        re.compile(
            r"(?:(?:File )?Not Found|Resource not found|404 page not found)\Z"
            r"|Invalid URL \(|Unknown request URL|Unexpected endpoint or method"
        ),
        NO_ENDPOINT,
    ),
)
"""Statuses and words, for servers that came before the codes and gateways that drop them."""

WITHOUT_STATUS = {
    **BY_CODE,
    "rate_limit_exceeded": RATE,
    "too_many_requests": RATE,
    "server_error": DOWN,
    "model_error": DOWN,
    "vector_store_timeout": DOWN,
    "invalid_api_key": AUTH,
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
