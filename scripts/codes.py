"""Every error code that a caller can meet: what it means, what to do, whether the same call may succeed later.

``docs/troubleshooting.md`` is made of this. A test holds that the codes are those that the package gives, and that
``retry`` says what ``retryable`` does.
"""

from typing import Literal, NamedTuple


class Code(NamedTuple):
    """Sentences for a user. ``retry`` is what ``retryable`` is: always, never, or told by each error."""

    meaning: str
    remedy: str
    retry: Literal["yes", "no", "sometimes"] = "no"


CODES: dict[str, Code] = {
    # The call itself.
    "invalid_argument": Code(
        "An argument is wrong, a file or URL may not be read, or a limit is passed. Nothing was sent.",
        "Change what the message names. A path outside the allowed folders: add its folder to "
        "`RESPONSES_MCP_ALLOWED_ROOTS`.",
        "sometimes",
    ),
    "not_found": Code(
        "A session or job by this name is not yours, or the backend does not have the model, id or endpoint.",
        "List what there is (`sessions` with `list`, `poll` without ids, `models://list`). A model: pull, load or "
        "deploy it there, or set `RESPONSES_MCP_MODEL`.",
    ),
    "conflict": Code(
        "The `request_key` was used with other arguments, the name is taken, or the backend is busy with the same.",
        "Take a new key or name. Where the backend is busy, call again in a few seconds.",
        "sometimes",
    ),
    "not_supported": Code("This backend cannot do that at all.", "Leave it out, or use another backend."),
    "cancelled": Code(
        "The call was stopped before it had an answer; nothing more is sent.",
        "Nothing. Call again if you still want it.",
    ),
    # Settings, money, this machine.
    "configuration": Code(
        "A setting is missing or wrong, or a package that it needs is not installed.",
        "Set what the message names; `responses-mcp doctor` shows every setting and where it came from.",
    ),
    "budget": Code(
        "A budget that you set is used up; nothing was sent.",
        "Raise or unset it, or wait: the daily one is free again at midnight UTC.",
    ),
    "engine": Code(
        "The embedded engine could not be fetched, started or used.",
        "Where the message speaks of the network or memory, mend that and call again; or set up another backend.",
        "sometimes",
    ),
    "store": Code(
        "The file in which sessions and jobs are kept cannot be read or written.",
        "Make room, make the state folder writable, or name another file in `RESPONSES_MCP_STORE`.",
        "sometimes",
    ),
    "internal": Code(
        "This server made a mistake.",
        "Look into its log (stderr), and report it. Whether the request had been sent is not known.",
    ),
    # What the backend says.
    "auth": Code(
        "The backend refused the key, or this account may not do that.",
        "Check the key that the message names and what it may do; renew it if it has expired.",
    ),
    "quota": Code("The account's credit or spending limit is used up.", "Raise it with the provider."),
    "rate_limited": Code(
        "Too many requests or tokens a minute for this account.",
        "Wait as long as the message says, and call again.",
        "yes",
    ),
    "invalid_request": Code(
        "The backend refused the request.", "Change what its quoted words name; `dry_run` shows what is sent."
    ),
    "content_filter": Code(
        "The provider's content filter stopped the request.",
        "Change what it objects to, or the filter's settings with the provider.",
    ),
    "context_length": Code(
        "The input is longer than the model's context.",
        "Shorten it, `compact` the session, start a new one, or take a model with a larger context.",
    ),
    "previous_response_not_found": Code(
        "The response to go on from is not there any more, and its turns are not kept here either.",
        "Go on from another one, or start anew. A session whose turns are kept here goes on by itself.",
    ),
    "not_continued": Code(
        "The server ignored what came before. Sessions are replayed then, by themselves.",
        "Pass a `session` instead of a `previous_response_id` of somebody else's.",
    ),
    "upstream_unavailable": Code(
        "The backend failed, or its model is not ready yet.",
        "Call again in a minute. Where `outcome` is unknown, look first whether the request was carried out.",
        "sometimes",
    ),
    # The way there.
    "connect": Code(
        "The backend could not be reached; nothing was sent.",
        "Check the address, that the server runs, and the network or proxy; `responses-mcp doctor` says which it is.",
        "sometimes",
    ),
    "timeout": Code(
        "The backend did not answer in time.",
        "For long work use `start_background`, or raise `RESPONSES_MCP_TIMEOUT_SECONDS`. The request may have been "
        "paid for: look before you send it again.",
        "sometimes",
    ),
    "connection_lost": Code(
        "The connection broke off before the answer was complete.",
        "What had arrived is shown. The request may have been paid for: look before you send it again.",
        "sometimes",
    ),
    "bad_upstream_response": Code(
        "What answered is no Responses API: a web page, another shape, or a redirect to another server.",
        "Check the base URL; it usually ends in `/v1`.",
        "sometimes",
    ),
    # What nobody can know.
    "interrupted": Code(
        "The process that made the call died, or the time for asking was over, and nobody can say how it ended. It was "
        "not sent again.",
        "Send it as a new call if you still need it; it may have been paid for.",
    ),
    "expired": Code(
        "A background response ended while nobody asked, and the backend has thrown it away.",
        "Send it as a new call if you still need it; it was paid for.",
    ),
}
