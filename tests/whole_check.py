"""A pytest plugin for the whole check: tests of the embedded engine or of real hosts that did not run make it fail."""

import pytest

NEEDED = {"engine": "the embedded engine", "hosts": "real hosts"}


class Gate:
    def __init__(self) -> None:
        self.ran: set[str] = set()
        self.skipped: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped.append(report.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        needed = NEEDED.keys() & report.keywords.keys()
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
        missing = [words for marker, words in NEEDED.items() if marker not in self.ran]
        return f"No test of {' and '.join(missing)} ran." if missing else ""


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Gate())
