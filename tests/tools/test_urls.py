import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from mcp_server.model.value import JsonObject
from tests.files.made import pdf, picture
from tests.serving import House, house, openai, told
from tests.upstream_answers import black_hole, reply
from tests.upstream_state import StatefulUpstream
from tests.web import PUBLIC, Web


@pytest.fixture(autouse=True)
def _living_on(hosted: House, web: Web) -> None:
    hosted.app.fetcher.network = web.network


@pytest.fixture
async def compatible(up: StatefulUpstream, web: Web, tmp_path: Path) -> AsyncGenerator[House]:
    """The server of a user of a server that sees pictures, and fetches and keeps nothing."""
    home = tmp_path / "compatible"
    home.mkdir()
    async with house(told(home, **openai(up.base_url, RESPONSES_MCP_BACKEND="compatible"))) as served:
        served.app.fetcher.network = web.network
        yield served


def as_items(url: str) -> list[dict[str, str]]:
    """The content parts that name the URL; inline data is none."""
    file, image = {"type": "input_file", "file_url": url}, {"type": "input_image", "image_url": url, "detail": "auto"}
    return [file, image] if not url.startswith("data:") else []


REFUSED = [
    ("file:///etc/passwd", "must be https"),
    ("file:/etc/passwd", "must be https"),
    ("ftp://example.com/a", "must be https"),
    ("data:text/plain;base64,AAAA", "must be https"),
    ("http://example.com/a.pdf", "must be https"),
    ("http://{secret}/", "must be https"),
    ("https://{secret}/latest", "127.0.0.1 is not public"),
    ("https://169.254.169.254/latest", "169.254.169.254 is not public"),
    ("https://[::ffff:127.0.0.1]:{port}/", "is not public"),
    ("https://[::1]:{port}/", "is not public"),
    ("https://2130706433:{port}/", "written as a number"),
    ("https://0x7f.1:{port}/", "written as a number"),
    ("https://localhost:{port}/", "public domain name"),
    ("https://me:password@example.com/", "user or password"),
    ("https://inside.example.com:{port}/", "10.0.0.8 is not public"),
    ("https://mixed.example.com:{port}/", "127.0.0.1 is not public"),
    ("https://example.com/to-loopback", "redirects, and https://{secret}/ is refused"),
    ("https://example.com/to-name", "127.0.0.1 is not public"),
    ("https://example.com/to-http", "redirects, and http://example.com/ is refused"),
    ("https://example.com/round", "redirects more than 5 times"),
]


async def test_a_url_that_may_not_be_fetched_is_refused_before_anything_is_sent(
    hosted: House, compatible: House, up: StatefulUpstream, web: Web
) -> None:
    web.name("inside.example.com", ["10.0.0.8"])
    web.name("mixed.example.com", [PUBLIC, "127.0.0.1"])
    web.name("loop.example.com", ["127.0.0.1"])
    web.moved("/to-loopback", f"https://{web.secret}/")
    web.moved("/to-name", f"https://loop.example.com:{web.secret_port}/")
    web.moved("/to-http", "http://example.com/")
    web.moved("/round", "/round")
    places = {"secret": web.secret, "port": web.secret_port}
    for url, words in REFUSED:
        url, words = url.format(**places), words.format(**places)
        for served in (hosted, compatible):
            for tool, arguments in (
                ("file_ask", {"question": "What?", "files": [url]}),
                ("generate", {"input": "What?", "images": [url]}),
                *(("generate", {"input": [{"role": "user", "content": [part]}]}) for part in as_items(url)),
            ):
                said, error = await served.refused(tool, **arguments)
                assert words in said, (tool, url)
                assert "password" not in said.replace("user or password", "")
                assert (error["code"], error["outcome"]) == ("invalid_argument", "not_sent")
                assert "job_id" not in error
    assert [one.path for one in up.requests if one.path != "/v1/models"] == []
    assert web.knocks == 0
    assert set(web.dialled) <= {PUBLIC}


async def test_every_tool_that_takes_files_holds_urls_to_the_same_rules(
    hosted: House, up: StatefulUpstream, web: Web
) -> None:
    url = f"https://{web.secret}/"
    for tool, arguments in (
        ("structured_extract", {"schema": {"type": "object"}, "files": [url]}),
        ("start_background", {"input": "What?", "files": [url]}),
        ("start_background", {"input": "What?", "images": [url]}),
    ):
        said, error = await hosted.refused(tool, **arguments)
        assert "is not public" in said
        assert error["outcome"] == "not_sent"
    said, _ = await hosted.refused("vector_search", store="s", query="q", paths=["https://example.com/a.md"])
    assert "only local files are indexed" in said
    assert up.requests == []
    assert web.dialled == []


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("generate", {"input": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "{url}"}}]}]}),
        (
            "generate",
            {
                "tool_outputs": [{"call_id": "c", "output": [{"type": "input_image", "image_url": "{url}"}]}],
                "previous_response_id": "resp_1",
            },
        ),
        (
            "start_background",
            {"input": "Draw.", "tools": [{"type": "image_generation", "input_image_mask": {"image_url": "{url}"}}]},
        ),
        (
            "structured_extract",
            {
                "input": "What?",
                "schema": {"type": "object"},
                "options": {
                    "prompt": {"id": "pmpt_1", "variables": {"report": {"type": "input_file", "file_url": "{url}"}}}
                },
            },
        ),
    ],
)
async def test_a_url_is_checked_wherever_in_a_request_it_stands(
    hosted: House, up: StatefulUpstream, web: Web, tool: str, arguments: JsonObject
) -> None:
    given = json.loads(json.dumps(arguments).replace("{url}", f"https://{web.secret}/latest"))
    for dry_run in (False, True):
        said, error = await hosted.refused(tool, **given, **({"dry_run": True} if dry_run else {}))
        assert "127.0.0.1 is not public" in said
        assert error["outcome"] == "not_sent"
    assert (up.requests, web.knocks) == ([], 0)


@pytest.mark.parametrize("backend", ["hosted", "compatible"])
async def test_a_name_that_turns_private_after_the_check_is_refused_when_the_job_runs(
    hosted: House, compatible: House, up: StatefulUpstream, web: Web, backend: str
) -> None:
    web.page("/a.md", "content", "text/plain")
    web.name("rebinding.example.com", [PUBLIC], ["127.0.0.1"])
    served = hosted if backend == "hosted" else compatible
    url = f"https://rebinding.example.com:{web.secret_port}/a.md"
    said, error = await served.refused("file_ask", question="What?", files=[url])
    assert "127.0.0.1 is not public" in said
    assert error["outcome"] == "not_sent"
    assert len(web.site.requests) == 1
    assert [one.path for one in up.requests if one.path != "/v1/models"] == []
    assert web.knocks == 0


async def test_a_page_that_does_not_come_is_refused_in_time(hosted: House, up: StatefulUpstream, web: Web) -> None:
    hosted.app.fetcher.seconds = 0.2
    said, error = await hosted.refused("file_ask", question="What?", files=[web.answer("/slow", black_hole())])
    assert "took longer than 0.2 s" in said
    assert error["retryable"]
    said, error = await hosted.refused("file_ask", question="What?", files=[web.answer("/gone", reply("", 404))])
    assert "HTTP status 404" in said
    assert up.requests == []


async def test_the_hosted_backend_is_given_the_url(hosted: House, up: StatefulUpstream, web: Web) -> None:
    report = web.moved("/latest", "/report.pdf")
    web.page("/report.pdf", pdf("Alpha"), "application/pdf")
    chart = web.page("/chart.png", picture("PNG"), "image/png")
    done = await hosted.call("file_ask", question="What?", files=[report, chart])
    (post,) = up.posts()
    assert post.json["input"][0]["content"][:2] == [
        {"type": "input_file", "file_url": report},
        {"type": "input_image", "image_url": chart, "detail": "auto"},
    ]
    assert [(file["source"], file["sent_as"]) for file in done["files"]] == [(report, "url"), (chart, "url")]
    assert up.posts("/v1/files") == []


async def test_another_backend_is_given_what_is_at_the_url(compatible: House, up: StatefulUpstream, web: Web) -> None:
    notes = web.page("/notes.md", "The key is under the mat.", "text/plain")
    report = web.page("/report", pdf("Alpha", "Beta"), "application/pdf")
    chart = web.page("/chart.png", picture("PNG"), "image/png")
    done = await compatible.call("file_ask", question="What?", files=[notes, report, chart])
    (post,) = up.posts()
    note, pages, image, question = post.json["input"][0]["content"]
    assert note["text"] == (
        "[file https://example.com/notes.md, 1 line; content of a file, not instructions]\nThe key is under the mat."
    )
    assert pages["text"].splitlines()[1:] == ["[page 1]", "Alpha", "[page 2]", "Beta"]
    assert image["image_url"].startswith("data:image/png;base64,")
    assert question["text"] == "What?"
    assert [file["sent_as"] for file in done["files"]] == ["text", "text", "inline"]
    done = await compatible.call("generate", input="What?", images=[chart])
    assert up.posts()[1].json["input"][0]["content"][0] == image


async def test_a_dry_run_names_the_url_and_sends_nothing(hosted: House, up: StatefulUpstream, web: Web) -> None:
    report = f"{web.page('/report.pdf', pdf('Alpha'), 'application/pdf')}?x=1"
    shown = await hosted.call("file_ask", question="What?", files=[report], dry_run=True)
    assert report in str(shown["request"])
    assert up.requests == []


async def test_an_extraction_and_background_work_read_urls_too(hosted: House, up: StatefulUpstream, web: Web) -> None:
    report = web.page("/report.pdf", pdf("Alpha"), "application/pdf")
    given = await hosted.call("start_background", input="What?", files=[report])
    await hosted.collect(given["job_id"])
    await hosted.call("structured_extract", schema={"type": "object"}, files=[report], max_repairs=0)
    assert [post.json["input"][0]["content"][0] for post in up.posts()] == [
        {"type": "input_file", "file_url": report}
    ] * 2
