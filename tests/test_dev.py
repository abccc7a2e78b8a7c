import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import dev

ROOT = Path(__file__).resolve().parents[1]
RUNS = "import sys; from scripts import dev; sys.exit(dev.run([sys.executable, '-c', sys.argv[1]]))"
TIDIES = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
print("there", flush=True)
sys.stdin.readline()
print("tidied", flush=True)
sys.exit(3)
"""


def test_what_another_lock_left_is_set_up_again_after_a_way_there_and_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran: list[object] = []
    monkeypatch.setattr(dev, "VENV", tmp_path)
    monkeypatch.setattr(dev, "PYTHON", tmp_path / "python")
    monkeypatch.setattr(dev, "run", lambda command: ran.append(command) or 0)
    (tmp_path / "python").touch()
    (tmp_path / "python.exe").touch()
    for name, state in (("dev", "old"), ("demo", "new"), ("dev", "old")):
        ran.clear()
        monkeypatch.setattr(dev, "_digest", lambda lock, state=state: f"{lock} {state}")
        dev.set_up(name)
        assert ran
    ran.clear()
    dev.set_up("demo")  # the dev lock holds it too
    assert not ran


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_lets_the_command_put_away_what_it_made() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", RUNS, TIDIES],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "there\n"
        os.kill(process.pid, signal.SIGINT)
        said, complained = process.communicate("go\n", timeout=60)
    assert said == "tidied\n"
    assert complained == ""
    assert process.returncode == 3
