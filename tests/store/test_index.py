"""The contract of ``Index``: files, their passages, and the search by words."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_server.store.protocol import Store
from tests.store.examples import MINE, a_file, chunks


async def matched(store: Store, *words: str, limit: int = 10) -> list[str]:
    """The texts found, best first."""
    hits = await store.index.match(MINE, "docs", words, limit)
    assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
    return [chunk.text for chunk in await store.index.chunks(MINE, "docs", [key for key, _ in hits])]


async def indexed(store: Store, *texts: str) -> None:
    await store.index.replace(MINE, a_file(), chunks(*texts))


async def test_files_are_listed_by_path_as_they_were_put(store: Store) -> None:
    second, first = a_file("/b", file_id="f2", attributes={"lang": "é", "n": None}), a_file("/a")
    await store.index.replace(MINE, second, [])
    await store.index.replace(MINE, first, [])
    assert await store.index.files(MINE, "docs") == [first, second]
    assert await store.index.files(MINE, "other") == []


async def test_passages_come_back_whole_and_in_the_order_asked_for(store: Store) -> None:
    paged, lined = chunks("page", "lines")
    paged, lined = paged.model_copy(update={"page": 3}), lined.model_copy(update={"first_line": 1, "last_line": 9})
    await store.index.replace(MINE, a_file(), [paged, lined], [b"\0" * 4, b"\1" * 4])
    first, second = [key for key, _, _ in await store.index.vectors(MINE, "docs")]
    found = await store.index.chunks(MINE, "docs", [second, 999, first])
    assert found == [lined.model_copy(update={"id": second}), paged.model_copy(update={"id": first})]
    assert await store.index.chunks(MINE, "other", [first]) == []


async def test_vectors_come_in_id_order_and_passages_without_are_absent(store: Store) -> None:
    one, two = struct.pack("<2f", 0.5, -1.0), struct.pack("<2f", 1.0, 0.0)
    await store.index.replace(MINE, a_file("/b", file_id="f2"), chunks("x", "y", file_id="f2"), [one, two])
    await store.index.replace(MINE, a_file("/a"), chunks("none"))
    vectors = await store.index.vectors(MINE, "docs")
    assert [(file_id, vector) for _, file_id, vector in vectors] == [("f2", one), ("f2", two)]
    assert [key for key, _, _ in vectors] == sorted(key for key, _, _ in vectors)


async def test_vectors_that_do_not_go_with_the_passages_are_a_bug_and_change_nothing(store: Store) -> None:
    await indexed(store, "before")
    with pytest.raises(ValueError, match="zip"):
        await store.index.replace(MINE, a_file(), chunks("one", "two"), [b"1234"])
    assert await matched(store, "before") == ["before"]


async def test_a_file_put_again_replaces_itself_and_its_passages(store: Store) -> None:
    await indexed(store, "apples", "pears")
    again = a_file(file_id="f9", sha256="1")
    await store.index.replace(MINE, again, chunks("plums", file_id="f9"), [b"1234"])
    assert await store.index.files(MINE, "docs") == [again]
    assert await matched(store, "apples", "pears", "plums") == ["plums"]
    assert len(await store.index.vectors(MINE, "docs")) == 1


async def test_the_same_path_in_another_store_is_another_file(store: Store) -> None:
    await indexed(store, "apples")
    await store.index.replace(MINE, a_file(store="other"), chunks("apples"))
    assert await store.index.drop(MINE, "other", ["f1"]) == 1
    assert await matched(store, "apples") == ["apples"]
    assert await store.index.match(MINE, "other", ["apples"], 10) == []


async def test_dropped_files_take_their_passages_along(store: Store) -> None:
    await store.index.replace(MINE, a_file("/a"), chunks("apples"), [b"1234"])
    await store.index.replace(MINE, a_file("/b", file_id="f2"), chunks("apples and pears", file_id="f2"), [b"1234"])
    assert await store.index.drop(MINE, "docs", ["f1", "nowhere"]) == 1
    assert [file.file_id for file in await store.index.files(MINE, "docs")] == ["f2"]
    assert await matched(store, "apples") == ["apples and pears"]
    assert [file_id for _, file_id, _ in await store.index.vectors(MINE, "docs")] == ["f2"]


async def test_two_paths_with_the_same_file_id_keep_their_own_passages(store: Store) -> None:
    await store.index.replace(MINE, a_file("/a"), chunks("apples"))
    await store.index.replace(MINE, a_file("/b"), chunks("apples"))
    await store.index.replace(MINE, a_file("/a", file_id="f2"), chunks("pears", file_id="f2"))
    assert await matched(store, "apples", "pears") == ["apples", "pears"]


async def test_any_of_the_words_finds_and_rarer_and_denser_ones_rank_higher(store: Store) -> None:
    await indexed(store, "the fox", "the hen", "the fox and the fox and the lynx", "nothing of it", "the the")
    found = await matched(store, "fox", "lynx")
    assert found == ["the fox and the fox and the lynx", "the fox"]
    assert await matched(store, "fox", "lynx", limit=1) == found[:1]


async def test_case_and_accents_do_not_matter(store: Store) -> None:
    await indexed(store, "Café Ångström", "tea")
    assert await matched(store, "CAFE") == await matched(store, "ångstrom") == ["Café Ångström"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("send previous_response_id along", ["previous_response_id", "response", "previousResponseId"]),
        ("set maxRetries to 2", ["maxRetries", "max_retries", "retries", "MAXRETRIES"]),
        ("class HTTPServerError(Exception)", ["HTTPServerError", "server", "http_server_error", "Error"]),
        ("XMLHttpRequest", ["request", "xml"]),
        ("call os.path.join here", ["os.path.join", "path"]),
        ("--max-old-space-size", ["max-old-space-size", "space"]),
        ("sha256Digest", ["digest", "sha256"]),
    ],
)
async def test_names_in_source_code_are_found_whole_and_by_their_parts(
    store: Store, text: str, words: list[str]
) -> None:
    await indexed(store, text, "something else")
    assert {word: await matched(store, word) for word in words} == {word: [text] for word in words}


async def test_a_name_does_not_find_its_scattered_parts(store: Store) -> None:
    await indexed(store, "response to the previous id")
    assert await matched(store, "previous_response_id") == []


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ('"', False),
        ('" OR "apples', False),
        ('apples" NOT "here', False),
        ("appl*", False),
        ("text:apples", False),
        ("{text parts}:apples", False),
        ("NEAR(apples here)", False),
        ("^here", True),
        ("-apples", True),
        ("(apples + here)", True),
    ],
)
async def test_signs_of_the_query_language_mean_nothing(store: Store, word: str, found: bool) -> None:
    await indexed(store, "apples here", "pears there")
    assert await matched(store, word) == (["apples here"] if found else [])
    assert "pears there" in await matched(store, word, "pears")


@pytest.mark.parametrize("word", ["OR", "AND", "NOT", "NEAR"])
async def test_operators_are_words_like_others(store: Store, word: str) -> None:
    await indexed(store, f"left {word} right", "neither")
    assert await matched(store, word) == [f"left {word} right"]


@pytest.mark.parametrize("words", [[], [""], ["  ", "!?", '""', "\0", "🙂"]])
async def test_without_a_word_nothing_is_found(store: Store, words: list[str]) -> None:
    await indexed(store, "apples 🙂 !?")
    assert await matched(store, *words) == []


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=12), max_size=4))
async def test_no_word_breaks_the_query(store: Store, words: list[str]) -> None:
    await store.index.match(MINE, "docs", words, 3)


async def test_text_with_half_a_surrogate_pair_is_indexed(store: Store) -> None:
    await indexed(store, "apples \ud83d pears")
    assert await matched(store, "pears") == ["apples ? pears"]
