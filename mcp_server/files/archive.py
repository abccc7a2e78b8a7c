"""Documents that are archives inside: whether one may be unpacked, told from its directory alone."""

import zipfile
from io import BytesIO

from mcp_server.errors import InvalidArgument
from mcp_server.files.reading import MEGABYTE, Source

MOST_ENTRIES = 10_000
MOST_UNPACKED = 300 * MEGABYTE
MOST_RATIO = 100
"""How many bytes one may unpack to, once they are more than ``LITTLE``: sheets of equal rows reach 50."""
LITTLE = 20 * MEGABYTE

_ARCHIVE = b"PK\3\4"
_IN_DIRECTORY = b"PK\1\2"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_PROTECTED = 0x1


def require_sane(source: Source) -> None:
    """Let a document pass that is no archive, or one of a sensible size. Nothing is unpacked, so this is quick.

    Raises:
        InvalidArgument: a zip bomb by its own account, too many entries, damaged, or protected by a password.
    """
    name, content = source.path.name, source.content
    if source.kind != "document":
        return
    if content.startswith(_OLD_OFFICE) and _LOCKED in content:
        raise InvalidArgument(f"{name} is protected by a password: save it without one.")
    if not content.startswith(_ARCHIVE):
        return
    # Counted before the directory is read: reading one of a million entries takes seconds.
    if content.count(_IN_DIRECTORY) > MOST_ENTRIES:
        raise InvalidArgument(f"{name} holds more than {MOST_ENTRIES:,} parts, which no document does: it is refused.")
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise InvalidArgument(f"{name} is damaged or cut off: save it anew.") from error
    if any(entry.flag_bits & _PROTECTED for entry in entries):
        raise InvalidArgument(f"{name} is protected by a password: save it without one.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MOST_UNPACKED or unpacked > max(LITTLE, MOST_RATIO * len(content)):
        raise InvalidArgument(
            f"{name} would unpack to {unpacked // MEGABYTE:,} MB from {len(content):,} bytes, and at most "
            f"{MOST_UNPACKED // MEGABYTE} MB or {MOST_RATIO} times its size is allowed: split it."
        )
