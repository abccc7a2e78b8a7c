from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.files.text import lines_of
from mcp_server.index.chunk import BYTES_PER_TOKEN, PIECE_BYTES, overlap, page_chunks, text_chunks
from mcp_server.index.protocol import Chunking
from mcp_server.model.document import Chunk

CHUNK_BYTES = 800 * BYTES_PER_TOKEN
OVERLAP_BYTES = 400 * BYTES_PER_TOKEN

LINES = st.lists(
    st.integers(0, CHUNK_BYTES // 4 - 2).flatmap(
        lambda size: st.sampled_from(["a", "ä", "日", "\U0001f600", " "]).map(lambda letter: letter * size)
    ),
    max_size=12,
)


@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_line_is_in_a_passage_that_is_exactly_its_lines(lines: list[str], end: str, last: bool) -> None:
    text = end.join(lines) + (end if last else "")
    numbered = lines_of(text)
    covered: set[int] = set()
    for ordinal, chunk in enumerate(text_chunks("f", text).chunks):
        assert chunk.first_line is not None
        assert chunk.last_line is not None
        assert chunk.text == "".join(numbered[chunk.first_line - 1 : chunk.last_line])
        assert len(chunk.text.encode()) <= CHUNK_BYTES
        assert chunk.ordinal == ordinal
        covered.update(range(chunk.first_line, chunk.last_line + 1))
    assert covered >= {number for number, line in enumerate(numbered, 1) if line.strip()}


@given(LINES)
def test_each_passage_says_something_new_and_repeats_no_more_than_the_overlap(lines: list[str]) -> None:
    text = "\n".join(f"{number} {line}" for number, line in enumerate(lines))
    chunks = text_chunks("f", text).chunks
    numbered = lines_of(text)
    for before, after in pairwise(chunks):
        assert before.first_line is not None
        assert before.last_line is not None
        assert after.first_line is not None
        assert after.last_line is not None
        assert before.first_line < after.first_line <= before.last_line + 1
        assert after.last_line > before.last_line
        repeated = "".join(numbered[after.first_line - 1 : before.last_line])
        assert len(repeated.encode()) <= OVERLAP_BYTES


def test_passages_of_short_lines_are_full_and_half_repeated() -> None:
    text = "".join(f"{number:07}\n" for number in range(1, 1001))
    spans = [(chunk.first_line, chunk.last_line) for chunk in text_chunks("f", text).chunks]
    assert spans == [(1, 400), (201, 600), (401, 800), (601, 1000)]


def test_a_line_longer_than_a_passage_is_cut_but_nothing_of_it_is_lost() -> None:
    words = [f"word{number}" for number in range(3000)]
    chunks = text_chunks("f", "before\n" + " ".join(words) + "\nafter\n").chunks
    assert {(chunk.first_line, chunk.last_line) for chunk in chunks} <= {(1, 2), (2, 2), (2, 3)}
    assert all(len(chunk.text.encode()) <= CHUNK_BYTES for chunk in chunks)
    lost = [word for word in words if not any(word in chunk.text for chunk in chunks)]
    assert len(lost) <= len(words) * 8 // 800  # only what stands at a cut


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n\n"])
def test_a_blank_text_has_no_passage(text: str) -> None:
    assert text_chunks("f", text) == ([], [], [])


@given(LINES)
def test_the_pieces_are_the_whole_text_once_and_each_passage_has_those_in_it(lines: list[str]) -> None:
    text = "\n".join(f"{number} {line}" for number, line in enumerate(lines))
    cut = text_chunks("f", text)
    assert "".join(cut.pieces) == text
    assert all(len(piece.encode()) <= PIECE_BYTES or "\n" not in piece.rstrip("\n") for piece in cut.pieces)
    assert {place for places in cut.places for place in places} == set(range(len(cut.pieces)))
    for chunk, places in zip(cut.chunks, cut.places, strict=True):
        assert places
        assert places == list(range(places[0], places[-1] + 1))
        assert all(cut.pieces[place].split("\n")[0] in chunk.text for place in places)


def test_a_passage_in_which_no_piece_begins_has_the_one_that_reaches_into_it() -> None:
    cut = text_chunks("f", "ten bytes\n" * 81, Chunking(tokens=200, overlap=0))
    assert [len(piece) for piece in cut.pieces] == [500, 310]
    assert cut.places == [[0, 1], [1]]


def test_passages_have_the_size_and_overlap_asked_for() -> None:
    text = "".join(f"{number:07}\n" for number in range(1, 201))
    cut = text_chunks("f", text, Chunking(tokens=100, overlap=20))
    assert [(chunk.first_line, chunk.last_line) for chunk in cut.chunks] == [
        (1, 50),
        (41, 90),
        (81, 130),
        (121, 170),
        (161, 200),
    ]
    assert {len(piece) for piece in cut.pieces} == {400}
    assert text_chunks("f", text, Chunking(tokens=100, overlap=0)).chunks[1].first_line == 51


def test_pieces_of_a_page_stay_on_it() -> None:
    cut = page_chunks("f", ["one", " ", "two"])
    assert (cut.pieces, cut.places) == (["one", "two"], [[0], [1]])


def test_pages_are_cut_apart_and_blank_ones_left_out() -> None:
    long = "x" * 1000 + "\n"
    chunks = page_chunks("f", ["one", " ", long * 4]).chunks
    assert [(chunk.page, chunk.ordinal, len(chunk.text), chunk.first_line) for chunk in chunks] == [
        (1, 0, 3, None),
        (3, 1, 3003, None),
        (3, 2, 2002, None),
    ]


def chunk(ordinal: int, first: int | None = None, last: int | None = None, page: int | None = None) -> Chunk:
    return Chunk(file_id="f", ordinal=ordinal, text="x", first_line=first, last_line=last, page=page)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (chunk(0, 1, 10), chunk(1, 10, 20), True),
        (chunk(0, 1, 10), chunk(1, 11, 20), False),
        (chunk(2, 30, 40), chunk(0, 1, 35), True),
        (chunk(0, page=1), chunk(1, page=1), True),
        (chunk(0, page=1), chunk(1, page=2), False),
        (chunk(0, page=1), chunk(2, page=1), False),
        (chunk(0), chunk(1), False),
        (chunk(1), chunk(1), True),
    ],
)
def test_passages_overlap_by_lines_or_within_a_page(one: Chunk, other: Chunk, shared: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is shared
