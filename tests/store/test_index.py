"""The contract of ``Index``: files, their passages, and the search by words."""

import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcp_server.store.protocol import Store
from mcp_server.store.sqlite.index import SqliteIndex
from tests.store.conftest import OpenStore
from tests.store.examples import MINE, a_file, chunks


async def nearest(store: Store, *vector: float, name: str = "docs", limit: int = 10) -> list[str]:
    """The texts found, best first."""
    hits = await store.index.nearest(MINE, name, vector, limit)
    assert [cosine for _, cosine in hits] == sorted((cosine for _, cosine in hits), reverse=True)
    return [chunk.text for chunk in await store.index.chunks(MINE, name, [key for key, _ in hits])]


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


async def test_a_file_is_known_by_its_id_in_whichever_store_it_stands(store: Store) -> None:
    here, there = a_file("/a"), a_file("/b", store="other")
    for file in (there, here, a_file("/c", file_id="f2")):
        await store.index.replace(MINE, file, [])
    assert await store.index.located(MINE, ["f1", "f9"]) == [here, there]
    assert await store.index.located(MINE, []) == []


async def test_passages_come_back_whole_and_in_the_order_asked_for(store: Store) -> None:
    paged, lined = chunks("page", "lines")
    paged, lined = paged.model_copy(update={"page": 3}), lined.model_copy(update={"first_line": 1, "last_line": 9})
    await store.index.replace(MINE, a_file(), [paged, lined])
    ((first, _),) = await store.index.match(MINE, "docs", ["page"], 10)
    ((second, _),) = await store.index.match(MINE, "docs", ["lines"], 10)
    found = await store.index.chunks(MINE, "docs", [second, 999, first])
    assert found == [lined.model_copy(update={"id": second}), paged.model_copy(update={"id": first})]
    assert await store.index.chunks(MINE, "other", [first]) == []


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


async def test_the_nearest_passages_come_first_and_those_without_a_vector_not_at_all(store: Store) -> None:
    vectors = [floats(1, 0), floats(0, 1), floats(0.6, 0.8)]
    await store.index.replace(
        MINE, a_file("/b", file_id="f2"), chunks("east", "north", "between", file_id="f2"), vectors
    )
    await store.index.replace(MINE, a_file("/a"), chunks("none"))
    assert await nearest(store, 0.0, 1.0) == ["north", "between", "east"]
    assert await nearest(store, 0.0, 1.0, limit=2) == ["north", "between"]
    assert await nearest(store, 1.0, 0.0, limit=1) == ["east"]
    hits = await store.index.nearest(MINE, "docs", [1.0, 0.0], 3)
    assert [round(cosine, 6) for _, cosine in hits] == [1.0, 0.6, 0.0]
    assert await nearest(store, 1.0, 0.0, name="other") == []


async def test_a_passage_with_several_vectors_counts_by_its_nearest(store: Store) -> None:
    several = floats(-1, 0) + floats(0.8, 0.6) + floats(0, -1)
    await store.index.replace(
        MINE, a_file(), chunks("one", "several", "far"), [floats(0.6, 0.8), several, floats(0, 1)]
    )
    assert await nearest(store, 1.0, 0.0) == ["several", "one", "far"]
    assert await nearest(store, 0.0, -1.0, limit=1) == ["several"]


async def test_of_equally_good_passages_the_earlier_comes_first(store: Store) -> None:
    texts = [f"{number}" for number in range(50)]
    await store.index.replace(MINE, a_file(), chunks(*texts), [floats(1, 0)] * 50)
    assert await nearest(store, 1.0, 0.0, limit=50) == texts


async def test_a_search_can_be_limited_to_files(store: Store) -> None:
    await store.index.replace(MINE, a_file("/a"), chunks("apples one"), [floats(1, 0)])
    await store.index.replace(MINE, a_file("/b", file_id="f2"), chunks("apples two", file_id="f2"), [floats(0, 1)])
    for wanted, count in ((["f2"], 1), (["f1", "f2", "f3"], 2), ([], 0)):
        by_words = await store.index.match(MINE, "docs", ["apples"], 10, wanted)
        by_meaning = await store.index.nearest(MINE, "docs", [1.0, 0.0], 10, wanted)
        assert len(by_words) == len(by_meaning) == count
        assert [file.file_id for file in await store.index.files(MINE, "docs", wanted)] == [
            name for name in ("f1", "f2") if name in wanted
        ]


async def test_what_was_put_or_dropped_since_the_last_search_is_seen_at_once(
    store: Store, open_store: OpenStore
) -> None:
    another = await open_store()
    await store.index.replace(MINE, a_file(), chunks("old"), [floats(1, 0)])
    assert await nearest(store, 1.0, 0.0) == ["old"]
    await another.index.replace(MINE, a_file(), chunks("new"), [floats(1, 0)])
    assert await nearest(store, 1.0, 0.0) == ["new"]
    await another.index.drop(MINE, "docs", ["f1"])
    assert await nearest(store, 1.0, 0.0) == []
    await another.index.replace(MINE, a_file(), chunks("again"), [floats(1, 0)])
    assert await nearest(store, 1.0, 0.0) == ["again"]


@pytest.mark.parametrize("vectors", [True, False])
async def test_outdated_files_have_no_hash_and_are_still_found(store: Store, vectors: bool) -> None:
    await store.index.replace(MINE, a_file(), chunks("apples"), [floats(1, 0)])
    await store.index.replace(MINE, a_file(store="other"), chunks("apples"), [floats(1, 0)])
    assert await nearest(store, 1.0, 0.0) == ["apples"]
    await store.index.outdate(MINE, "docs", vectors=vectors)
    assert [file.sha256 for file in await store.index.files(MINE, "docs")] == [""]
    assert [file.sha256 for file in await store.index.files(MINE, "other")] == ["0"]
    assert await matched(store, "apples") == ["apples"]
    assert await nearest(store, 1.0, 0.0) == ([] if vectors else ["apples"])
    assert await nearest(store, 1.0, 0.0, name="other") == ["apples"]


async def test_only_the_stores_searched_last_stay_in_memory(store: Store) -> None:
    assert isinstance(store.index, SqliteIndex)
    for number in range(6):
        await store.index.replace(MINE, a_file(store=f"s{number}"), chunks("x"), [floats(1, 0)])
        assert await nearest(store, 1.0, 0.0, name=f"s{number}") == ["x"]
    assert [name for _, _, name in store.index._memory._kept] == ["s2", "s3", "s4", "s5"]


async def test_words_are_found_by_their_stem(store: Store) -> None:
    await indexed(store, "it retries the request", "something else")
    assert await matched(store, "retry") == await matched(store, "requested") == ["it retries the request"]


async def test_a_store_of_many_words_does_not_crowd_another_out(store: Store) -> None:
    await store.index.replace(MINE, a_file(store="other"), chunks(*["apples apples"] * 30))
    await indexed(store, "a pear and apples")
    assert await matched(store, "apples", limit=1) == ["a pear and apples"]


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


async def test_two_paths_with_the_same_file_id_keep_their_own_passages(store: Store) -> None:
    await store.index.replace(MINE, a_file("/a"), chunks("apples"))
    await store.index.replace(MINE, a_file("/b"), chunks("apples"))
    await store.index.replace(MINE, a_file("/a", file_id="f2"), chunks("pears", file_id="f2"))
    assert await matched(store, "apples", "pears") == ["apples", "pears"]


async def test_one_of_two_paths_with_the_same_file_id_is_removed(store: Store) -> None:
    for path in ("/a", "/b"):
        await store.index.replace(MINE, a_file(path), chunks(f"at {path}"))
    await store.index.remove(MINE, "docs", "/a")
    await store.index.remove(MINE, "docs", "/nowhere")
    assert [file.path for file in await store.index.files(MINE, "docs")] == ["/b"]
    assert await matched(store, "at") == ["at /b"]


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
        ("app*", False),
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


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(words=st.lists(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=12), max_size=4))
async def test_no_word_breaks_the_query(store: Store, words: list[str]) -> None:
    await store.index.match(MINE, "docs", words, 3)


async def test_text_with_half_a_surrogate_pair_is_indexed(store: Store) -> None:
    await indexed(store, "apples \ud83d pears")
    assert await matched(store, "pears") == ["apples ? pears"]
