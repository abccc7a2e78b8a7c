"""What a request costs: a table of prices as data, and the user's own ``prices.toml`` laid over it.

A model, tier or retention that the table does not know has no price. Nothing is guessed.
"""

import re
import tomllib
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from mcp_server.model.answer import Usage
from mcp_server.model.value import Frozen
from mcp_server.settings import BackendName, Settings

MILLION = 1_000_000
STANDARD = frozenset({None, "auto", "default", "standard"})
"""What a response calls the tier that the table's prices are for."""

_DATED = re.compile(r"(.+)-\d{4}-\d{2}-\d{2}")
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class LongContext(Frozen):
    """Above that many input tokens all input costs ``input`` times, all output ``output`` times as much."""

    above: int
    input: Amount
    output: Amount


class Price(Frozen):
    """One model's price in USD per million tokens; ``prices.toml`` says what each part means."""

    input: Amount
    output: Amount
    cached_input: Amount | None = None
    cache_write: Amount | None = None
    cache_write_12h: Amount | None = None
    long_context: LongContext | None = None
    tiers: dict[str, Amount] = {}
    regional: Amount | None = None

    def known(self, tier: str | None = None, retention: str | None = None) -> bool:
        """Whether the cost of a request on this service tier, with this life of its cache writes, can be told."""
        return (tier in STANDARD or tier in self.tiers) and self._write(retention) is not None

    def of(self, usage: Usage, tier: str | None = None, retention: str | None = None) -> Usage:
        """``usage`` with ``cost_usd`` and ``saved_usd``, both None where they cannot be known.

        ``tier`` is the ``service_tier`` that the response names; ``retention`` the ``ttl`` of the request's
        ``prompt_cache_options``, which matters only when the cache was written.
        """
        write = self._write(retention if usage.cache_write_tokens else None)
        factor = 1.0 if tier in STANDARD else self.tiers.get(tier or "")
        if write is None or factor is None:
            return usage.model_copy(update={"cost_usd": None, "saved_usd": None})
        long = self.long_context
        more_in, more_out = (long.input, long.output) if long and usage.input_tokens > long.above else (1.0, 1.0)
        read = self.input if self.cached_input is None else self.cached_input
        saved = usage.cached_tokens * (self.input - read) + usage.cache_write_tokens * (self.input - write)
        cost = (usage.input_tokens * self.input - saved) * more_in + usage.output_tokens * self.output * more_out
        return usage.model_copy(
            update={"cost_usd": _dollars(cost * factor), "saved_usd": _dollars(saved * more_in * factor)}
        )

    def times(self, factor: float) -> "Price":
        """The price where everything costs ``factor`` times as much."""
        amounts = {name: getattr(self, name) for name in ("input", "output", "cached_input", "cache_write")}
        amounts["cache_write_12h"] = self.cache_write_12h
        return self.model_copy(update={name: one * factor for name, one in amounts.items() if one is not None})

    def _write(self, retention: str | None) -> float | None:
        if self.cache_write is None:
            return self.input
        return self.cache_write_12h if retention == "12h" else self.cache_write


FREE = Price(input=0, output=0)


class Prices(Frozen):
    """The prices that hold for one backend. ``problem`` says what is wrong with the user's file, if anything is."""

    models: dict[str, Price] = {}
    free: bool = False
    problem: str | None = None

    @classmethod
    def load(cls, settings: Settings, *, free: bool = False) -> "Prices":
        """The packaged table and the user's ``prices.toml`` over it; ``free``: the backend costs nothing.

        Never fails: a file of the user's that cannot be used is a ``problem``.
        """
        models = _packaged().of(settings.backend)
        if _regional(settings.base_url):
            models = {name: price.times(price.regional) for name, price in models.items() if price.regional}
        own, problem = _own(settings)
        return cls(models=models | own, free=free, problem=problem)

    def price(self, model: str | None) -> Price | None:
        """The price of a model, by its id or by its id without the date; None when it is not known."""
        if self.free:
            return FREE
        if model is None:
            return None
        dated = _DATED.fullmatch(model)
        return self.models.get(model) or (self.models.get(dated[1]) if dated else None)

    def of(self, usage: Usage, model: str | None, tier: str | None = None, retention: str | None = None) -> Usage:
        """``usage`` of a request to ``model`` with what it cost; see ``Price.of``."""
        price = self.price(model)
        return usage if price is None else price.of(usage, tier, retention)


class _Group(BaseModel, extra="forbid"):
    """Prices with one source. What else stands in it holds for each of its models."""

    source: str | None = None
    as_of: date | None = None
    backends: tuple[BackendName, ...] | None = None
    long_context: LongContext | None = None
    tiers: dict[str, Amount] = {}
    regional: Amount | None = None
    models: dict[str, Price]

    def filled(self, price: Price) -> Price:
        """The price with what holds for the whole group, where it does not say otherwise."""
        shared = {"long_context": self.long_context, "tiers": self.tiers, "regional": self.regional}
        return price.model_copy(update={k: v for k, v in shared.items() if k not in price.model_fields_set})


class _Table(BaseModel, extra="forbid"):
    """A whole file."""

    prices: list[_Group] = []

    def of(self, backend: BackendName) -> dict[str, Price]:
        """The prices that hold on this backend."""
        return {
            name: group.filled(price)
            for group in self.prices
            if group.backends is None or backend in group.backends
            for name, price in group.models.items()
        }


@cache
def _packaged() -> _Table:
    table = (resources.files("mcp_server.money") / "prices.toml").read_text("utf-8")
    return _Table.model_validate(tomllib.loads(table))


def _own(settings: Settings) -> tuple[dict[str, Price], str | None]:
    """The user's prices, and what is wrong with them."""
    path = settings.home / "prices.toml"
    try:
        return _Table.model_validate(tomllib.loads(path.read_text("utf-8"))).of(settings.backend), None
    except FileNotFoundError:
        return {}, None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return {}, f"{path} cannot be used ({place}: {first['msg']}); mend or remove it."
    except (OSError, ValueError) as error:
        return {}, f"{path} cannot be read ({error}); mend or remove it."


def _regional(base_url: str | None) -> bool:
    return bool(base_url) and (urlsplit(base_url).hostname or "").endswith(".api.openai.com")


def _dollars(millionths: float) -> float:
    """Rounded where only the noise of binary fractions is left."""
    return round(millionths / MILLION, 12)
