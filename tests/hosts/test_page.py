"""The page of the hosts, as it is committed."""

import pytest

from tests.hosts.page import HOSTS, OPT_IN, PAGE, RENEW, SUITES, page, pinned, read


def test_it_says_what_was_found_and_nothing_else() -> None:
    assert PAGE.read_text("utf-8") == page(read())


def test_it_says_something_in_every_cell_of_the_rows_that_every_run_makes() -> None:
    cells = read()
    always = [row for row in (*HOSTS, *SUITES) if row.command != OPT_IN]
    unknown = [(row.name, column) for row in always for column in row.columns if cells[row.name, column] == "?"]
    assert unknown == []


def test_a_finding_that_it_does_not_say_names_the_command_that_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RENEW, raising=False)
    with pytest.raises(AssertionError, match=rf"{RENEW}=1 python3 scripts/dev.py test tests/hosts"):
        pinned("MCP Inspector, modern", "version", "0.0.0")
