import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.files import ignore
from mcp_server.files.roots import Roots, files_below
from mcp_server.files.walk import EVERYTHING, find


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")


def rules(folder: Path, *lines: str, name: str = ".gitignore") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines))


def below(folder: Path) -> list[str]:
    real = folder.resolve()
    return [path.relative_to(real).as_posix() for path in files_below(real, [real])]


def matched(folder: Path, pattern: str) -> list[str]:
    real = folder.resolve()
    return [path.relative_to(real).as_posix() for path in Roots((real,)).places(pattern)]


def test_what_gitignore_names_is_left_out_of_a_folder(folder: Path) -> None:
    fill(folder, "a.md", "build/x.js", "src/build/y.js", "src/a.log", "src/keep.log", "top.txt", "src/top.txt")
    rules(folder, "# comment", "build/", "*.log", "!keep.log", "/top.txt", "")
    assert below(folder) == ["a.md", "src/keep.log", "src/top.txt"]


def test_the_deepest_file_of_rules_wins(folder: Path) -> None:
    fill(folder, "a.txt", "deep/a.txt", "deep/b.md", "deep/er/b.md")
    rules(folder, "*.txt")
    rules(folder, "!a.txt", "/b.md", name="deep/.gitignore")
    assert below(folder) == ["deep/a.txt", "deep/er/b.md"]


def test_nothing_below_an_ignored_folder_comes_back(folder: Path) -> None:
    fill(folder, "out/keep.md", "a.md")
    rules(folder, "out/", "!out/keep.md")
    assert below(folder) == ["a.md"]


def test_rules_from_above_hold_up_to_the_top_of_the_repository(folder: Path, tmp_path: Path) -> None:
    fill(folder, "repo/docs/a.md", "repo/docs/draft.md", "repo/docs/own.md", "repo/docs/not.md")
    rules(tmp_path, "*.md")
    rules(folder / "repo", "own.md", name=".git/info/exclude")
    rules(folder / "repo", "draft.md", "!not.md")
    assert below(folder / "repo" / "docs") == ["a.md", "not.md"]


def test_without_a_repository_a_folder_s_own_rules_hold(folder: Path) -> None:
    fill(folder, "docs/a.md", "docs/b.md")
    rules(folder, "a.md")
    assert below(folder) == ["docs/b.md"]
    assert below(folder / "docs") == ["a.md", "b.md"]


def test_an_ignored_file_that_is_named_is_taken(folder: Path) -> None:
    fill(folder, "a.log", "out/b.log", "out/c.tmp", "d.md")
    rules(folder, "*.log", "out/")
    assert matched(folder, "a.log") == ["a.log"]
    assert matched(folder, "out/*") == ["out/b.log", "out/c.tmp"]
    assert matched(folder, "*.log") == ["a.log"]
    assert matched(folder, "o*/*.tmp") == ["out/c.tmp"]
    assert matched(folder, "o*/**") == ["out/b.log", "out/c.tmp"]
    assert below(folder / "out") == ["b.log", "c.tmp"]


def test_an_ignored_folder_that_is_named_is_gone_through(folder: Path) -> None:
    fill(folder, ".git/config", "out/b.log", "out/deep/c.md")
    rules(folder, "*.log", "out/")
    assert below(folder / "out") == ["b.log", "deep/c.md"]


def test_a_pattern_that_names_nothing_takes_nothing_ignored(folder: Path) -> None:
    fill(folder, "a.log", "out/b.md", "d.md")
    rules(folder, "*.log", "out/")
    for pattern in ("*", "**", "**/*", "?.*"):
        assert "out/b.md" not in matched(folder, pattern)
    assert matched(folder, "*") == ["d.md"]
    assert matched(folder, "**/*.md") == ["d.md"]


def test_rules_that_are_a_link_or_no_rules_are_passed_over(folder: Path, outside: Path) -> None:
    outside.write_text("*.md")
    fill(folder, "a.md", "b.txt", "c.py", "aaaa")
    (folder / ".gitignore").symlink_to(outside)
    assert below(folder) == ["a.md", "aaaa", "b.txt", "c.py"]
    (folder / ".gitignore").unlink()
    (folder / ".gitignore").write_bytes(b"\xef\xbb\xbf*.txt\n!\n\xff\xfe\n[z-a]\n*a*a*a*a*\n*.py")
    assert below(folder) == ["a.md", "aaaa"]


def test_rules_that_would_take_forever_are_passed_over(folder: Path) -> None:
    name = "a" * 200
    fill(folder, name)
    rules(folder, "*a" * 40 + "b")
    assert below(folder) == [name]


def test_rules_of_many_levels_are_tried_in_no_time_on_a_deep_path(folder: Path) -> None:
    deep = "a/" * 100
    fill(folder, f"{deep}c")
    rules(folder, "**/a*/" * 5 + "b", "**/*a*a*/" * 5 + "b")
    began = time.process_time()
    assert below(folder) == [f"{deep}c"]
    assert time.process_time() - began < 2


def test_more_rules_than_anybody_writes_are_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore, "MAX_RULES", 3)
    fill(folder, "a", "b", "in/a", "in/c", "in/d")
    rules(folder, "a", "b")
    rules(folder, "c", "d", name="in/.gitignore")
    assert below(folder) == ["in/d"]


def test_only_the_beginning_of_a_huge_file_of_rules_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignore, "MAX_BYTES", 8)
    fill(folder, "a.md", "b.md")
    rules(folder, "a.md", "zzzz", "b.md")
    assert below(folder) == ["b.md"]


def test_names_that_are_not_text_are_left_out(folder: Path) -> None:
    fill(folder, "a.txt")
    for name in (b"\xff.txt", b"line\nbreak.txt", b"bell\x07.txt"):
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).write_text("x")
    assert below(folder) == ["a.txt"]


def test_neither_pipes_nor_links_that_lead_nowhere_or_outside_are_found(folder: Path, outside: Path) -> None:
    fill(folder, "a.txt", "deep/b.txt")
    os.mkfifo(folder / "pipe")
    for name, target in {"out": outside, "nowhere": "missing", "loop": "loop", "up": "..", "in": "deep/b.txt"}.items():
        (folder / name).symlink_to(target)
    assert below(folder) == ["a.txt", "deep/b.txt"]


def test_a_folder_that_became_a_link_is_not_walked(folder: Path, outside: Path) -> None:
    (folder / "deep").symlink_to(outside.parent, target_is_directory=True)
    assert list(find(folder.resolve() / "deep", EVERYTHING)) == []


def test_a_very_deep_folder_ends_the_walk_and_not_the_server(folder: Path) -> None:
    place = folder
    for _ in range(300):
        place /= "d"
        place.mkdir()
    fill(folder, "a.txt")
    fill(place, "lost.txt")
    assert below(folder) == ["a.txt"]


def test_a_big_ignored_folder_is_not_entered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder, "a.md", "out/deep/x.o", "node_modules/y.js", ".git/z")
    rules(folder, "out/")
    seen: list[str] = []
    real = ignore.Rules.within
    monkeypatch.setattr(ignore.Rules, "within", lambda rules, place: (seen.append(place.name), real(rules, place))[1])
    from mcp_server.files import walk

    listed = walk.list_folder
    monkeypatch.setattr(walk, "list_folder", lambda place: (seen.append(place.name), listed(place))[1])
    assert below(folder) == ["a.md"]
    assert set(seen) == {folder.name}


NAMES = st.sampled_from(["a", "b", "c.md", "d.txt"])
LINES = st.sampled_from(
    ["a", "a/", "/a", "b/", "*.md", "!c.md", "a/b", "/a/*", "!a/b", "**/b", "b/**", "?", "[ab]", "*", "!*/", "d.*"]
)


@settings(max_examples=25)
@given(
    files=st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=8),
    above=st.lists(LINES, max_size=4),
    inner=st.lists(LINES, max_size=2),
)
def test_files_are_ignored_as_git_ignores_them(
    tmp_path_factory: pytest.TempPathFactory, files: list[str], above: list[str], inner: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q", folder], check=True)
    for name in files:
        try:
            fill(folder, name)
        except OSError:  # one name is a file's and a folder's
            continue
    rules(folder, *above)
    if (folder / "a").is_dir():
        rules(folder, *inner, name="a/.gitignore")
    command = ["git", "-C", folder, "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert sorted(below(folder)) == sorted(name for name in listed if not name.endswith(".gitignore"))
