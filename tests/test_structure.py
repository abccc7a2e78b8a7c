"""The rules that keep the house small, so that nobody has to remember them."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mcp_server"
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
FOLDERS = sorted({source.parent for source in SOURCES})

HOSTS = ("pypi org", "pythonhosted org", "npmjs org", "npmjs com", "crates io", "debian org")
REGISTRIES = re.compile("|".join(host.replace(" ", r"\.") for host in HOSTS))
HOMES = re.compile(
    r"(?<![\w.:/-])(/root|/(home|Users)/(?!you\b|me\b|user\b|ada\b)\w+|[A-Z]:\\Users\\(?!you\b|me\b)\w+)[/\\]"
)
SUPPRESSION = re.compile(r"#.*?\b(noqa|type: ignore|pyright: ignore|pragma: no)")
LAZY_IMPORT = "noqa: PLC0415"
EVERYTHING = {"Exception", "BaseException"}
VAGUE = re.compile(r"(^|_)(utils?|helpers?|managers?|base)(_|$)")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    """What git keeps, or would: every file that is not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / line for line in listed.split("\0") if line and (ROOT / line).is_file()]


def lines(source: Path) -> list[str]:
    return source.read_text("utf-8").splitlines()


def parts(source: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(source.read_text("utf-8")))


def catches_everything(handler: ast.ExceptHandler) -> bool:
    caught = ast.walk(handler.type) if handler.type else None
    return caught is None or any(isinstance(part, ast.Name) and part.id in EVERYTHING for part in caught)


def test_a_module_has_at_most_300_lines_and_a_test_file_400() -> None:
    sizes = [(source, len(lines(source)), most) for files, most in ((SOURCES, 300), (TESTS, 400)) for source in files]
    assert [f"{name(source)}: {size} lines" for source, size, most in sizes if size > most] == []


def test_a_function_has_at_most_60_lines() -> None:
    assert [
        f"{name(source)}: {part.name}"
        for source in SOURCES
        for part in parts(source)
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and (part.end_lineno or 0) - part.lineno >= 60
    ] == []


def test_only_the_top_of_a_task_catches_everything() -> None:
    """A bug in one piece of work is logged and told to its caller, and must not end the others."""
    assert [
        name(source)
        for source in SOURCES
        for part in parts(source)
        if isinstance(part, ast.ExceptHandler) and catches_everything(part)
    ] == ["mcp_server/index/updates.py", "mcp_server/server/protocol.py", "mcp_server/turns/run.py"]


def test_a_module_is_named_for_what_it_does() -> None:
    assert [name(source) for source in SOURCES if VAGUE.search(source.stem)] == []


def test_a_package_says_what_it_is_for() -> None:
    starts = [folder / "__init__.py" for folder in FOLDERS]
    assert [
        name(start)
        for start in starts
        if not (start.is_file() and ast.get_docstring(ast.parse(start.read_text("utf-8"))))
    ] == []


def test_suppressions_are_rare() -> None:
    everything = [line for source in SOURCES for line in lines(source)]
    suppressed = [line.strip() for line in everything if SUPPRESSION.search(line) and LAZY_IMPORT not in line]
    assert len(suppressed) <= 2 * len(everything) / 1000, "\n".join(suppressed)


def test_an_import_inside_a_function_says_why() -> None:
    lazy = [f"{name(source)}: {line.strip()}" for source in SOURCES for line in lines(source) if LAZY_IMPORT in line]
    assert [line for line in lazy if not line.partition(LAZY_IMPORT)[2].strip(" -:().")] == []


def test_no_file_names_a_registry_or_somebodys_home() -> None:
    found = []
    for path in tracked():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            if REGISTRIES.search(line) or HOMES.search(line):
                found.append(f"{name(path)}:{number}: {line.strip()[:100]}")
    assert found == []
