import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.index.fuse import fuse
from mcp_server.index.ranking import words_of

RANKINGS = st.lists(st.lists(st.integers(0, 20), unique=True), min_size=1, max_size=4)


@given(RANKINGS)
def test_scores_are_between_0_and_1_and_fall(rankings: list[list[int]]) -> None:
    fused = fuse(rankings)
    scores = [score for _, score in fused]
    assert {found for found, _ in fused} == {found for ranking in rankings for found in ranking}
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)


def test_first_everywhere_is_1_and_first_in_one_of_two_is_a_half() -> None:
    assert fuse([[7, 8], [7, 9]])[0] == (7, 1.0)
    assert fuse([[7], [8]]) == [(7, 0.5), (8, 0.5)]
    assert fuse([[7], []]) == [(7, 0.5)]
    assert fuse([]) == []


def test_agreement_beats_one_good_place() -> None:
    assert [found for found, _ in fuse([[1, 2, 3], [4, 2, 3]])] == [2, 3, 1, 4]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("How does the parser work?", ["parser", "work"]),
        ("what is it", ["what", "is", "it"]),
        ("open_index (x-y) a.b", ["open", "index", "x", "y", "b"]),
        ("Größe größe Größe", ["Größe", "größe"]),
        ("maxRetries", ["maxRetries"]),
        ("?!", []),
        (" ".join(f"w{number}" for number in range(100)), [f"w{number}" for number in range(64)]),
    ],
)
def test_words_are_the_telling_ones_unless_there_are_none(query: str, words: list[str]) -> None:
    assert words_of(query) == words
