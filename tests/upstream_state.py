"""An upstream that remembers: whole conversations, files and vector stores, as the real one keeps them.

    async with stateful() as up:
        up.say("Hello", [function_call("weather", "{}")])   # what it answers next: texts or output items
        ... a client on up.base_url ...
        assert len(up.posts()) == 2                         # everything that was paid for

Without ``say`` it answers "Turn N: <what was asked>", where N counts the user's messages it knows of (from the chain as
from a replay), or a smallest instance when a schema is asked for. A background response goes one step further with
each GET, or as fast as its stream is read; ``pause`` (an ``asyncio.Event``) holds every answer after its first event.
Answers planned with ``on`` come first, as in a scripted upstream.
"""

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

from tests.upstream import serving
from tests.upstream_answers import Answer, JsonObject, Request, error, reply, stream
from tests.upstream_shapes import events, message, response, smallest, usage
from tests.upstream_shelves import ONE, Handler, ShelvesUpstream, deleted

STEPS = {"queued": "in_progress", "in_progress": "completed"}


def stateful() -> "AbstractAsyncContextManager[StatefulUpstream]":
    """A new one, served in this event loop while the block runs and checked when it ends."""
    return serving(StatefulUpstream())


class StatefulUpstream(ShelvesUpstream):
    """``responses`` and ``conversations`` are what it keeps, by id, beside files and stores.

    ``inputs`` are the items that each response was an answer to. ``breaks`` are numbers of events: each of the next
    streams breaks off after so many.
    """

    def __init__(self) -> None:
        super().__init__()
        self.responses: dict[str, JsonObject] = {}
        self.conversations: dict[str, list[JsonObject]] = {}
        self.pause: asyncio.Event | None = None
        self.breaks: deque[int] = deque()
        self.inputs: dict[str, list[JsonObject]] = {}
        self._kept: dict[str, bool] = {}
        self._said: deque[str | list[JsonObject]] = deque()

    def routes(self) -> list[tuple[str, Handler]]:
        """What it answers, by method and path."""
        return [
            ("POST /v1/responses", self._create),
            ("POST /v1/responses/input_tokens", self._count_tokens),
            ("POST /v1/responses/compact", self._compact),
            (f"GET /v1/responses/{ONE}", self._retrieve),
            (f"DELETE /v1/responses/{ONE}", self._delete),
            (f"POST /v1/responses/{ONE}/cancel", self._cancel),
            ("POST /v1/conversations", self._create_conversation),
            (f"DELETE /v1/conversations/{ONE}", self._delete_conversation),
            *super().routes(),
        ]

    def say(self, *outputs: str | list[JsonObject]) -> None:
        """What the next responses say: texts, or lists of output items."""
        self._said.extend(outputs)

    def kept(self) -> set[str]:
        """Ids of the responses that can still be retrieved."""
        return {one for one, there in self._kept.items() if there}

    def someone_elses(self) -> str:
        """A response that this server did not make; returns its id."""
        self.responses["resp_foreign"] = response("Not yours.", id="resp_foreign")
        self._kept["resp_foreign"] = True
        return "resp_foreign"

    def forget(self, response_id: str) -> None:
        """What the upstream does in its own time."""
        self._kept[response_id] = False

    # Responses

    def _create(self, request: Request) -> Answer:
        body = request.json
        if wrong := self._wrong(body):
            return wrong
        final = self._respond(body, self._before(body) + _items(body.get("input") or []))
        if not body.get("stream"):
            return reply({**final, "status": "queued", "output": []} if body.get("background") else final)
        return self._streamed(final, events(final), self.pause)

    def _wrong(self, body: JsonObject) -> Answer | None:
        previous, conversation = body.get("previous_response_id"), _conversation_of(body)
        if previous is not None and not self._kept.get(previous):
            words = f"Previous response with id '{previous}' not found."
            return error(400, words, code="previous_response_not_found", param="previous_response_id")
        if conversation is not None and conversation not in self.conversations:
            return error(404, f"Conversation with id '{conversation}' not found.")
        if previous is not None and conversation is not None:
            return error(400, "previous_response_id and conversation exclude each other.", param="conversation")
        if body.get("background") and body.get("store") is False:
            return error(400, "Background responses must be stored.", param="store")
        return None

    def _streamed(self, final: JsonObject, told: list[JsonObject], pause: asyncio.Event | None = None) -> Answer:
        if self.breaks:
            return stream(told[: self.breaks.popleft()], ends="half")
        return stream(self._progress(final, told, pause))

    def _progress(
        self, final: JsonObject, told: list[JsonObject], pause: asyncio.Event | None
    ) -> Iterator[JsonObject | asyncio.Event]:
        # Events are drawn one by one as they are sent: a cancelled response sends no more of them.
        first, *rest = told
        yield first
        if pause is not None:
            yield pause
        for event in rest:
            if self._cancelled(final):
                return
            if event is told[-1]:
                self.responses[final["id"]] = final
            yield event

    def _cancelled(self, final: JsonObject) -> bool:
        return self.responses[final["id"]]["status"] == "cancelled"

    def _respond(self, body: JsonObject, known: list[JsonObject]) -> JsonObject:
        output = self._output(body, known)
        echoed = {
            name: body[name]
            for name in ("model", "previous_response_id", "prompt_cache_key", "background", "instructions", "store")
            if name in body
        }
        if conversation := _conversation_of(body):
            echoed["conversation"] = {"id": conversation}
            self.conversations[conversation] += [*_items(body.get("input") or []), *output]
        counts = usage(_words(known), _words(output), cached=_words(self._history(body.get("previous_response_id"))))
        final = response(**{"id": self.new_id("resp_"), "output": output, "usage": counts, **echoed})
        self._kept[final["id"]] = bool(body.get("store", True))
        self.inputs[final["id"]] = known
        self.responses[final["id"]] = {**final, "status": "queued"} if body.get("background") else final
        return final

    def _before(self, body: JsonObject) -> list[JsonObject]:
        if conversation := _conversation_of(body):
            return list(self.conversations[conversation])
        return self._history(body.get("previous_response_id"))

    def _history(self, response_id: str | None) -> list[JsonObject]:
        if response_id is None:
            return []
        return [*self.inputs[response_id], *self.responses[response_id]["output"]]

    def _output(self, body: JsonObject, known: list[JsonObject]) -> list[JsonObject]:
        said = self._said.popleft() if self._said else None
        if isinstance(said, list):
            return said
        shape = (body.get("text") or {}).get("format") or {}
        if said is None and shape.get("type") == "json_schema":
            said = json.dumps(smallest(shape["schema"], shape["schema"]))
        asked = [item for item in known if item.get("role") == "user"]
        text = said if said is not None else f"Turn {len(asked)}: {_text(asked[-1]) if asked else ''}"
        found = [self._file_search(tool, _text(asked[-1]), body) for tool in _searches(body) if asked]
        cited = [{"type": "file_citation", **best, "index": len(text)} for _, best in found if best]
        return [*(call for call, _ in found), message(text, item_id=self.new_id("msg_"), annotations=cited)]

    def _file_search(self, tool: JsonObject, query: str, body: JsonObject) -> tuple[JsonObject, JsonObject | None]:
        """The item that says what a search found, and the file of the best passage."""
        stores = [store_id for store_id in tool["vector_store_ids"] if store_id in self.stores]
        hits = [one for store_id in stores for one in self.best(store_id, [query], tool)]
        results = [{**one, "text": one["content"][0]["text"]} for one in hits]
        for one in results:
            del one["content"]
        shown = {"results": results if "file_search_call.results" in body.get("include", ()) else None}
        call = {
            "id": self.new_id("fs_"),
            "type": "file_search_call",
            "status": "completed",
            "queries": [query],
            **shown,
        }
        return call, {name: hits[0][name] for name in ("file_id", "filename")} if hits else None

    def _retrieve(self, request: Request, response_id: str) -> Answer:
        if not self._kept.get(response_id):
            return error(404, f"Response with id '{response_id}' not found.")
        found = self.responses[response_id]
        if request.query.get("stream") == "true":
            after = int(request.query.get("starting_after", -1))
            whole = {**found, "status": "completed"}
            return self._streamed(whole, [event for event in events(whole) if event["sequence_number"] > after])
        self.responses[response_id] = {**found, "status": STEPS.get(found["status"], found["status"])}
        return reply(found if found["status"] not in STEPS else {**found, "output": [], "usage": None})

    def _delete(self, request: Request, response_id: str) -> Answer:
        if not self._kept.pop(response_id, False):
            return error(404, f"Response with id '{response_id}' not found.")
        return reply({"id": response_id, "object": "response", "deleted": True})

    def _cancel(self, request: Request, response_id: str) -> Answer:
        found = self.responses.get(response_id)
        if found is None or not self._kept.get(response_id):
            return error(404, f"Response with id '{response_id}' not found.")
        if not found["background"]:
            return error(400, "Cannot cancel a synchronous response.")
        if found["status"] in STEPS:
            # What it has cost settles a moment later.
            self.responses[response_id] = {**found, "status": "cancelled", "output": []}
            return reply({**self.responses[response_id], "usage": None})
        return reply(found)

    def _compact(self, request: Request) -> Answer:
        body = request.json
        if wrong := self._wrong(body):
            return wrong
        known = self._before(body) + _items(body.get("input") or [])
        kept = [item for item in known if item.get("role") == "user"]
        short = {"id": self.new_id("cmp_"), "type": "compaction", "encrypted_content": f"{len(known)} items"}
        about = {"id": self.new_id("resp_"), "object": "response.compaction", "created_at": 1_793_000_000}
        return reply({**about, "output": [*kept[-1:], short], "usage": usage(_words(known), 1)})

    def _create_conversation(self, request: Request) -> Answer:
        made = self.new_id("conv_")
        self.conversations[made] = []
        return reply({"id": made, "object": "conversation", "created_at": 1_793_000_000, "metadata": {}})

    def _delete_conversation(self, request: Request, conversation_id: str) -> Answer:
        return deleted(self.conversations, conversation_id, "conversation")

    def _count_tokens(self, request: Request) -> Answer:
        told = _words(_items(request.json.get("input") or [])) + len((request.json.get("instructions") or "").split())
        return reply({"object": "response.input_tokens", "input_tokens": told})


def _items(asked: str | list[JsonObject]) -> list[JsonObject]:
    return [{"role": "user", "content": asked}] if isinstance(asked, str) else asked


def _text(item: JsonObject) -> str:
    content = item.get("content") or item.get("output") or item.get("arguments") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or "" for part in content if isinstance(part, dict))


def _words(items: list[JsonObject]) -> int:
    return sum(len(_text(item).split()) for item in items)


def _conversation_of(body: JsonObject) -> str | None:
    named = body.get("conversation")
    return named["id"] if isinstance(named, dict) else named


def _searches(body: JsonObject) -> list[JsonObject]:
    return [tool for tool in body.get("tools") or () if tool["type"] == "file_search"]
