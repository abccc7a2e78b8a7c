import os
import socket
from pathlib import Path, PureWindowsPath

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.files import windows
from mcp_server.files.roots import Roots
from tests.files.parts import PIXEL, pdf


def refusal(roots: Roots, source: str) -> str:
    with pytest.raises(InvalidArgument) as refused:
        roots.resolve(source)
    return refused.value.message


def test_a_file_is_found_by_relative_absolute_and_roundabout_path(roots: Roots, folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "note.txt").write_text("x")
    wanted = (folder / "deep" / "note.txt").resolve()
    for source in ("deep/note.txt", str(folder / "deep" / "note.txt"), "deep/../deep/./note.txt"):
        assert roots.resolve(source) == wanted


def test_relative_paths_belong_to_the_first_root_and_every_root_may_be_read(tmp_path: Path, folder: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    (folder / "a.txt").write_text("first")
    (second / "a.txt").write_text("second")
    roots = Roots((folder, second))
    assert roots.resolve("a.txt").read_text() == "first"
    assert roots.resolve(str(second / "a.txt")).read_text() == "second"


def test_the_tilde_is_the_home_folder(folder: Path, roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    (folder / "a.txt").write_text("x")
    assert roots.resolve("~/a.txt") == (folder / "a.txt").resolve()


def test_whether_there_is_a_user_of_some_name_is_not_told(folder: Path, roots: Roots) -> None:
    for source in ("~root/.bashrc", "~nobody-of-this-name/.bashrc"):
        assert refusal(roots, source) == f"{source} does not exist: check the path."
    (folder / "~$letter.docx").write_text("x")
    assert roots.resolve("~$letter.docx").name == "~$letter.docx"


def test_a_home_folder_that_nobody_knows_is_said(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_path: Path) -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "expanduser", unknown)
    assert "home folder that is not known" in refusal(roots, "~/a.txt")


def test_without_roots_the_setting_is_named() -> None:
    assert "RESPONSES_MCP_ALLOWED_ROOTS" in refusal(Roots(()), "a.txt")


def test_paths_that_lead_outside_are_refused_whether_or_not_they_exist(
    roots: Roots, folder: Path, outside: Path
) -> None:
    for source in ("../secret.txt", "../missing.txt", str(outside), "/etc/passwd", "/", "..", "deep/../../secret.txt"):
        assert "outside the allowed folders" in refusal(roots, source)
    sibling = folder.with_name("allowed-not")
    sibling.mkdir()
    (sibling / "a.txt").write_text("x")
    assert "outside the allowed folders" in refusal(roots, str(sibling / "a.txt"))


def test_a_link_that_leads_outside_is_refused_and_one_that_stays_inside_is_followed(
    roots: Roots, folder: Path, outside: Path
) -> None:
    (folder / "out").symlink_to(outside)
    (folder / "up").symlink_to("..", target_is_directory=True)
    (folder / "real.txt").write_text("x")
    (folder / "in").symlink_to("real.txt")
    assert "outside the allowed folders" in refusal(roots, "out")
    assert "outside the allowed folders" in refusal(roots, "up/secret.txt")
    assert roots.resolve("in") == (folder / "real.txt").resolve()


def test_a_root_may_itself_be_a_link(tmp_path: Path, folder: Path) -> None:
    (folder / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    assert Roots.of([tmp_path / "link"]).resolve("a.txt") == (folder / "a.txt").resolve()


def test_a_root_that_becomes_a_link_later_allows_nothing_new(roots: Roots, folder: Path, outside: Path) -> None:
    folder.rename(folder.with_name("moved"))
    folder.symlink_to(outside.parent, target_is_directory=True)
    assert "outside the allowed folders" in refusal(roots, "secret.txt")
    assert "outside the allowed folders" in refusal(roots, str(folder / "secret.txt"))


def test_a_hard_link_is_refused_with_what_to_do(roots: Roots, folder: Path, outside: Path) -> None:
    os.link(outside, folder / "mine.txt")
    assert refusal(roots, "mine.txt").endswith("that may belong elsewhere: name a copy of it.")


def test_system_folders_are_refused_even_when_everything_is_allowed(folder: Path) -> None:
    everything = Roots((Path("/"),))
    (folder / "link").symlink_to("/proc/self/environ")
    (folder / "a.txt").write_text("x")
    forms = ("/proc/self/environ", f"/proc/self/root{folder}/a.txt", "/dev/null", "/dev/zero", "/dev/fd/0")
    for source in (*forms, "/sys/kernel", "/dev/stdin", str(folder / "link")):
        assert "/proc, /sys or /dev" in refusal(everything, source)
    with pytest.raises(InvalidArgument, match="/proc, /sys or /dev"):
        everything.expand("/proc/self/env*")


def test_what_is_not_a_regular_file_is_named_as_such(
    roots: Roots, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "inner").mkdir()
    (folder / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(folder)  # the name of a socket must be short
        listening.bind("s")
        assert "not a regular file" in refusal(roots, "s")
    assert "not a regular file" in refusal(roots, "pipe")
    assert "is a folder" in refusal(roots, "inner")
    assert "not a regular file" in refusal(roots, "loop")
    assert "does not exist" in refusal(roots, "missing.txt")
    assert "cannot be read" in refusal(roots, "x" * 300)


@pytest.mark.parametrize("source", ["", "a\0b", "a\nb", "a\x1b[31m", "\ud800", "a" * 4097])
def test_what_cannot_be_a_path_is_refused(roots: Roots, source: str) -> None:
    assert "is not a path" in refusal(roots, source)


def test_names_with_unusual_spaces_are_fine(roots: Roots, folder: Path) -> None:
    name = "Screenshot 3.45\u202fPM\u00a0ä.txt"
    (folder / name).write_text("x")
    assert roots.expand("*.txt") == [roots.resolve(name)]


def test_a_folder_stands_for_its_files_that_have_text(roots: Roots, folder: Path, outside: Path) -> None:
    for name in ("b.md", "a.txt", "src/main.py", ".git/config", "node_modules/x.js", "__pycache__/x.txt", ".venv/y.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("text")
    (folder / "paper.pdf").write_bytes(pdf("page"))
    (folder / "picture.png").write_bytes(PIXEL)
    (folder / "sheet.xlsx").write_bytes(b"PK")
    os.link(outside, folder / "twin.txt")
    (folder / "data.bin").write_bytes(bytes(range(256)))
    (folder / "wide.txt").write_bytes("wide".encode("utf-16"))
    (folder / "escape.txt").symlink_to(outside)
    (folder / "again.md").symlink_to("b.md")
    (folder / "circle").symlink_to(".", target_is_directory=True)
    os.mkfifo(folder / "pipe")
    names = [path.relative_to(folder.resolve()).as_posix() for path in roots.expand(".")]
    assert names == ["a.txt", "b.md", "paper.pdf", "sheet.xlsx", "src/main.py", "wide.txt"]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.md", ["a.md", "b.md"]),
        ("**/*.md", ["a.md", "b.md", "docs/c.md", "docs/deep/d.md"]),
        ("docs/**", ["docs/c.md", "docs/deep/d.md"]),
        ("docs/**/d.md", ["docs/deep/d.md"]),
        ("[ab].md", ["a.md", "b.md"]),
        ("?.md", ["a.md", "b.md"]),
        ("*/*.md", ["docs/c.md"]),
        (".hidden/*", [".hidden/e.md"]),
        (".h*/*", [".hidden/e.md"]),
        ("../allowed/*.md", ["a.md", "b.md"]),
        ("odd[1].txt", ["odd[1].txt"]),
    ],
)
def test_a_glob_stands_for_the_files_it_matches(roots: Roots, folder: Path, pattern: str, names: list[str]) -> None:
    for name in ("a.md", "b.md", "c.txt", "docs/c.md", "docs/deep/d.md", ".hidden/e.md", "odd[1].txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text")
    assert [path.relative_to(folder.resolve()).as_posix() for path in roots.expand(pattern)] == names


def test_a_glob_cannot_climb_out(roots: Roots, folder: Path, outside: Path) -> None:
    (folder / "a").mkdir()
    (folder / "way").symlink_to("..", target_is_directory=True)
    (folder / "secret.txt").symlink_to(outside)
    for pattern, rule in {
        "../*.txt": "outside the allowed folders",
        "/etc/*": "outside the allowed folders",
        "*/../../*.txt": "climbs with '..'",
        "way/*.txt": "outside the allowed folders",
        "wa?/*.txt": "matches no file",
        "*.txt": "matches no file",
        "**/secret.txt": "matches no file",
        "**/../secret.*": "climbs with '..'",
        "a/../../*": "outside the allowed folders",
        "[.][.]/secret.txt": "matches no file",
        "{..,a}/*.txt": "matches no file",
        "/proc/self/env*": "/proc, /sys or /dev",
        "/[p]roc/self/environ": "outside the allowed folders",
    }.items():
        with pytest.raises(InvalidArgument, match=rule.replace(".", r"\.")):
            roots.expand(pattern)


def test_a_glob_finds_images_too_and_a_folder_kept_as_a_place_stays_one(roots: Roots, folder: Path) -> None:
    (folder / "p.png").write_bytes(PIXEL)
    assert [path.name for path in roots.expand("*.png")] == ["p.png"]
    assert roots.expand(".") == []
    assert roots.places(".") == [folder.resolve()]


def test_a_folder_of_too_many_files_is_refused(roots: Roots, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.files.roots.MAX_FOUND", 2)
    for number in range(3):
        (folder / f"{number}.txt").write_text("x")
    with pytest.raises(InvalidArgument, match="more than 2"):
        roots.expand(".")


def test_what_read_would_refuse_of_a_named_file_is_refused_before(roots: Roots, folder: Path) -> None:
    (folder / "data.bin").write_bytes(bytes(range(256)))
    with (folder / "big.txt").open("wb") as stream:
        stream.truncate(10_000_001)
    for pattern, rule in {"data.bin": "looks binary", "*.bin": "looks binary", "big.txt": "larger than 10 MB"}.items():
        with pytest.raises(InvalidArgument, match=rule):
            roots.expand(pattern)


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        (r"notes\a.txt", None),
        (r"C:\docs\a.txt", None),
        (r"\\server\docs\a.txt", None),
        (r"\\server\other\a.txt", "network or device path"),
        (r"\\?\C:\docs\a.txt", "network or device path"),
        (r"\\.\PhysicalDrive0", "network or device path"),
        ("//server/other/a.txt", "network or device path"),
        ("C:a.txt", "relative to a drive"),
        ("a.txt:hidden", "names a stream"),
        (r"C:\docs\a.txt::$DATA", "names a stream"),
        ("NUL", "names a device"),
        (r"docs\con.txt", "names a device"),
        ("LPT1 .log", "names a device"),
        ("com¹", "names a device"),
        ("console.txt", None),
    ],
)
def test_what_windows_reads_as_something_else_is_refused_by_its_words(source: str, rule: str | None) -> None:
    found = windows.refused(source, [PureWindowsPath(r"C:\docs"), PureWindowsPath(r"\\server\docs")])
    assert found is None if rule is None else rule in (found or "")


def test_a_label_is_the_path_below_its_root(roots: Roots, folder: Path) -> None:
    assert roots.label(folder.resolve() / "src" / "a.py") == "src/a.py"
    assert roots.label(Path("/elsewhere/a.py")) == "a.py"
