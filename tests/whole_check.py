"""A pytest plugin for a whole check: tests with the markers of ``--whole`` that did not run make it fail."""

import pytest

WORDS = {"engine": "the embedded engine", "hosts": "real hosts", "agents": "hosts that are heavy to download"}


class Gate:
    def __init__(self, markers: list[str]) -> None:
        self.markers = markers
        self.ran: set[str] = set()
        self.skipped: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        # The keywords of a report hold the names of folders too, and one of them is called "hosts".
        for item in items:
            needed: list[tuple[str, object]] = [("needed", one) for one in self.markers if item.get_closest_marker(one)]
            item.user_properties.extend(needed)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        needed = {str(value) for name, value in report.user_properties if name == "needed"}
        if needed and report.skipped:
            self.skipped.append(report.nodeid)
        elif report.when == "call":
            self.ran |= needed

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput") and self._problem() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if problem := self._problem():
            terminalreporter.section("the check is not whole")
            terminalreporter.line(problem)

    def _problem(self) -> str:
        if self.skipped:
            return "Skipped, though the whole check needs them: " + ", ".join(self.skipped)
        missing = [WORDS[marker] for marker in self.markers if marker not in self.ran]
        return f"No test of {' and '.join(missing)} ran." if missing else ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", default="engine,hosts", help="the markers, with commas between them")


def pytest_configure(config: pytest.Config) -> None:
    markers = str(config.getoption("--whole"))
    config.pluginmanager.register(Gate(markers.split(",")))
