"""Which backend it is, what it is known to do, whether it can be reached, and with which model."""

import re
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import anyio

from mcp_server.backends.observed import SERVER, Observation
from mcp_server.backends.profile import Profile
from mcp_server.doctor.report import Finding, bad, counted, good, odd, told
from mcp_server.doctor.visit import NATIVE, Visit
from mcp_server.errors import UpstreamError
from mcp_server.model.value import JsonObject
from mcp_server.redaction import redact
from mcp_server.settings import model_variable

_REGION = re.compile(
    r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d)\.(?:vpce\.)?(?:api\.aws|amazonaws\.com)$|^([a-z]{2})\.api\.openai\.com$"
)

NOTICE = timedelta(days=30)

LIST_SECONDS = 30.0
"""For the list of models, with all that is tried again; a server that thinks about it for longer is stuck."""

SILENT = bad("it takes connections, and does not answer", "look what the server is doing, and whether it is that one")
ELSEWHERE = "check the address: with most servers it ends in /v1"

WITHOUT_LIST = frozenset({403, 404, 405, 501})
"""How servers, and keys that may not, answer a request for the list of models; all else may work."""

TOOLS = ("web_search", "file_search", "code_interpreter", "image_generation", "mcp", "computer", "shell")
"""The hosted tools that a person asks for; the others are previews and older names of them."""


async def backend(visit: Visit) -> Finding:
    """Its kind, its address, and the region it stands in where that is told."""
    found = visit.app.backend
    _ = found.prepare  # a backend that lacks a setting says so here
    address = redact(found.address)
    region = region_of(address) or visit.app.settings.region
    data: JsonObject = {"kind": found.name, "address": address, **({"region": region} if region else {})}
    return good(f"{found.name}, {address}{f', region {region}' if region else ''}", data)


def region_of(address: str) -> str | None:
    """The region that a host name tells: ``us-west-2`` of Amazon's, ``eu`` of OpenAI's; None where it tells none."""
    found = _REGION.search(urlsplit(address).hostname or "")
    return found[1] or found[2] if found else None


async def profile(visit: Visit) -> Finding:
    """What it does itself, and what is done here instead."""
    known = visit.profile
    native = [words for name, words in NATIVE.items() if getattr(known, name)]
    lacking = [words for name, words in NATIVE.items() if not getattr(known, name)]
    tools = f"hosted tools: {', '.join(name for name in TOOLS if name in known.hosted_tools) or 'none'}"
    return good(
        f"has {', '.join(native) or 'nothing beside answers'}; JSON schemas: {known.json_schema}; {tools}; "
        f"without {', '.join(lacking) or 'nothing'}",
        known.model_dump(mode="json"),
    )


async def reachable(visit: Visit) -> Finding:
    """Whether anything answers there, and lets us in. The embedded engine is fetched and started."""
    chosen = visit.app.backend
    async for note in chosen.prepare():
        visit.say(note)
    await chosen.acquaint()
    server = chosen.observed.find(SERVER)
    answers, data = (f"{server} answers", {"server": server}) if server else ("it answers", {})
    try:
        with anyio.fail_after(LIST_SECONDS):
            visit.listed = await chosen.catalogue()
    except TimeoutError:
        return SILENT
    except UpstreamError as fault:
        if fault.kind == "timeout":
            return SILENT
        if fault.missing and not chosen.address.endswith("/v1"):
            return odd(f"{answers}, and shows no list of models", ELSEWHERE)
        if fault.missing or fault.http_status in WITHOUT_LIST:
            return good(f"{answers}, and shows no list of models", data)
        return unreachable(fault, redact(chosen.address))
    lists = counted(len(visit.listed), "model")
    return good(f"{answers}, and lists {lists}", {**data, "models": sorted(visit.listed)})


def unreachable(fault: UpstreamError, address: str) -> Finding:
    """Why nothing came back, where the cause says more than the fault."""
    host = urlsplit(address).hostname
    for cause in _causes(fault):
        match cause:
            case ssl.SSLCertVerificationError():
                why = f"the certificate of {host} is not trusted ({cause.verify_message})"
                advice = "where a company's proxy signs it, name a file with its certificate in SSL_CERT_FILE"
            case ssl.SSLError():
                why, advice = f"{host} does not speak TLS there", "check the port, or write http:// for a local server"
            case socket.gaierror():
                region = ", the region in it" if region_of(address) else ""
                why, advice = f"the name {host} is not known", f"check its spelling{region}, and the network"
            case ConnectionRefusedError():
                why, advice = f"nothing listens at {address}", "start the server, or check the address and the port"
            case _:
                continue
        return bad(why, advice)
    return told(fault)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    while error is not None and error not in seen:  # a chain may be a ring
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


async def model(visit: Visit) -> Finding:
    """Which model answers, and whether it stays."""
    configured, listed = visit.app.settings.model, (visit.listed or {}) if visit.profile.models else {}
    variable = model_variable(visit.app.backend.name)
    names = [configured] if configured else await visit.app.backend.models() if listed else []
    if not names:
        return bad("no model is configured, and the backend does not tell which one to ask", f"name one in {variable}")
    chosen = visit.model = names[0]
    end = listed.get(chosen)
    data: JsonObject = {"model": chosen, **({"shutdown_date": str(end)} if end else {})}
    if end and end - today() <= NOTICE:
        return odd(f"{chosen} shuts down on {end}", f"name another one in {variable}", data)
    how = "as configured" if configured else f"chosen out of {counted(len(listed), 'model')}"
    unlisted = ", and not on the backend's list" if listed and chosen not in listed else ""
    return good(f"{chosen}, {how}{unlisted}", data)


def today() -> date:
    """The date by which models go."""
    return datetime.now(UTC).date()


async def observations(visit: Visit) -> Finding:
    """What it turned out to do other than documented, and until when that counts."""
    standing = visit.app.backend.observed.standing()
    seen = [one for one in standing if one.about in Profile.model_fields or one.found is False]
    seen = [one for one in seen if one.about != "models"]  # that has its line above
    data = {"observations": [one.model_dump(mode="json") for one in standing]}
    if not seen:
        return good("nothing other than documented", data)
    lines = "\n".join(map(_line, seen))
    return odd(lines, "nothing, unless the server should do it: it is tried again then", data)


def _line(one: Observation) -> str:
    whose = f" with {one.model}" if one.model else ""
    # What to do about it stands in the line of the check that met it.
    why = re.split(r"; |: it said ", one.why, maxsplit=1)[0].rstrip(".")
    return f"{one.about}{whose}: {_said(one.found)}, until {_moment(one.until)} ({why})"


def _said(found: object) -> str:
    return "no" if found is False else "yes" if found is True else str(found)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
