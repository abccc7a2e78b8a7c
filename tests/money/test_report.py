"""The sums as ``usage://`` shows them."""

import json
import time
from typing import Any

from mcp_server.model.answer import Usage
from mcp_server.server.usage import usage_text
from tests.serving import House
from tests.store.examples import a_line, a_session, spend

DAY = 86_400


async def shown(house: House, name: str, owner: str = "local") -> dict[str, Any] | None:
    text = await usage_text(house.app, house.app.scope(owner), name)
    return None if text is None else json.loads(text)


async def test_today_is_summed_by_model_with_its_hit_rate(hosted: House) -> None:
    now, scope = time.time(), hosted.app.scope("local")
    used = Usage(input_tokens=200, cached_tokens=100, output_tokens=5, total_tokens=205, cost_usd=0.5, saved_usd=0.25)
    lines = [
        a_line(now, scope=scope, model="a", usage=used),
        a_line(now, scope=scope, model="b", usage=Usage(input_tokens=200)),
        a_line(now - 2 * DAY, scope=scope, model="c"),
    ]
    await spend(hosted.app.store, *lines, scope=scope)
    today = await shown(hosted, "today")
    assert today is not None
    assert (today["requests"], today["hit_rate"], today["unpriced_requests"]) == (2, 0.25, 1)
    assert (today["cost_usd"], today["saved_usd"]) == (0.5, 0.25)
    assert set(today["models"]) == {"a", "b"}
    assert today["models"]["a"]["hit_rate"] == 0.5
    assert today["models"]["b"]["cost_usd"] is None
    other = await shown(hosted, "today", "bob")
    assert other is not None
    assert (other["requests"], other["hit_rate"], other["cost_usd"], other["models"]) == (0, None, 0.0, {})


async def test_a_session_is_summed_over_all_its_days(hosted: House) -> None:
    now, scope = time.time(), hosted.app.scope("local")
    lines = [a_line(now - number * DAY, scope=scope, model="m") for number in range(3)]
    await spend(hosted.app.store, *lines, session="a/b", scope=scope)
    told = await shown(hosted, "session/a/b")
    assert told is not None
    assert (told["session"], told["requests"], told["cost_usd"]) == ("a/b", 3, 0.75)
    assert told["models"]["m"]["requests"] == 3


async def test_what_is_not_there_is_none_and_a_session_without_turns_is_nothing_spent(hosted: House) -> None:
    await hosted.app.store.sessions.create(a_session("fork", scope=hosted.app.scope("local")))
    told = await shown(hosted, "session/fork")
    assert told is not None
    assert told["requests"] == 0
    assert await shown(hosted, "session/none") is None
    assert await shown(hosted, "session/fork", "bob") is None
    assert await shown(hosted, "yesterday") is None
