"""What the price of a request depends on besides its model and its tokens."""

from mcp_server.model.value import JsonObject


def tier(params: JsonObject, told: str | None = None) -> str | None:
    """The service tier: what the response tells, else what was asked for.

    Work in a discounted window of hours is a tier of its own, which no price is known for.
    """
    options: JsonObject = params.get("background_options") or {}
    window = options.get("completion_window", "soonest")
    return told or params.get("service_tier") if window == "soonest" else f"window of {window}"
