"""The plugin that lets the whole check fail when what it needs did not run."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEST = """
import pytest

@pytest.mark.{}
def test_it():
    {}
"""


PASSED, SKIPPED = ("engine", "pass"), ("engine", "pytest.skip()")
HOSTS, NONE = ("hosts", "pass"), ("other", "pass")


@pytest.mark.parametrize(
    ("engine", "hosts", "more", "said"),
    [
        (PASSED, HOSTS, [], ""),
        (PASSED, NONE, ["-n", "2"], "No test of real hosts ran."),
        (SKIPPED, HOSTS, ["-n", "2"], "Skipped, though the whole check needs them: test_engine.py"),
        (SKIPPED, HOSTS, ["--whole", "hosts"], ""),
        (PASSED, HOSTS, ["--whole", "hosts,agents"], "No test of hosts that are heavy to download ran."),
    ],
)
def test_what_did_not_run_makes_it_fail(
    tmp_path: Path, engine: tuple[str, str], hosts: tuple[str, str], more: list[str], said: str
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_engine.py").write_text(TEST.format(*engine))
    (tmp_path / "hosts").mkdir()  # a folder of that name is no test of a host
    (tmp_path / "hosts" / "test_hosts.py").write_text(TEST.format(*hosts))
    plugins = ["-p", "no:cacheprovider", "-p", "tests.whole_check"]
    command = [sys.executable, "-m", "pytest", "-c", str(tmp_path / "pytest.ini"), *plugins, *more, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == bool(said), done.stdout + done.stderr
    assert said in done.stdout
