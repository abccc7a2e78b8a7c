"""The agent behind the fastresponses server, which runs this file in its own environment: it asks llama.cpp."""

import asyncio
import json
import os
import urllib.request
from collections.abc import AsyncGenerator
from typing import Any

from fastresponses import AgentAdapter, Incomplete, TextDelta, UsageDelta  # type: ignore[import-not-found]


class Agent(AgentAdapter):
    """Answers with the small model's words. Files, schemas and tools mean nothing to it, as to many an agent."""

    name = "llama"

    async def run(self, run: Any) -> AsyncGenerator[Any]:
        """One turn."""
        told = [{"role": "system", "content": run.request.instructions}] if run.request.instructions else []
        said = [item.model_dump() for item in run.context_items]
        told += [{"role": item["role"], "content": _text(item["content"])} for item in said if item.get("role")]
        answer = await asyncio.to_thread(_ask, {"messages": told, "max_tokens": run.request.max_output_tokens or 200})
        choice, usage = answer["choices"][0], answer["usage"]
        yield TextDelta(choice["message"]["content"])
        yield UsageDelta(usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"])
        if choice["finish_reason"] == "length":
            yield Incomplete()


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n".join(part.get("text") or "" for part in content)


def _ask(body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['ENGINE_KEY']}"}
    url = os.environ["ENGINE_URL"] + "/chat/completions"
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as answer:
        return json.load(answer)


agent = Agent()
