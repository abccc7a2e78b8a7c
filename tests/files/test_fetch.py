import gzip
import time
import tracemalloc
import zlib
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.files.fetch import Fetcher
from mcp_server.files.reading import LIMITS
from tests.files.parts import PIXEL
from tests.upstream_answers import Answer, Exchange, black_hole, drip, half_body, reply
from tests.web import PUBLIC, Web


@pytest.fixture
def fetcher(web: Web) -> Fetcher:
    return Fetcher(web.network)


async def refused(fetcher: Fetcher, url: str) -> str:
    """The sentence that both ways of asking for it are refused with; they are the same."""
    with pytest.raises(InvalidArgument) as looked:
        await fetcher.look(url)
    with pytest.raises(InvalidArgument) as fetched:
        await fetcher.fetch(url)
    assert looked.value.message == fetched.value.message
    return fetched.value.message


def endless(block: bytes, encoding: str = "identity") -> Answer:
    async def answer(exchange: Exchange) -> None:
        await exchange.start(200, {"transfer-encoding": "chunked", "content-encoding": encoding})
        while True:
            await exchange.chunk(block)
            # Draining lets nobody else run while the buffer has room, and the reader lives in the same loop.
            await anyio.lowlevel.checkpoint()

    return answer


async def test_a_file_is_fetched_as_if_it_were_read_here(web: Web, fetcher: Fetcher) -> None:
    url = web.page("/notes/a%20b.md", "# Notes\n", "text/plain")
    source = await fetcher.fetch(f"{url}?key=1#top")
    assert (source.path, source.kind, source.content) == (Path("a b.md"), "text", b"# Notes\n")
    assert source.sha256 == sha256(b"# Notes\n").hexdigest()
    (request,) = web.site.requests
    assert (request.path, request.query) == ("/notes/a%20b.md", {"key": "1"})
    assert request.headers["host"] == "example.com"
    assert not {"cookie", "authorization", "referer"} & request.headers.keys()
    assert (web.lookups, web.dialled) == (["example.com"], [PUBLIC])


async def test_a_look_reads_the_beginning_and_hangs_up(web: Web, fetcher: Fetcher) -> None:
    async def slow(exchange: Exchange) -> None:
        await exchange.start(200, {"transfer-encoding": "chunked"})
        await exchange.chunk(PIXEL + bytes(10_000))
        await anyio.sleep_forever()

    url = web.answer("/a.png", slow)
    look = await fetcher.look(url)
    assert (look.kind, look.image, look.bytes) == ("image", "image/png", None)
    with anyio.fail_after(5):
        await web.site.requests[0].abandoned.wait()
    assert (await fetcher.look(web.page("/b.md", "text", "text/plain"))).bytes == 4


@pytest.mark.parametrize(
    ("path", "headers", "name", "kind"),
    [
        ("/", {"content-type": "text/html; charset=utf-8"}, "example.com.html", "document"),
        ("/page.php", {"content-type": "text/html"}, "page.php.html", "document"),
        ("/a.pdf", {"content-type": "application/octet-stream"}, "a.pdf", "pdf"),
        ("/export", {"content-type": "application/pdf"}, "export.pdf", "pdf"),
        ("/get", {"content-disposition": 'attachment; filename="../../etc/plan.docx"'}, "plan.docx", "document"),
        ("/get", {"content-disposition": "attachment; filename*=UTF-8''pl%C3%A4ne.txt"}, "pläne.txt", "text"),
        ("/%0a..%2f%2e%2e", {"content-type": "text/plain"}, "example.com", "text"),
        ("/" + "x" * 300 + ".md", {"content-type": "text/plain"}, "x" * 97 + ".md", "text"),
    ],
)
async def test_a_name_tells_the_kind_and_is_no_more_than_a_name(
    web: Web, fetcher: Fetcher, path: str, headers: dict[str, str], name: str, kind: str
) -> None:
    source = await fetcher.fetch(web.answer(path, reply("content", headers=headers)))
    assert (source.path, source.kind) == (Path(name), kind)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename*=undefined''a.docx", "a.md"),
        ("attachment; filename*=a%00b''a.docx", "a.md"),
        (f"attachment; filename*{'9' * 5000}=a.docx", "a.md"),
        (f'attachment; filename="{";" * 50_000}', ";" * 100),
    ],
    ids=["codec that fails", "no codec", "number", "quote without end"],
)
async def test_a_header_made_to_break_or_stall_its_reader_does_not(
    web: Web, fetcher: Fetcher, header: str, name: str
) -> None:
    headers = {"content-disposition": header, "content-type": f'text/plain; name="{";" * 40_000}'}
    url = web.answer("/a.md", reply("content", headers=headers))
    began = time.process_time()
    assert (await fetcher.fetch(url)).path == Path(name)
    assert time.process_time() - began < 1


async def test_redirects_are_followed_to_public_places(web: Web, fetcher: Fetcher) -> None:
    web.name("cdn.example.com", [PUBLIC])
    web.page("/c.md", "found", "text/plain")
    web.moved("/b", "https://cdn.example.com/c.md", 308)
    source = await fetcher.fetch(web.moved("/a", "/b"))
    assert (source.content, source.path) == (b"found", Path("c.md"))
    assert [request.headers["host"] for request in web.site.requests] == [
        "example.com",
        "example.com",
        "cdn.example.com",
    ]


@pytest.mark.parametrize("to", ["http://{secret}/", "https://{secret}/", "//{secret}/", "https://inside.example.com/"])
async def test_a_redirect_leads_to_nothing_private(web: Web, fetcher: Fetcher, to: str) -> None:
    web.name("inside.example.com", ["127.0.0.1"])
    said = await refused(fetcher, web.moved("/a", to.format(secret=web.secret)))
    assert "https://example.com/a" in said
    assert "redirect" in said
    assert "is refused" in said
    assert web.knocks == 0
    assert set(web.dialled) == {PUBLIC}


async def test_redirects_end(web: Web, fetcher: Fetcher) -> None:
    assert "redirects more than 5 times" in await refused(fetcher, web.moved("/a", "/a"))
    assert len(web.site.requests) == 2 * 6


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["::1"], [PUBLIC, "10.0.0.1"], ["::ffff:169.254.169.254"]])
async def test_a_name_with_any_private_address_is_not_connected_to(
    web: Web, fetcher: Fetcher, addresses: list[str]
) -> None:
    web.name("inside.example.com", addresses)
    said = await refused(fetcher, f"https://inside.example.com:{web.secret_port}/")
    assert "is not public" in said
    assert web.dialled == []
    assert web.knocks == 0


async def test_the_address_that_was_checked_is_the_one_connected_to(web: Web, fetcher: Fetcher) -> None:
    web.page("/a.md", "content", "text/plain")
    web.name("rebinding.example.com", [PUBLIC], ["127.0.0.1"])
    await fetcher.fetch("https://rebinding.example.com/a.md")
    assert (web.lookups, web.dialled) == (["rebinding.example.com"], [PUBLIC])
    with pytest.raises(InvalidArgument, match=r"address 127\.0\.0\.1 is not public"):
        await fetcher.fetch(f"https://rebinding.example.com:{web.secret_port}/a.md")
    assert web.knocks == 0


async def test_the_next_address_is_tried_when_one_does_not_answer(web: Web, fetcher: Fetcher) -> None:
    web.page("/a.md", "content", "text/plain")
    web.name("two.example.com", ["198.18.0.1"], [PUBLIC])
    with pytest.raises(InvalidArgument, match="not public"):
        await fetcher.fetch("https://two.example.com/a.md")
    real = web.network

    async def connect(address: str, port: int):
        import httpcore2

        if address == "2606:2800:21f::1":
            raise httpcore2.ConnectError("no route")
        return await real.connect(address, port)

    web.name("two.example.com", ["2606:2800:21f::1", PUBLIC])
    fetcher.network = type(real)(real.resolve, connect, real.trust)
    assert (await fetcher.fetch("https://two.example.com/a.md")).content == b"content"


async def test_a_certificate_must_be_of_the_name(web: Web, fetcher: Fetcher) -> None:
    web.name("example.net", [PUBLIC])
    assert "its certificate is not valid" in await refused(fetcher, "https://example.net/")
    assert web.site.requests == []
    web.page("/a.md", "content", "text/plain")
    assert (await fetcher.fetch(f"https://{PUBLIC}/a.md")).content == b"content"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply("no", 404), "HTTP status 404"),
        (reply("no", 503), "HTTP status 503"),
        (reply("", 302), "HTTP status 302"),
        (half_body(), "broke off"),
        (reply("x", headers={"content-encoding": "br"}), "compressed as 'br'"),
        (reply(gzip.compress(b"x" * 100)[:-9], headers={"content-encoding": "gzip"}), "cut off"),
        (reply("not gzip", headers={"content-encoding": "gzip"}), "damaged"),
        (reply("x", 302, {"location": "https://[::1"}), "not a URL"),
    ],
)
async def test_what_is_no_file_is_told(web: Web, fetcher: Fetcher, answer: Answer, words: str) -> None:
    assert words in await refused(fetcher, web.answer("/a.md", answer))


async def test_a_name_without_an_address_and_an_empty_file_are_told(web: Web, fetcher: Fetcher) -> None:
    assert "its host has no address" in await refused(fetcher, "https://nowhere.example.com/")
    with pytest.raises(InvalidArgument, match="is empty"):
        await fetcher.fetch(web.page("/a.md", "", "text/plain"))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_what_comes_packed_is_unpacked(web: Web, fetcher: Fetcher, encoding: str) -> None:
    text = b"".join(b"line %d\n" % number for number in range(50_000))
    packed = gzip.compress(text[:9]) + gzip.compress(text[9:]) if encoding == "gzip" else zlib.compress(text)
    url = web.page("/a.txt", packed, "text/plain", **{"content-encoding": encoding})
    assert (await fetcher.fetch(url)).content == text


async def test_what_is_packed_tight_is_unpacked_piece_by_piece(
    web: Web, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "text", 1_000_000)
    url = web.page("/bomb", gzip.compress(bytes(100_000_000)), "text/plain", **{"content-encoding": "gzip"})
    await fetcher.look(url)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidArgument, match="larger than 1 MB"):
            await fetcher.fetch(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


async def test_no_more_than_the_limit_is_read_however_it_comes(
    web: Web, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, "text", 1_000_000)
    bomb = gzip.compress(b"x" * 20_000_000, 1)
    small = [
        web.answer("/endless.txt", endless(b"x" * 60_000)),
        web.page("/bomb.txt", bomb, "text/plain", **{"content-encoding": "gzip"}),
    ]
    for url in small:
        with pytest.raises(InvalidArgument, match="larger than 1 MB, the limit"):
            await fetcher.fetch(url)

    async def promised(exchange: Exchange) -> None:
        await exchange.start(200, {"content-length": "1000001"})
        await exchange.send(b"x" * 5000)
        await anyio.sleep_forever()

    assert "larger than 1 MB" in await refused(fetcher, web.answer("/promised.txt", promised))


async def test_the_server_goes_on_while_ten_thousand_pieces_come_at_once(web: Web, fetcher: Fetcher) -> None:
    async def crumbs(exchange: Exchange) -> None:
        await exchange.start(200, {"transfer-encoding": "chunked"})
        await exchange.send(b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n")

    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    url = web.answer("/a.txt", crumbs)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(others)
        before = turns
        assert (await fetcher.fetch(url)).content == b"a" * 10_000
        assert turns - before > 10_000
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    "answer",
    [black_hole(), drip(0.005, "text/plain"), endless(gzip.compress(b"", 1) * 100, "gzip")],
    ids=["silence", "drip", "packed nothing"],
)
async def test_no_page_takes_longer_than_the_limit(web: Web, answer: Answer) -> None:
    fetcher = Fetcher(web.network, seconds=0.3)
    url = web.answer("/a.txt", answer)
    with anyio.fail_after(5):
        assert "took longer than 0.3 s" in await refused(fetcher, url)
        with pytest.raises(InvalidArgument, match=r"took longer than 0\.3 s") as told:
            await fetcher.check([url, url])
    assert told.value.retryable


async def test_urls_are_checked_side_by_side_and_the_first_refusal_is_told(web: Web, fetcher: Fetcher) -> None:
    urls = [web.page(f"/{number}.md", "x", "text/plain") for number in range(20)]
    await fetcher.check(urls)
    assert len(web.site.requests) == 20
    with pytest.raises(InvalidArgument, match="is not public"):
        await fetcher.check([*urls, f"https://{web.secret}/"])
    with pytest.raises(InvalidArgument, match="101 URLs, and at most 100"):
        await fetcher.check(f"{urls[0]}?{number}" for number in range(101))
    assert len(web.site.requests) == 20
    with pytest.raises(InvalidArgument, match="HTTP status 404"):
        await fetcher.check([web.answer("/gone", reply("", 404)), web.answer("/slow", black_hole())])
