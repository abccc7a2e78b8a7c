"""A budget that is used up refuses, and so does one that cannot be kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mcp_server.errors import BudgetExceeded, ConfigurationError, ServerError
from mcp_server.model.answer import Usage
from mcp_server.model.value import Scope
from mcp_server.money.budget import Budget
from mcp_server.money.prices import Price, Prices
from mcp_server.store.protocol import Store
from tests.store.examples import MINE, OTHERS, a_line, spend

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
NOON = MIDNIGHT + 43_200
PRICES = Prices(models={"m": Price(input=1, output=1, cache_write=2, tiers={"flex": 0.5})})


def budget(daily: float | None = None, per_session: float | None = None, prices: Prices = PRICES) -> Budget:
    return Budget(daily=daily, per_session=per_session, prices=prices, home=Path("home"))


async def refusal(
    held: Budget,
    store: Store,
    *,
    scope: Scope = MINE,
    model: str | None = "m",
    session: str | None = "s",
    now: float = NOON,
    tier: str | None = None,
    retention: str | None = None,
) -> ServerError | None:
    try:
        await held.check(store.spendings, scope, model=model, session=session, now=now, tier=tier, retention=retention)
    except (BudgetExceeded, ConfigurationError) as error:
        return error
    return None


async def test_without_a_budget_everything_passes(store: Store) -> None:
    await spend(store, a_line(NOON), session="s")
    assert await refusal(budget(), store, model="unknown") is None
    assert [held.limited for held in (budget(), budget(daily=1), budget(per_session=1))] == [False, True, True]


@pytest.mark.parametrize(("daily", "passes"), [(0.51, True), (0.5, False), (0.1, False)])
async def test_the_daily_budget_is_used_up_when_the_days_sum_has_reached_it(
    store: Store, daily: float, passes: bool
) -> None:
    await spend(store, a_line(MIDNIGHT), a_line(NOON - 1))
    said = await refusal(budget(daily=daily), store, session=None)
    assert (said is None) == passes
    if said:
        assert isinstance(said, BudgetExceeded)
        assert said.failure().code == "budget"
        assert said.failure().outcome == "not_sent"
        assert f"${daily:.2f}" in said.message
        assert "$0.5000" in said.message
        assert "RESPONSES_MCP_DAILY_BUDGET_USD" in said.message


async def test_a_new_day_begins_at_midnight_in_utc(store: Store) -> None:
    await spend(store, a_line(MIDNIGHT - 0.001))
    assert await refusal(budget(daily=0.1), store, now=MIDNIGHT - 0.0005) is not None
    assert await refusal(budget(daily=0.1), store, now=MIDNIGHT) is None


async def test_the_session_budget_counts_that_session_on_all_days(store: Store) -> None:
    await spend(store, a_line(MIDNIGHT - 9e6), session="s")
    await spend(store, a_line(NOON), session="t")
    held = budget(per_session=0.25)
    said = await refusal(held, store)
    assert isinstance(said, BudgetExceeded)
    assert "'s'" in said.message
    assert "RESPONSES_MCP_SESSION_BUDGET_USD" in said.message
    assert await refusal(budget(per_session=0.26), store) is None
    assert await refusal(held, store, session="new") is None
    assert await refusal(held, store, session=None) is None


async def test_what_others_spend_does_not_count(store: Store) -> None:
    for scope in OTHERS:
        await spend(store, a_line(NOON), session="s", scope=scope)
    assert await refusal(budget(daily=0.1, per_session=0.1), store) is None


@pytest.mark.parametrize(
    "asked", [{"model": "unknown"}, {"model": None}, {"tier": "ultrafast"}, {"retention": "12h"}], ids=str
)
@pytest.mark.parametrize("held", [budget(daily=1), budget(per_session=1)], ids=["daily", "session"])
async def test_what_cannot_be_priced_is_refused_while_there_is_a_budget(store: Store, held: Budget, asked) -> None:
    said = await refusal(held, store, **asked)
    assert isinstance(said, ConfigurationError)
    assert str(Path("home") / "prices.toml") in said.message


async def test_known_tiers_and_lives_pass(store: Store) -> None:
    assert await refusal(budget(daily=1), store, tier="flex", retention="30m") is None


async def test_a_free_backend_is_never_refused(store: Store) -> None:
    await spend(store, a_line(NOON, usage=Usage(input_tokens=10**9, cost_usd=0.0, saved_usd=0.0)), session="s")
    held = budget(daily=0.01, per_session=0.01, prices=Prices(free=True))
    assert await refusal(held, store, model="anything.gguf") is None
    assert await refusal(held, store, model=None) is None
