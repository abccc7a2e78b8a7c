"""``responses-mcp doctor``: what is set, and what of it works, row by row."""

import json
import sys
import time
from argparse import Namespace
from collections import Counter

import anyio

from mcp_server import log, settings
from mcp_server.cli.table import lines
from mcp_server.doctor.checks import BASICS, CHECKS
from mcp_server.doctor.configuration import values
from mcp_server.doctor.examination import examine
from mcp_server.doctor.report import STATUSES, Row, healthy, shown
from mcp_server.errors import ServerError
from mcp_server.model.value import JsonObject

WIDTH = max(len(one.name) for one in (*BASICS, *CHECKS))
MARGIN = " " * (max(map(len, STATUSES)) + WIDTH + 4)


def run(chosen: Namespace) -> int:
    """Print the settings and a row per check; returns the exit code: 1 when one failed."""
    told = settings.load()
    log.configure("error", told.log_format)
    show = _Show(silent=chosen.json)
    show.settings(values(told))
    started = time.monotonic()
    rows: list[Row] = []

    def tell(row: Row) -> None:
        rows.append(row)
        show.row(row)

    stopped = False
    try:
        wishes = {name: getattr(chosen, name) for name in ("forget", "offline", "cache")}
        anyio.run(lambda: examine(told, tell, say=show.say, **wishes))
    except KeyboardInterrupt:
        stopped = True
    except ServerError as error:
        print(error.message, file=sys.stderr)
        return 1
    seconds = round(time.monotonic() - started, 1)
    well = healthy(rows) and not stopped
    if chosen.json:
        checks = [shown(row) for row in rows]
        print(json.dumps({"ok": well, "seconds": seconds, "settings": values(told), "checks": checks}, indent=2))
    else:
        counts = Counter(row.status for row in rows)
        said = ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])
        print(f"\n{said} in {seconds} s{', stopped before the end' if stopped else ''}.")
    return 0 if well else 1


class _Show:
    """Prints for a person while it goes on; nothing when the output is for programs."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._group: str | None = None
        self._live = sys.stderr.isatty() and not silent

    def settings(self, given: list[JsonObject]) -> None:
        """What is set."""
        if given and not self._silent:
            print(*lines([("setting", "value", "from"), *(tuple(map(str, one.values())) for one in given)]), sep="\n")

    def row(self, row: Row) -> None:
        """One check, under the head of its group."""
        self.say("")
        if self._silent:
            return
        if row.group != self._group:
            print(f"\n{row.group}")
            self._group = row.group
        found = row.found.replace("\n", f"\n{MARGIN}")
        print(f"{row.status:7}  {row.check:{WIDTH}}  {found}", flush=True)
        if row.advice:
            print(f"{MARGIN}to do: {row.advice}", flush=True)

    def say(self, what: str) -> None:
        """What is going on, in a line that the next one replaces."""
        if self._live:
            print(f"\r{what[:76]:76}\r", end="", file=sys.stderr, flush=True)
