"""The pages agree with the code: what is made of it, where links lead, which names there are."""

import ast
import re
import shlex
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server import cli, errors
from mcp_server.backends.responses import verdicts
from scripts import dev, pages
from scripts.codes import CODES
from tests.docs.blocks import PAGES, ROOT, anchors, links, prose, words
from tests.docs.settings_known import KNOWN

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

OF_OTHERS = {
    *("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "XDG_DATA_HOME", "UPDATE_SNAPSHOTS"),
}
"""Variables that libraries, the platform or the tests read."""
SETTING = re.compile(r"\b(?:RESPONSES_MCP|OPENAI|AZURE_OPENAI|AWS|BEDROCK)_[A-Z_]+\b")
VARIABLE = re.compile(r"(?<![\w$%{])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w%}])")
FILE = re.compile(r"^(?:mcp_server|tests|scripts|docs|requirements|manifests|bench)/[\w./-]*$")


@by_page
def test_a_page_is_made_of_the_code_as_it_is(page: Path) -> None:
    text = page.read_text("utf-8")
    assert pages.renewed(text) == text, f"run `{pages.COMMAND}`"
    assert text.count("<!-- made: ") == text.count("<!-- end -->") == len(pages.PART.findall(text))


def test_the_command_writes_what_is_stale_and_looks_only_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    page = tmp_path / "install.md"
    page.write_text("<!-- made: hosts -->\nnot as it is\n<!-- end -->\n", "utf-8")
    assert pages.main(["--check"]) == 1
    assert "install.md" in capsys.readouterr().out
    assert "not as it is" in page.read_text("utf-8")
    assert (pages.main([]), pages.main(["--check"])) == (0, 0)
    assert "Claude Desktop" in page.read_text("utf-8")


def test_every_made_part_stands_on_one_page() -> None:
    found = [name for page in PAGES for _, name, _ in pages.PART.findall(page.read_text("utf-8"))]
    assert sorted(found) == sorted(pages.MADE)


def test_the_page_of_settings_has_every_variable_that_is_read_and_no_other() -> None:
    assert {name for names in pages.SETTINGS.values() for name in names} == KNOWN


@by_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_is_linked_from_another() -> None:
    linked = {(page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page)}
    assert [page.name for page in PAGES[1:] if page.resolve() not in linked] == []


@by_page
def test_every_setting_and_every_file_that_is_named_exists(page: Path) -> None:
    text = prose(page)
    unknown = {*SETTING.findall(text), *(name for word in words(page) for name in VARIABLE.findall(word))}
    assert unknown - KNOWN - OF_OTHERS == set()
    for word in words(page):
        if FILE.match(word):
            assert (ROOT / word).exists(), word


@by_page
def test_every_command_that_is_named_exists(page: Path) -> None:
    for word in words(page):
        match shlex.split(word.replace("<host>", "cursor").replace(".venv/bin/", "")) if word.isascii() else []:
            case ["responses-mcp", "--version"]:
                pass
            case ["responses-mcp", *arguments] if arguments:
                # A command is named without what it needs.
                needed = {"cleanup": ["--all"], "install": ["cursor"], "uninstall": ["cursor"]}
                given = len(arguments) > 1 and arguments[1] != "--yes"
                cli._parser().parse_args([*arguments, *([] if given else needed.get(arguments[0], []))])
            case ["python3", "scripts/dev.py", command, *_]:
                assert command in {**dev.PLAIN, **dev.WITH_ARGUMENTS}, word
            case _:
                pass


def test_every_code_that_is_given_is_on_the_page_and_says_whether_to_try_again() -> None:
    """Found where errors are made: the classes, and every ``kind=`` and ``code=`` in the package."""
    given: defaultdict[str, set[bool]] = defaultdict(set)
    classes = {one.__name__: one.code for one in errors.ServerError.__subclasses__() if one is not errors.UpstreamError}
    del classes["CallFailed"]  # tells another's
    for path in sorted((ROOT / "mcp_server").rglob("*.py")):
        for code, again in _raised(ast.parse(path.read_text("utf-8")), classes):
            given[code].add(again)
    for one in vars(verdicts).values():
        if isinstance(one, verdicts.Verdict):
            # Where nothing was created, an end that nobody knows of may be tried again (``faults._settled``).
            given[one.kind] |= {one.retryable, one.retryable or one.outcome == "unknown"}
    given["bad_upstream_response"] |= {False, True}  # ``faults.bad_response`` is settled in the same way
    assert set(given) == set(CODES)
    told = {
        code: "sometimes" if len(again) == 2 else "yes" if again == {True} else "no" for code, again in given.items()
    }
    assert told == {code: one.retry for code, one in CODES.items()}


def _raised(tree: ast.Module, classes: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Each code that this module gives to an error, and whether it says that the call may be tried again."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
        named = {one.arg: one.value for one in call.keywords if one.arg}
        again = "retryable" in named and not (
            isinstance(named["retryable"], ast.Constant) and named["retryable"].value is False
        )
        if name in classes:
            yield classes[name], again
        elif name in ("UpstreamError", "Failure") and (kind := named.get("kind", named.get("code"))):
            for code in _values(tree, kind):
                yield code, again


def _values(tree: ast.Module, node: ast.expr) -> list[str]:
    """What this may be: a constant, or what is assigned to the name anywhere in the module."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name):
            found = [one for one in ast.walk(tree) if isinstance(one, ast.Assign)]
            pairs = [pair for one in found for pair in _pairs(one.targets[0], one.value)]
            mine = [value for target, value in pairs if isinstance(target, ast.Name) and target.id == name]
            texts = [value.value for value in mine if isinstance(value, ast.Constant)]
            assert texts, f"what is {name}?"
            return [str(text) for text in texts]
        case _:
            # An attribute: the code of a verdict, of the class, or of an error that is told again.
            assert isinstance(node, ast.Attribute), ast.unparse(node)
            assert node.attr in ("kind", "code"), ast.unparse(node)
            return []


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value
