"""``usage://today`` and ``usage://session/{name}``: what was used and what it cost."""

import json

from mcp_server.app import App
from mcp_server.model.value import Scope
from mcp_server.money.report import midnight, report

SESSION = "session/"


async def usage_text(app: App, scope: Scope, name: str) -> str | None:
    """JSON for the part of the address after ``usage://``; None when there is no such thing."""
    if name == "today":
        days = await app.store.spendings.by_day(scope, midnight(app.now()))
        return json.dumps(report(days), indent=2)
    session = name.removeprefix(SESSION)
    if session == name:
        return None
    days = await app.store.spendings.by_day(scope, session=session)
    if not days and await app.store.sessions.get(scope, session) is None:
        return None
    return json.dumps({"session": session, **report(days)}, indent=2)
