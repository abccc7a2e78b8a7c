"""What a file search gave, read without trusting its shape, and the passage that a citation leans on."""

from typing import Any

from mcp_server.backends.responses.found import found, leaned_on
from mcp_server.model.document import Found


def search(*results: Any, queries: Any = ("q",)) -> dict[str, Any]:
    return {"type": "file_search_call", "queries": list(queries), "results": list(results)}


def result(text: str, score: Any = 0.5, file_id: str = "file-1") -> dict[str, Any]:
    return {"file_id": file_id, "filename": "a.txt", "score": score, "text": text, "attributes": {}}


def note(index: Any, file_id: str = "file-1") -> dict[str, Any]:
    return {"type": "file_citation", "file_id": file_id, "index": index}


def given(*results: Any) -> Found:
    read = found([search(*results)])
    assert read is not None
    return read


def test_without_a_search_nothing_was_found() -> None:
    assert found([{"type": "message", "content": []}]) is None


def test_searches_are_put_together_best_first_and_each_passage_once() -> None:
    read = found(
        [search(result("b", 0.4), result("a", 0.9), queries=["one"]), search(result("a", 0.9), queries=["one", "two"])]
    )
    assert read is not None
    assert [passage.text for passage in read.passages] == ["a", "b"]
    assert read.queries == ["one", "two"]


def test_a_shape_that_nobody_promised_hurts_nothing() -> None:
    odd = {"type": "file_search_call", "queries": None, "results": None}
    assert found([odd]) == Found(passages=[], queries=[])
    (passage,) = given({"text": None, "score": "high", "file_id": 7}).passages
    assert (passage.text, passage.score, passage.file_id) == ("", 0.0, "")
    assert [one.score for one in given(result("a", 7), result("b", -1)).passages] == [1.0, 0.0]


def test_a_citation_leans_on_the_passage_that_shares_most_words_with_its_sentence() -> None:
    results = given(result("The ferry leaves at noon.", 0.9), result("Dogs travel without a ticket.", 0.3))
    text = "It leaves at noon. Dogs travel free."
    assert leaned_on(note(18), text, results) == "The ferry leaves at noon."
    assert leaned_on(note(len(text)), text, results) == "Dogs travel without a ticket."


def test_of_equals_the_better_one_is_leaned_on() -> None:
    results = given(result("worse", 0.3), result("better", 0.8))
    assert leaned_on(note(4), "None.", results) == "better"


def test_a_citation_without_a_place_leans_on_what_the_whole_end_says() -> None:
    results = given(result("The ferry leaves at noon.", 0.9), result("Dogs travel without a ticket.", 0.3))
    assert leaned_on(note(None), "First this.\nDogs travel free", results) == "Dogs travel without a ticket."


def test_a_file_that_no_search_found_is_leaned_on_without_words() -> None:
    assert leaned_on(note(3, "file-2"), "abc", given(result("abc"))) is None
    assert leaned_on(note(3), "abc", None) is None
