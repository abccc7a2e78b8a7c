"""``responses-mcp usage``: what was used per day and model, what it cost, and how the days went."""

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio

from mcp_server import settings
from mcp_server.errors import ServerError
from mcp_server.model.spending import DaySpent, Spent
from mcp_server.money.prices import Prices
from mcp_server.money.report import fields, midnight, report, summed
from mcp_server.store.sqlite import open_sqlite

OWNER = "local"
"""Whose usage it is: stdio has one owner."""

DAY_SECONDS = 86_400
HEAD = ("day (UTC)", "model", "requests", "input", "cached", "output", "reasoning", "cost USD", "saved USD")
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.:-=+*#"


def run(chosen: Namespace) -> int:
    """Print the days that were asked for, today included; returns the exit code."""
    told = settings.load()
    days: int = chosen.days
    try:
        path = settings.sqlite_path(told)
        since = midnight(time.time()) - (days - 1) * DAY_SECONDS
        parts = anyio.run(_read, path, since, chosen.session) if path.is_file() else []
    except ServerError as error:
        print(error.message, file=sys.stderr)
        return 1
    problem = Prices.load(told).problem
    if problem:
        print(problem, file=sys.stderr)
    if chosen.json:
        rows = [{"day": part.day, "model": part.model, **fields(part.spent)} for part in parts]
        print(json.dumps({"since": _day(since), **report(parts), "days": rows}, indent=2))
        return 0
    if not path.is_file():
        print("Nothing has been used yet.")
    elif not parts:
        print(f"Nothing was used in the last {days} days.")
    else:
        print(*_lines(parts, since, days, told.home), sep="\n")
    return 0


async def _read(path: Path, since: float, session: str | None) -> list[DaySpent]:
    """The sums of all backends together, oldest day first."""
    store = await open_sqlite(path)
    try:
        scopes = await store.spendings.scopes(OWNER)
        found = [day for scope in scopes for day in await store.spendings.by_day(scope, since, session=session)]
    finally:
        await store.close()
    keys = sorted({(day.day, day.model) for day in found})
    return [
        DaySpent(day=key[0], model=key[1], spent=summed(one.spent for one in found if (one.day, one.model) == key))
        for key in keys
    ]


def _lines(parts: Sequence[DaySpent], since: float, days: int, home: Path) -> Iterable[str]:
    whole = summed(part.spent for part in parts)
    rows = [HEAD, *(_row(part.day, part.model, part.spent) for part in parts), _row("together", "", whole)]
    return [*_table(rows), "", _trend(parts, since, days), *_unpriced(parts, whole, home)]


def _row(day: str, model: str, spent: Spent) -> tuple[str, ...]:
    told = fields(spent)
    cached = "-" if told["hit_rate"] is None else f"{told['hit_rate']:.0%}"
    counts = (f"{told[name]:,}" for name in ("input_tokens", "output_tokens", "reasoning_tokens"))
    amounts = ("-" if told[name] is None else f"{told[name]:,.4f}" for name in ("cost_usd", "saved_usd"))
    read, written, thought = counts
    return day, model, f"{spent.requests:,}", read, cached, written, thought, *amounts


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Names to the left, numbers to the right, a rule below the head and above the sum."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    rule = "-" * max(map(len, lines))
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]


def _trend(parts: Sequence[DaySpent], since: float, days: int) -> str:
    """One sign a day: its cost, or its tokens where nothing has a price."""
    by_cost = any(part.spent.usage.cost_usd for part in parts)
    totals = dict.fromkeys((_day(since + number * DAY_SECONDS) for number in range(days)), 0.0)
    for part in parts:
        amount = part.spent.usage.cost_usd if by_cost else part.spent.usage.total_tokens
        totals[part.day] = totals.get(part.day, 0.0) + (amount or 0.0)
    most = max(totals.values())
    what = f"cost per day, at most ${most:,.4f}" if by_cost else f"tokens per day, at most {most:,.0f}"
    return f"{sparkline(list(totals.values()), _signs())}  {what}"


def sparkline(values: Sequence[float], signs: str = BLOCKS) -> str:
    """A sign per value; a blank for nothing, and the lowest sign for however little."""
    top = max(values, default=0.0)
    last = len(signs) - 1
    return "".join(" " if value <= 0 else signs[min(last, int(value / top * len(signs)))] for value in values)


def _signs() -> str:
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return ASCII
    return BLOCKS


def _unpriced(parts: Sequence[DaySpent], whole: Spent, home: Path) -> list[str]:
    if not whole.unpriced:
        return []
    names = sorted({part.model for part in parts if part.spent.unpriced})
    count = "1 request has" if whole.unpriced == 1 else f"{whole.unpriced:,} requests have"
    return [f"{count} no known price and no part in the cost ({', '.join(names)}); see {home / 'prices.toml'}."]


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
