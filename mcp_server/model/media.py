"""What bytes are, by how they begin."""

_PHOTOGRAPHS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")


def image_type(head: bytes) -> str | None:
    """The media type of an image a model can see, by its signature; None for everything else."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else None


def is_convertible(head: bytes) -> bool:
    """True for an image that no model takes, but that can be made into one: HEIC, AVIF, TIFF, BMP."""
    if head[4:8] == b"ftyp":
        return head[8:12] in _PHOTOGRAPHS
    # The two letters of a BMP begin many a text: the four bytes that are always zero do not.
    return head.startswith((b"II*\0", b"MM\0*")) or (head[:2] == b"BM" and head[6:10] == bytes(4))
