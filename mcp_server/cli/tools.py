"""``responses-mcp tools``: the definitions and their cost. Every byte of them is in every conversation."""

import json
from argparse import Namespace

from mcp_server.tools import definitions

BYTES_PER_TOKEN = 4
"""A rough figure for English and JSON; the exact one depends on the model."""


def run(chosen: Namespace) -> int:
    """Print the tools; returns the exit code."""
    shown = [one.model_dump(by_alias=True, exclude_none=True, mode="json") for one in definitions()]
    if chosen.json:
        print(json.dumps(shown, indent=2))
        return 0
    sizes = [len(json.dumps(one, separators=(",", ":"))) for one in shown]
    for one, size in zip(shown, sizes, strict=True):
        print(f"{one['name']:20} {size:6,} bytes  {one['title']}")
    print(f"{'together':20} {sum(sizes):6,} bytes, about {sum(sizes) // BYTES_PER_TOKEN:,} tokens a conversation")
    return 0
