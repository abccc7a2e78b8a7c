"""Into a host's file, and out of it: planned first, so that it can be shown, then carried out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_server.errors import ConfigurationError, Conflict
from mcp_server.hosts import change, files
from mcp_server.hosts.entry import Entry, Launch, entry, hidden
from mcp_server.hosts.known import SERVER_NAME, Host
from mcp_server.hosts.launch import is_ours
from mcp_server.model.value import JsonObject


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will become of the file at ``path``: ``after`` instead of ``before``; None is no file.

    ``server`` is the entry as it will stand there, or the one that goes; ``keeps`` says that a backup is made.
    """

    host: Host
    path: Path
    before: bytes | None
    after: bytes | None
    server: JsonObject | None
    inputs: tuple[JsonObject, ...] = ()
    keeps: bool = False
    private: bool = False

    @property
    def changes(self) -> bool:
        """Whether anything is to be done at all."""
        return self.after != self.before


def plan_install(
    host: Host, path: Path, launch: Launch, pasted: Mapping[str, str] | None = None, *, force: bool = False
) -> Plan:
    """Our entry in the file; the rest of it stays.

    Raises:
        Conflict: another server has our name there, and ``force`` is not set.
        ConfigurationError: the file cannot be read or is broken.
    """
    before = files.read(path)
    text = _text(path, before)
    made = entry(host, launch, pasted)
    try:
        old = change.present(host, text)
        foreign = old is not None and not is_ours(old)
        if foreign and not force:
            raise Conflict(
                f"{path} has another server by the name of {SERVER_NAME}; rename it there, or replace it with --force."
            )
        after = change.with_entry(host, text, made, afresh=foreign)
        server = change.present(host, after)
        alone = old is not None and _made_by_us(host, text, old)
    except ValueError as error:
        raise _broken(path, error) from None
    return Plan(
        host=host,
        path=path,
        before=before,
        after=_bytes(after),
        server=server,
        inputs=change.inputs_in(after, change.inputs_of(server)) if host.asks else (),
        keeps=foreign or (before is not None and not alone and _worth_keeping(host, path, old)),
        private=bool(pasted),
    )


def plan_uninstall(host: Host, path: Path) -> Plan:
    """The file without our entry: as it was, if nothing else has changed since; not there, if we made it.

    Raises:
        Conflict: what stands there under our name is another server.
        ConfigurationError: the file cannot be read or is broken.
    """
    before = files.read(path)
    text = _text(path, before)
    try:
        old = change.present(host, text)
        if old is None:
            return Plan(host=host, path=path, before=before, after=before, server=None)
        if not is_ours(old):
            raise Conflict(f"{SERVER_NAME} in {path} is another server, so it stays; remove it there by hand.")
        without = change.without_entry(host, text)
        inputs = change.inputs_in(text, change.inputs_of(old)) if host.asks else ()
    except ValueError as error:
        raise _broken(path, error) from None
    kept = files.backups(path)
    made_by_us = not kept and _made_by_us(host, text, old)
    first = _as_it_was(host, text, Entry(server=old, inputs=inputs), kept)
    after = None if made_by_us else without.encode() if first is None else first
    return Plan(
        host=host,
        path=path,
        before=before,
        after=after,
        server=old,
        inputs=inputs,
        keeps=not made_by_us and _worth_keeping(host, path, old),
    )


def carry_out(plan: Plan) -> Path | None:
    """Do it; returns the backup, if one was made or was there.

    Raises:
        Conflict: the file has changed since the plan was made.
        ConfigurationError: it cannot be written.
    """
    if not plan.changes:
        if plan.private:
            files.make_private(plan.path)
        return None
    kept = files.back_up(plan.path, plan.before) if plan.keeps and plan.before is not None else None
    files.write(plan.path, plan.before, plan.after, private=plan.private)
    return kept


def _worth_keeping(host: Host, path: Path, old: JsonObject | None) -> bool:
    """Whether a backup is due: one of the file as it was before us, if there is none yet.

    Not with a key of ours in it, which would outlive our entry. Hosts put one there too: `gemini mcp add` writes down
    the values of all that its file only names.
    """
    return old is None or (hidden(host, old) == old and not files.backups(path))


def _as_it_was(host: Host, text: str, made: Entry, kept: list[Path]) -> bytes | None:
    """A backup that our entry would turn into the file as it is now, to the byte."""
    for backup in kept:
        content = files.read(backup)
        try:
            earlier = _text(backup, content)
            if change.present(host, earlier) is None and change.with_entry(host, earlier, made) == text:
                return content
        except (ValueError, ConfigurationError):
            continue
    return None


def _made_by_us(host: Host, text: str, old: JsonObject) -> bool:
    """Whether the file is one that ``install`` makes where there is none: nothing but our entry, in our hand."""
    known = {"type", "command", "args", "env", host.forwards, *host.extra}
    made = Entry(server=old, inputs=change.inputs_in(text, change.inputs_of(old)) if host.asks else ())
    return set(old) <= known and change.with_entry(host, "", made) == text


def _bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ConfigurationError("A setting or path has bytes that are not UTF-8; nothing was changed.") from None


def _text(path: Path, content: bytes | None) -> str:
    try:
        return (content or b"").decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not written in UTF-8; nothing was changed.") from None


def _broken(path: Path, error: ValueError) -> ConfigurationError:
    return ConfigurationError(f"{path} cannot be changed: {error}. Mend it first; nothing was changed.")
