from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from mcp_server.errors import InvalidArgument
from mcp_server.files import child
from mcp_server.files.images import sendable
from mcp_server.files.reading import LIMITS
from tests.files.made import picture
from tests.files.parts import as_read

HUGE = b"BM" + bytes(12) + b"\x28\0\0\0" + (30_000).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_what_models_take_goes_as_it_is_whatever_it_is_called(form: str) -> None:
    content = picture(form)
    assert await sendable(as_read("photo.heic", content)) == (f"image/{form.lower()}", content)


async def test_a_photograph_becomes_a_jpeg_that_stands_upright() -> None:
    media_type, jpeg = await sendable(as_read("IMG_0001.HEIC", picture("HEIF", (64, 32), orientation=6)))
    image = Image.open(BytesIO(jpeg))
    assert (media_type, image.format, image.size) == ("image/jpeg", "JPEG", (32, 64))
    red, _, blue = pixel(image, (16, 8))
    assert red > 200 > 60 > blue
    red, _, blue = pixel(image, (16, 56))
    assert blue > 200 > 60 > red


@pytest.mark.parametrize("form", ["HEIF", "AVIF", "TIFF", "BMP"])
def test_other_images_are_converted(form: str) -> None:
    assert as_read("no-suffix", picture(form)).kind == "image"
    image = Image.open(BytesIO(child.picture("a", picture(form))))
    assert (image.format, image.size) == ("JPEG", (64, 32))


@pytest.mark.parametrize("content", [b"not a picture", b"", b"\0\0\0\x18ftypisom" + bytes(40)])
async def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"b\.png is not an image that can be sent: give a PNG"):
        await sendable(as_read("b.png", content))


async def test_a_damaged_photograph_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"a\.heic is not an image that can be read: it is damaged"):
        await sendable(as_read("a.heic", picture("HEIF")[:300]))


async def test_an_image_of_a_billion_pixels_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"a\.bmp is too large once it is unpacked"):
        await sendable(as_read("a.bmp", HUGE))


async def test_a_photograph_that_grows_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "image", 500)
    with pytest.raises(InvalidArgument, match=r"a\.heic is larger than .* as a JPEG file: make it smaller"):
        await sendable(as_read("a.heic", picture("HEIF")))


@pytest.mark.usefixtures("readers")
async def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pillow_heif.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(InvalidArgument, match=r"a\.heic is an image, .*responses-mcp\[documents\].*PNG or JPEG"):
        await sendable(as_read("a.heic", picture("HEIF")))


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, int, int]:
    found = image.getpixel(at)
    assert isinstance(found, tuple)
    red, green, blue = found
    return int(red), int(green), int(blue)
