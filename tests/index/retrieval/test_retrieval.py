from pathlib import Path

import pytest

from mcp_server.store.protocol import Store
from tests.index.retrieval.measured import DOCUMENTS, questions, scores

ROOMS = (
    *DOCUMENTS,
    *(f"mcp_server/{room}" for room in ("backends/responses", "money", "server", "store", "transports")),
)
"""What can be embedded in half a minute."""


def test_every_question_has_its_answer_where_it_says() -> None:
    asked = questions([*DOCUMENTS, "mcp_server"])
    assert len(asked) >= 80
    assert len({question.ask for question in asked}) == len(asked)
    assert len(questions(ROOMS)) >= 60


@pytest.mark.engine
@pytest.mark.long
async def test_words_and_meaning_together_find_best(store: Store, weights: Path) -> None:
    found = await scores(store, weights, ROOMS)
    words, meaning, both = found["words"], found["meaning"], found["both"]
    assert both.recall >= 0.85
    assert both.recall >= max(words.recall, meaning.recall)
    assert both.mrr >= max(words.mrr, meaning.mrr)
