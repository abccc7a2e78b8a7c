"""``responses-mcp usage``, as a person and a program see it."""

import asyncio
import io
import json
import sys
import time
from pathlib import Path

import pytest

from mcp_server.cli import main
from mcp_server.cli.usage import ASCII, BLOCKS, sparkline
from mcp_server.model.answer import Usage
from mcp_server.model.spending import Spending
from mcp_server.model.value import Scope
from mcp_server.store.sqlite import open_sqlite
from tests.store.examples import a_line, spend

DAY = 86_400
OPENAI = Scope(owner="local", backend="openai")
LOCAL = Scope(owner="local", backend="local")
BOB = Scope(owner="bob", backend="openai")


def put(home: Path, *lines: Spending, session: str | None = None) -> None:
    async def write() -> None:
        store = await open_sqlite(home / "store.db")
        for line in lines:
            await spend(store, line, session=session, scope=line.scope)
        await store.close()

    asyncio.run(write())


def used(**more: float) -> Usage:
    tokens = {"input_tokens": 1200, "cached_tokens": 900, "output_tokens": 30, "reasoning_tokens": 7}
    return Usage(**{**tokens, "total_tokens": 1230, "cost_usd": 0.5, "saved_usd": 0.25, **more})


def test_without_a_store_nothing_was_used_and_none_is_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage"]) == 0
    assert capsys.readouterr().out == "Nothing has been used yet.\n"
    assert main(["usage", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"] == 0
    assert list(home.iterdir()) == []


def test_days_and_models_of_all_backends_stand_in_a_table_with_their_sum(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = time.time()
    put(
        home,
        a_line(now - DAY, scope=OPENAI, model="gpt-5.4", usage=used()),
        a_line(now - 1e-3, scope=LOCAL, model="smol", usage=used(cost_usd=0.0, saved_usd=0.0)),
        a_line(now, scope=BOB, model="secret"),
    )
    assert main(["usage"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["day", "(UTC)", "model"]
    day = time.strftime("%Y-%m-%d", time.gmtime(now - DAY))
    assert lines[2].split() == [day, "gpt-5.4", "1", "1,200", "75%", "30", "7", "0.5000", "0.2500"]
    assert lines[3].split()[1:] == ["smol", "1", "1,200", "75%", "30", "7", "0.0000", "0.0000"]
    assert lines[5].split() == ["together", "2", "2,400", "75%", "60", "14", "0.5000", "0.2500"]
    assert lines[7].strip().startswith(BLOCKS[-1])
    assert "at most $0.5000" in lines[7]
    assert "secret" not in "\n".join(lines)


def test_requests_without_a_price_are_told_apart(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(home, a_line(time.time(), scope=OPENAI, model="new", usage=Usage(input_tokens=5, total_tokens=5)))
    assert main(["usage"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[2].split()[-2:] == ["-", "-"]
    assert "tokens per day, at most 5" in out
    assert f"1 request has no known price and no part in the cost (new); see {home / 'prices.toml'}." in out


def test_days_and_session_narrow_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    put(home, a_line(now - 5 * DAY, scope=OPENAI, model="old"), session="s")
    put(home, a_line(now, scope=OPENAI, model="new"))

    def models(*arguments: str) -> list[str]:
        assert main(["usage", "--json", *arguments]) == 0
        return [row["model"] for row in json.loads(capsys.readouterr().out)["days"]]

    assert models() == ["old", "new"]
    assert models("--days", "6") == ["old", "new"]
    assert models("--days", "5") == ["new"]
    assert models("--session", "s") == ["old"]
    assert main(["usage", "--days", "2", "--session", "s"]) == 0
    assert capsys.readouterr().out == "Nothing was used in the last 2 days.\n"


@pytest.mark.parametrize("days", ["0", "-3", "many", "99999"])
def test_a_wrong_number_of_days_is_wrong_usage(days: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["usage", "--days", days])
    assert ended.value.code == 2


def test_a_terminal_without_block_signs_gets_ascii(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(home, a_line(time.time(), scope=OPENAI, model="m"))
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii", write_through=True))
    assert main(["usage", "--days", "3"]) == 0
    assert f"{ASCII[-1]}  cost per day" in written.getvalue().decode("ascii")


def test_a_store_that_cannot_be_read_is_told_on_stderr(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "store.db").write_bytes(b"no database at all" * 100)
    assert main(["usage"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "store.db" in told.err


def test_a_price_file_that_cannot_be_used_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "prices.toml").write_text("= nonsense", "utf-8")
    assert main(["usage"]) == 0
    assert "prices.toml" in capsys.readouterr().err


def test_a_sparkline_has_a_sign_for_however_little_and_none_for_nothing() -> None:
    assert sparkline([0, 1e-9, 4, 8]) == f" {BLOCKS[0]}{BLOCKS[4]}{BLOCKS[7]}"
    assert sparkline([0, 0]) == "  "
    assert sparkline([]) == ""
    assert len(BLOCKS) == len(ASCII)
