"""Images in a form that models take; photographs as telephones keep them are converted."""

from mcp_server.errors import InvalidArgument
from mcp_server.files.documents import convert
from mcp_server.files.reading import LIMITS, MEGABYTE, Source
from mcp_server.model.media import image_type, is_convertible


async def sendable(source: Source) -> tuple[str, bytes]:
    """The media type and the bytes to send. PNG, JPEG, WebP and GIF stay as they are, HEIC and TIFF become JPEG.

    Raises:
        InvalidArgument: not an image, damaged, of too many pixels, or of a kind whose package is not installed.
    """
    media_type = image_type(source.content)
    if media_type is not None:
        return media_type, source.content
    name = source.path.name
    if not is_convertible(source.content):
        raise InvalidArgument(f"{name} is not an image that can be sent: give a PNG, JPEG, WebP, GIF or HEIC file.")
    jpeg = await convert("picture", name, source.content)
    if len(jpeg) > LIMITS["image"]:
        limit = LIMITS["image"] // MEGABYTE
        raise InvalidArgument(f"{name} is larger than {limit} MB as a JPEG file: make it smaller.")
    return "image/jpeg", jpeg
