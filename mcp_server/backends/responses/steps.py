"""What output items say was done, each in one line for a person or a model.

The words are of the model's and of other servers' making: data, never instructions.
"""

import json
import re
from collections.abc import Callable, Sequence

from mcp_server.backends.responses.shape import mapping, objects, string, texts
from mcp_server.model.value import JsonObject

LONGEST = 200
"""Characters of a step."""

_READ = 2_000
"""Characters of a field that are looked at: code and arguments may be megabytes."""

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the direction of writing, and halves of characters."""

_UNDONE = frozenset({"queued", "in_progress", "searching", "interpreting", "generating", "calling"})
_NO_STEPS = frozenset({"message", "reasoning"})


def steps_of(items: Sequence[JsonObject]) -> list[str]:
    """The steps of a response that has not ended: those of its items that are finished."""
    done = [item for item in items if string(item.get("status")) not in _UNDONE]
    return [step for item in done if (step := step_of(item))]


def step_of(item: JsonObject) -> str | None:
    """What a finished item did, at most ``LONGEST`` characters; None for what is said, thought or brought back."""
    kind = string(item.get("type"))
    if kind is None or kind in _NO_STEPS or kind.endswith("_output"):
        return None
    tell, ill = TOLD.get(kind), _ill(item)
    return _short(tell(item) if tell else kind, LONGEST - len(ill)) + ill


def _ill(item: JsonObject) -> str:
    error, status = item.get("error"), string(item.get("status"))
    if not error and status not in {"failed", "incomplete"}:
        return ""
    about = mapping(error)
    why = string(error) or string(about.get("message")) or (_json(about.get("content")) if about else "")
    return f" ({status if status == 'incomplete' else 'failed'}{': ' if why else ''}{_short(why, 60)})"


def _web_search(item: JsonObject) -> str:
    action = mapping(item.get("action"))
    url = string(action.get("url")) or "a page"
    match action.get("type"):
        case "open_page":
            return f"opened {url}"
        case "find_in_page":
            return f"looked for {_quoted([string(action.get('pattern')) or ''])} in {url}"
        case _:
            one = string(action.get("query"))
            return _searched("the web", texts(action.get("queries")) or ([one] if one else []))


def _searched(where: str, queries: list[str]) -> str:
    return f"searched {where} for {_quoted(queries)}" if queries else f"searched {where}"


def _code(item: JsonObject) -> str:
    first, _, more = _start(item.get("code")).strip().partition("\n")
    gave = len(objects(item.get("outputs")))
    what = f"ran code: {_short(first, 150)}{' …' if more else ''}" if first else "ran code"
    return f"{what} ({gave} output{'s' if gave > 1 else ''})" if gave else what


def _mcp_tools(item: JsonObject) -> str:
    return f"asked {_name(item, 'server_label')} for its tools: {len(objects(item.get('tools')))}"


def _image(item: JsonObject) -> str:
    wanted = string(item.get("revised_prompt"))
    return f"drew an image: {wanted}" if wanted else "drew an image"


def _shell(item: JsonObject) -> str:
    action = mapping(item.get("action"))
    return f"shell: {'; '.join(texts(action.get('commands'))) or ' '.join(texts(action.get('command')))}"


def _computer(item: JsonObject) -> str:
    actions = objects(item.get("actions")) or [mapping(item.get("action"))]
    return f"computer: {', '.join(_name(action, 'type') for action in actions)}"


def _patch(item: JsonObject) -> str:
    operation = mapping(item.get("operation"))
    return f"patch: {_name(operation, 'type')} {string(operation.get('path')) or ''}"


def _remote(item: JsonObject) -> str:
    called = f"{_name(item, 'server_label')}.{_name(item, 'name')}"
    return f"{called} {_short(_start(item.get('arguments')), 100)}"


TOLD: dict[str, Callable[[JsonObject], str]] = {
    "web_search_call": _web_search,
    "file_search_call": lambda item: _searched("the files", texts(item.get("queries"))),
    "code_interpreter_call": _code,
    "mcp_call": lambda item: f"called {_remote(item)}",
    "mcp_approval_request": lambda item: f"asked to approve {_remote(item)}",
    "mcp_list_tools": _mcp_tools,
    "image_generation_call": _image,
    "shell_call": _shell,
    "local_shell_call": _shell,
    "computer_call": _computer,
    "apply_patch_call": _patch,
    "function_call": lambda item: f"asked for {_name(item, 'name')} {_start(item.get('arguments'))}",
    "custom_tool_call": lambda item: f"asked for {_name(item, 'name')} {_start(item.get('input'))}",
    "tool_search_call": lambda item: f"searched for tools {_start(item.get('arguments'))}",
    "program": lambda item: f"ran a program: {_start(item.get('code'))}",
    "compaction": lambda _: "compacted the conversation",
}
"""The items of the API that are steps; another one is told by its type."""


def _name(item: JsonObject, field: str) -> str:
    return string(item.get(field)) or "?"


def _start(value: object) -> str:
    return (value if isinstance(value, str) else _json(value))[:_READ]


def _json(value: object) -> str:
    return "" if value in (None, "", [], {}) else json.dumps(value, ensure_ascii=False)


def _quoted(words: list[str]) -> str:
    return ", ".join(f'"{one[:_READ]}"' for one in words)


def _short(text: str, longest: int) -> str:
    line = _UNSEEN.sub("", " ".join(text[: 2 * _READ].split()))
    return line if len(line) <= longest else line[: longest - 1] + "…"
