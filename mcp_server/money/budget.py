"""Budgets: a new paid call is refused once what was spent has reached one.

Calls that were admitted before go on, so that what they cost comes on top. What cannot be priced is not let through.
"""

from dataclasses import dataclass
from pathlib import Path

from mcp_server.errors import BudgetExceeded, ConfigurationError
from mcp_server.model.value import Scope
from mcp_server.money.prices import Prices
from mcp_server.money.report import midnight
from mcp_server.settings import Settings
from mcp_server.store.protocol import Spendings


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The limits in USD that the settings set; None is no limit."""

    daily: float | None
    per_session: float | None
    prices: Prices
    home: Path

    @classmethod
    def of(cls, settings: Settings, prices: Prices) -> "Budget":
        """The budgets of these settings."""
        return cls(
            daily=settings.daily_budget_usd,
            per_session=settings.session_budget_usd,
            prices=prices,
            home=settings.home,
        )

    @property
    def limited(self) -> bool:
        """Whether any budget is set."""
        return self.daily is not None or self.per_session is not None

    async def check(
        self,
        spendings: Spendings,
        scope: Scope,
        *,
        model: str | None,
        session: str | None,
        now: float,
        tier: str | None = None,
        retention: str | None = None,
    ) -> None:
        """Let a request pass, or say why not. Where no budget is set nothing is looked up.

        ``tier`` and ``retention`` are what the request asks for, as in ``Price.of``; ``now`` is in seconds since 1970.

        Raises:
            BudgetExceeded: today's or the session's budget is used up.
            ConfigurationError: there is a budget, but what the request would cost is not known.
        """
        if not self.limited:
            return
        self._require_price(model, tier, retention)
        if self.daily is not None:
            today = await spendings.total(scope, since=midnight(now))
            _require_room(
                self.daily,
                today.usage.cost_usd or 0.0,
                "The daily budget",
                "today; it is free again at midnight UTC, or raise RESPONSES_MCP_DAILY_BUDGET_USD",
            )
        if self.per_session is not None and session is not None:
            whole = await spendings.total(scope, session=session)
            _require_room(
                self.per_session,
                whole.usage.cost_usd or 0.0,
                f"The budget of the session '{session}'",
                "in it; go on in a new session, or raise RESPONSES_MCP_SESSION_BUDGET_USD",
            )

    def _require_price(self, model: str | None, tier: str | None, retention: str | None) -> None:
        price = self.prices.price(model)
        if price is not None and price.known(tier, retention):
            return
        what = "A model that is not named" if model is None else f"The model '{model}'"
        if price is not None:
            what += f" with service tier '{tier or 'default'}' and cache life '{retention or 'default'}'"
        raise ConfigurationError(
            f"{what} has no known price, so the budget cannot be kept; add the price to {self.home / 'prices.toml'}, "
            "use another model, or unset the budget."
        )


def _require_room(budget: float, spent: float, name: str, advice: str) -> None:
    if spent >= budget:
        raise BudgetExceeded(f"{name} of ${budget:,.2f} is used up: ${spent:,.4f} were spent {advice}.")
