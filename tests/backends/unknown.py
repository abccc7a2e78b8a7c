"""A compatible server that nobody knows, made of the habits of several: it takes everything and does only one thing.

It works in the foreground when told to work in the background (as Furiosa's), takes ``store`` and a previous id and
forgets (as DigitalOcean's), and where it has no endpoint it shows a web page.
"""

from tests.backends.compatible import MODEL, CompatibleUpstream, only
from tests.upstream_answers import Answer, JsonObject, Request, web_page

READ = ("input", "instructions", "model", "stream", "tools", "tool_choice")


class UnknownUpstream(CompatibleUpstream):
    """Answers, and nothing else."""

    enforces = False

    def unknown(self, request: Request) -> Answer:
        return web_page()

    def heard(self, body: JsonObject) -> JsonObject:
        return only(body, READ)

    def told(self, body: JsonObject) -> JsonObject:
        return {"model": body.get("model", MODEL), "previous_response_id": None, "store": True}
