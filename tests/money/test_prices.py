"""What a request costs, and what is not known."""

import tomllib
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server import settings
from mcp_server.model.answer import Usage
from mcp_server.money.prices import LongContext, Price, Prices

PRICE = Price(input=2, cached_input=0.2, cache_write=2.5, cache_write_12h=4, output=10, tiers={"flex": 0.5, "fast": 2})
M = 1_000_000
LONG = LongContext(above=272_000, input=2, output=1.5)


def load(home: Path, own: str | None = None, **variables: str) -> Prices:
    if own is not None:
        (home / "prices.toml").write_text(own, "utf-8")
    return Prices.load(settings.load({"RESPONSES_MCP_HOME": str(home), "OPENAI_API_KEY": "sk-1", **variables}))


def cost(price: Price, tier: str | None = None, retention: str | None = None, **tokens: int) -> tuple[object, object]:
    usage = price.of(Usage(**tokens), tier, retention)
    return usage.cost_usd, usage.saved_usd


def test_cached_and_written_tokens_are_parts_of_the_input() -> None:
    done = cost(PRICE, input_tokens=10 * M, cached_tokens=6 * M, cache_write_tokens=M, output_tokens=M)
    assert done == (3 * 2 + 6 * 0.2 + 2.5 + 10, 6 * 1.8 - 0.5)


def test_writing_a_cache_that_nobody_reads_saves_less_than_nothing() -> None:
    assert cost(PRICE, input_tokens=M, cache_write_tokens=M) == (2.5, -0.5)


def test_without_prices_of_their_own_cached_and_written_tokens_cost_what_others_do() -> None:
    plain = Price(input=2, output=10)
    assert cost(plain, input_tokens=3 * M, cached_tokens=M, cache_write_tokens=M) == (6, 0)


@given(
    ordinary=st.integers(0, 10**7),
    cached=st.integers(0, 10**7),
    written=st.integers(0, 10**7),
    out=st.integers(0, 10**7),
)
def test_cost_and_saving_add_up_to_the_cost_without_a_cache(ordinary: int, cached: int, written: int, out: int) -> None:
    usage = Usage(
        input_tokens=ordinary + cached + written, cached_tokens=cached, cache_write_tokens=written, output_tokens=out
    )
    done = PRICE.of(usage)
    assert done.cost_usd is not None
    assert done.saved_usd is not None
    assert done.cost_usd >= 0
    plain = (usage.input_tokens * 2 + out * 10) / M
    assert done.cost_usd + done.saved_usd == pytest.approx(plain, abs=1e-9)
    assert done.model_copy(update={"cost_usd": None, "saved_usd": None}) == usage


def test_a_long_request_costs_more_as_a_whole_and_only_above_the_limit() -> None:
    price = PRICE.model_copy(update={"long_context": LONG})
    assert cost(price, input_tokens=272_000, output_tokens=M) == (pytest.approx(0.544 + 10), 0)
    assert cost(price, input_tokens=272_001, cached_tokens=272_000, output_tokens=M) == (
        pytest.approx((272_000 * 0.4 + 4) / M + 15),
        pytest.approx(272_000 * 3.6 / M),
    )


@pytest.mark.parametrize(
    ("tier", "factor"),
    [(None, 1), ("auto", 1), ("default", 1), ("standard", 1), ("flex", 0.5), ("fast", 2), ("ultrafast", None)],
)
def test_a_service_tier_multiplies_the_price_or_makes_it_unknown(tier: str | None, factor: float | None) -> None:
    expected = (None, None) if factor is None else (2 * factor, 0)
    assert cost(PRICE, tier, input_tokens=M) == expected
    assert PRICE.known(tier) == (factor is not None)


def test_a_write_that_is_kept_longer_has_its_own_price_or_none() -> None:
    assert cost(PRICE, None, "12h", input_tokens=M, cache_write_tokens=M) == (4, -2)
    assert cost(PRICE, None, "30m", input_tokens=M, cache_write_tokens=M) == (2.5, -0.5)
    short = PRICE.model_copy(update={"cache_write_12h": None})
    assert cost(short, None, "12h", input_tokens=M, cache_write_tokens=M) == (None, None)
    assert not short.known(None, "12h")
    assert cost(short, None, "12h", input_tokens=M) == (2, 0)  # nothing was written


@pytest.mark.parametrize(
    ("model", "input_price"),
    [
        ("gpt-4o", 2.5),
        ("gpt-4o-2024-08-06", 2.5),
        ("gpt-4o-2024-05-13", 5),
        ("gpt-5.6", 4),
        ("gpt-5.6-sol", 4),
        ("gpt-4o-2024", None),
        ("gpt-4o-mini-audio", None),
        ("gpt-99", None),
        ("openai/gpt-4o", None),
        ("us.openai.gpt-5.6-sol", None),
        ("", None),
        (None, None),
    ],
)
def test_a_model_is_known_by_its_id_or_its_dated_id_alone(
    tmp_path: Path, model: str | None, input_price: float | None
) -> None:
    prices = load(tmp_path)
    found = prices.price(model)
    assert (found and found.input) == input_price
    assert prices.of(Usage(output_tokens=M), model).cost_usd == (found and found.output)


def test_every_packaged_price_has_a_source_and_a_date_and_is_plausible(tmp_path: Path) -> None:
    table = tomllib.loads((resources.files("mcp_server.money") / "prices.toml").read_text("utf-8"))
    assert all(group["source"] and group["as_of"] and group["backends"] == ["openai"] for group in table["prices"])
    names = [name for group in table["prices"] for name in group["models"]]
    assert len(names) == len(set(names)) > 40
    for name, price in load(tmp_path).models.items():
        assert 0 < price.input < 200, name
        assert price.output > price.input or name.startswith("text-embedding"), name
        assert price.cached_input is None or price.cached_input < price.input, name
        # OpenAI's own rule for every model that charges for writes
        assert price.cache_write is None or price.cache_write == pytest.approx(1.25 * price.input), name


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENAI_BASE_URL": "https://resold.example/v1"},
        {"OPENAI_BASE_URL": "https://api.openai.com.evil.example/v1"},
        {"RESPONSES_MCP_BACKEND": "azure"},
        {"RESPONSES_MCP_BACKEND": "bedrock"},
    ],
)
def test_openais_prices_are_nobody_elses(tmp_path: Path, variables: dict[str, str]) -> None:
    assert load(tmp_path, **variables).price("gpt-5.4") is None


def test_a_regional_address_costs_more_where_that_is_known_and_is_unknown_elsewhere(tmp_path: Path) -> None:
    prices = load(tmp_path, OPENAI_BASE_URL="https://eu.api.openai.com/v1")
    luna = prices.price("gpt-6-luna")
    assert luna
    assert (luna.input, luna.output, luna.cache_write_12h) == (pytest.approx(0.11), pytest.approx(0.55), None)
    assert prices.price("gpt-4o") is None


def test_on_a_free_backend_everything_costs_nothing(tmp_path: Path) -> None:
    free = Prices.load(settings.load({"RESPONSES_MCP_HOME": str(tmp_path)}), free=True)
    usage = free.of(Usage(input_tokens=M, cached_tokens=5), None)
    assert (usage.cost_usd, usage.saved_usd) == (0, 0)


def test_the_users_file_lies_over_the_packaged_one_and_counts_everywhere(tmp_path: Path) -> None:
    own = """
        [[prices]]
        tiers = { flex = 0.25 }
        [prices.models]
        "gpt-4o" = { input = 1, output = 3 }
        mine = { input = 7, output = 8, tiers = {} }
    """
    for variables in ({}, {"OPENAI_BASE_URL": "https://resold.example/v1"}):
        prices = load(tmp_path, own, **variables)
        assert prices.problem is None
        assert prices.price("gpt-4o-2024-08-06") == Price(input=1, output=3, tiers={"flex": 0.25})
        assert prices.price("mine") == Price(input=7, output=8)
    assert load(tmp_path, own).price("gpt-5.4") is not None


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ("= nonsense", "cannot be read"),
        ('[[prices]]\n[prices.models]\n"m" = { input = 1 }', "prices.0.models.m.output: Field required"),
        ('[[prices]]\n[prices.models]\n"m" = { input = -1, output = 1 }', "greater than or equal to 0"),
        ('[[prices]]\n[prices.models]\n"m" = { input = nan, output = 1 }', "finite"),
        ('[[prices]]\n[prices.models]\n"m" = { input = 1, output = 1, cached = 1 }', "prices.0.models.m.cached"),
        ("[models]\nm = 1", "models: Extra"),
    ],
)
def test_a_users_file_that_cannot_be_used_is_told_and_stops_nothing(tmp_path: Path, own: str, reason: str) -> None:
    prices = load(tmp_path, own)
    assert prices.problem is not None
    assert str(tmp_path / "prices.toml") in prices.problem
    assert reason in prices.problem
    assert prices.price("gpt-5.4") is not None
