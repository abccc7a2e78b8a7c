"""Bedrock's Runtime endpoint: always synchronous, without hosted tools, asked for inference profiles."""

from tests.backends.bedrock import TOKEN, BedrockUpstream
from tests.backends.cloud import ROUTE, parts
from tests.upstream_answers import Answer, JsonObject, Request

PROFILE = "us.openai.gpt-5.6-sol"
HOST = "vpce-0a1b2c3d.bedrock-runtime.us-west-2.vpce.amazonaws.com"
"""A private endpoint as AWS names them, which may be spoken to without TLS; the tests of this folder find it here."""
SCOPES = ("us.", "global.", "us-gov.")
TOOLS = ("function", "mcp", "custom", "apply_patch", "namespace", "tool_search", "computer")
"""What its own refusal names: nothing of it runs there."""


def variables(base_url: str) -> dict[str, str]:
    """The settings of a user of this endpoint, whose name is how it is told from the other one."""
    return {
        "AWS_BEARER_TOKEN_BEDROCK": TOKEN,
        "AWS_REGION": "us-west-2",
        "BEDROCK_MODEL": PROFILE,
        "BEDROCK_BASE_URL": base_url.replace("127.0.0.1", HOST).removesuffix("/v1") + ROUTE,
    }


class RuntimeUpstream(BedrockUpstream):
    """It names a request in AWS's own header alone."""

    def refusal(self, request: Request) -> Answer | None:
        """As both endpoints do, on one route."""
        return super().refusal(request) or (None if request.path.startswith(f"{ROUTE}/") else self.nowhere())

    def wrong(self, body: JsonObject) -> Answer | None:
        """Why a request for a response is refused."""
        name = body.get("model", PROFILE)
        if not name.startswith(SCOPES):
            words = (
                f"Invocation of model ID {name} with on-demand throughput isn't supported. Retry your request with the "
                "ID or ARN of an inference profile that contains this model."
            )
            return self.failed(400, words)
        if body.get("background"):
            return self.failed(400, "The background parameter is not supported.", param="background")
        for number, tool in enumerate(body.get("tools") or ()):
            if tool["type"].startswith("web_search"):
                return self.failed(400, "web search is not supported for this request")
            if tool["type"] not in TOOLS:
                words = f"Invalid value: '{tool['type']}'. Supported values are: {', '.join(TOOLS)}."
                return self.failed(400, words, param=f"tools[{number}].type")
        for part in parts(body):
            if part["type"] == "input_image" and not part.get("image_url", "").startswith(("data:", "s3:")):
                return self.failed(400, "Only data and s3 URLs are supported for images.", param="image_url")
        return super().wrong(body)

    def headers(self) -> dict[str, str]:
        """What names a request that failed."""
        return {"x-amzn-requestid": self.new_id("")}
