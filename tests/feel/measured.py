"""How well the descriptions lead, as far as the two small models on this machine can tell.

    python -m tests.feel.measured FOLDER [--choose]

with the model files in FOLDER. It prints how often the embedding of what a user says is nearest to the description of
the right tool, and with ``--choose`` how often the embedded language model picks it from the list (a few minutes).
Neither is how a large model chooses. The first only compares words and themes: a confusion that it shows among the
English requests is worth a look at the words. The second is too small to follow nine descriptions, and does little
better than chance; offered "no tool", it takes that nearly always.
"""

import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mcp_server.backends.protocol import Embedder
from mcp_server.tools import TOOLS
from tests.feel.evaluation import NONE, Request, requests
from tests.serving import House, house, told


class Ranked(NamedTuple):
    """The shares of requests whose right tool came first, and first or second; and what came first for the others."""

    first: float
    second: float
    confused: list[tuple[Request, str]]


async def retrieval(embedder: Embedder, asked: Sequence[Request]) -> Ranked:
    """Rank the tools for each request by the cosine between it and what the tool says of itself."""
    names = [tool.name for tool in TOOLS]
    described = await embedder.embed([f"{tool.title}. {tool.description}" for tool in TOOLS])
    said = await embedder.embed([request.say for request in asked])
    first = second = 0
    confused: list[tuple[Request, str]] = []
    for request, vector in zip(asked, said, strict=True):
        near = [sum(a * b for a, b in zip(vector, other, strict=True)) for other in described]
        ranked = sorted(names, key=lambda name: -near[names.index(name)])
        first += ranked[0] == request.tool
        second += request.tool in ranked[:2]
        if ranked[0] != request.tool:
            confused.append((request, ranked[0]))
    return Ranked(first / len(asked), second / len(asked), confused)


async def chosen(served: House, request: Request) -> str:
    """What the embedded language model picks; a grammar lets it say nothing but a tool's name."""
    offered = "\n".join(f"- {tool.name}: {tool.description}" for tool in TOOLS)
    answer = await served.call(
        "structured_extract",
        instructions=f"Choose the one tool that fits what the user wants.\n{offered}",
        input=request.say,
        schema={"enum": [tool.name for tool in TOOLS]},
        options={"temperature": 0},
    )
    return answer["data"]


async def _choices(weights: Path, asked: Sequence[Request]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "models").symlink_to(weights)
        async with house(
            told(Path(folder), RESPONSES_MCP_WAIT_SECONDS="600", RESPONSES_MCP_LOG_LEVEL="error")
        ) as served:
            picked = [(request, await chosen(served, request)) for request in asked]
    right = sum(request.tool == tool for request, tool in picked)
    print(f"\nchosen by the embedded language model: {right} of {len(picked)} right")
    print("it said:", ", ".join(f"{tool} {count}" for tool, count in Counter(tool for _, tool in picked).most_common()))


async def main(weights: Path, *, choose: bool) -> None:
    """Print the figures."""
    from mcp_server.backends.llama.embedder import LocalEmbedder

    asked = requests()
    ours = [request for request in asked if request.tool != NONE]
    english = [request for request in ours if request.lang == "en"]
    embedder = LocalEmbedder(weights)
    try:
        found = await retrieval(embedder, ours)
        in_english = await retrieval(embedder, english)
    finally:
        await embedder.close()
    print(f"nearest description       first  first two   (chance: {1 / len(TOOLS):.2f}, {2 / len(TOOLS):.2f})")
    print(f"{len(ours):3} in all languages       {found.first:.2f}   {found.second:.2f}")
    print(f"{len(english):3} in English             {in_english.first:.2f}   {in_english.second:.2f}")
    print("\nin English, another one is nearer:")
    for request, instead in in_english.confused:
        print(f"  {request.tool:18} < {instead:18} {request.say}")
    if choose:
        await _choices(weights, ours)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), choose="--choose" in sys.argv))
