"""Generated images as a host gets them: links, small ones at once, and their bytes in no other place."""

import json
import struct
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp.types import BlobResourceContents, CallToolResult, ImageContent, ResourceLink

from tests.serving import House, both_eras, house, openai, text_of, told
from tests.upstream_answers import Answer, error, reply
from tests.upstream_shapes import message, response
from tests.upstream_state import StatefulUpstream

DRAW = [{"type": "image_generation"}]


def png(side: int = 1, noise: bytes = b"") -> bytes:
    """A grey square, or a larger file whose picture is the same."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x7f" * side) * side)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            chunk(b"prVt", noise) if noise else b"",
            chunk(b"IDAT", rows),
            chunk(b"IEND", b""),
        ]
    )


def drawn(content: bytes | str, output_format: str | None = "png") -> dict[str, Any]:
    """The output item of an image; a string stands as it is."""
    encoded = content if isinstance(content, str) else b64encode(content).decode()
    item = {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": encoded}
    return item if output_format is None else {**item, "output_format": output_format}


SMALL = png()
LARGE = png(noise=bytes(300 * 1024))


def images_of(result: CallToolResult) -> list[tuple[str, bytes]]:
    return [(block.mime_type, b64decode(block.data)) for block in result.content if isinstance(block, ImageContent)]


def links_of(result: CallToolResult) -> list[tuple[str, str | None, int | None]]:
    return [(block.uri, block.mime_type, block.size) for block in result.content if isinstance(block, ResourceLink)]


async def blob(served: House, uri: str) -> tuple[str | None, bytes]:
    (contents,) = (await served.client.read_resource(uri)).contents
    assert isinstance(contents, BlobResourceContents)
    return contents.mime_type, b64decode(contents.blob)


@both_eras
async def test_a_small_image_is_shown_linked_and_readable(hosted: House, up: StatefulUpstream) -> None:
    up.say([message("A square."), drawn(SMALL)])
    result = await hosted.result("generate", input="Draw a square.", tools=DRAW)
    fields = result.structured_content
    assert fields is not None
    uri = f"artifact://{fields['response_id']}.1"
    assert fields["artifacts"] == [{"kind": "image", "uri": uri, "mime_type": "image/png", "bytes": len(SMALL)}]
    assert text_of(result).startswith(f"A square.\nimage: {uri} (image/png, {len(SMALL)} bytes)\n\n[completed")
    assert [block.type for block in result.content] == ["text", "image", "resource_link"]
    assert images_of(result) == [("image/png", SMALL)]
    assert links_of(result) == [(uri, "image/png", len(SMALL))]
    assert await blob(hosted, uri) == ("image/png", SMALL)


async def test_a_large_image_is_a_link_alone(hosted: House, up: StatefulUpstream) -> None:
    up.say([drawn(LARGE)])
    result = await hosted.result("generate", input="Draw.", tools=DRAW)
    assert images_of(result) == []
    ((uri, _, size),) = links_of(result)
    assert size == len(LARGE)
    assert len(result.model_dump_json()) < 2000
    assert f"({'image/png'}, {len(LARGE):,} bytes)" in text_of(result)
    assert await blob(hosted, uri) == ("image/png", LARGE)


async def test_many_small_images_stay_within_what_clients_bear(hosted: House, up: StatefulUpstream) -> None:
    one = png(noise=bytes(200 * 1024))
    up.say([drawn(one)] * 4)
    result = await hosted.result("generate", input="Draw four.", tools=DRAW)
    assert len(links_of(result)) == 4
    assert len(images_of(result)) == 2
    assert len(result.model_dump_json()) < 1024 * 1024


@pytest.mark.parametrize(
    ("item", "mime_type", "inline"),
    [
        (drawn(SMALL, None), "image/png", True),
        (drawn(b"\xff\xd8\xff\xe0rest", "png"), "image/jpeg", True),
        (drawn(b"RIFF\0\0\0\0WEBPrest", "webp"), "image/webp", True),
        (drawn(b"GIF89arest", "gif"), "image/gif", True),
        (drawn(b"<svg/>", "svg"), "image/svg+xml", False),
        (drawn("data:image/png;base64," + b64encode(SMALL).decode()), "image/png", True),
        (drawn("\n".join(b64encode(SMALL).decode()[i : i + 20] for i in range(0, 200, 20))), "image/png", True),
        (drawn(b"not a picture at all", None), "application/octet-stream", False),
    ],
    ids=["no format", "another format", "webp", "gif", "svg", "data url", "broken lines", "no picture"],
)
async def test_an_image_is_what_its_bytes_say(
    hosted: House, up: StatefulUpstream, item: dict[str, Any], mime_type: str, inline: bool
) -> None:
    up.say([item])
    result = await hosted.result("generate", input="Draw.", tools=DRAW)
    ((uri, linked, _),) = links_of(result)
    assert linked == mime_type
    assert (await blob(hosted, uri))[0] == mime_type
    assert [shown for shown, _ in images_of(result)] == ([mime_type] if inline else [])


async def test_broken_base64_costs_the_image_and_not_the_answer(hosted: House, up: StatefulUpstream) -> None:
    up.say([message("Here."), drawn("@@@ no base64 @@@"), drawn(SMALL), {**drawn(""), "result": None}])
    result = await hosted.result("generate", input="Draw.", tools=DRAW)
    fields = result.structured_content
    assert fields is not None
    assert fields["text"] == "Here."
    assert [one["uri"].rpartition(".")[2] for one in fields["artifacts"]] == ["2"]
    (warning,) = fields["warnings"]
    assert "1 generated image" in warning
    with pytest.raises(MCPError, match="There is no resource"):
        await hosted.client.read_resource(f"artifact://{fields['response_id']}.1")


async def test_poll_shows_the_image_of_a_job_that_has_ended(hosted: House, up: StatefulUpstream) -> None:
    up.say([drawn(SMALL)])
    started = await hosted.call("start_background", input="Draw.", tools=DRAW)
    with anyio.fail_after(20):
        while (await hosted.call("poll", wait_seconds=5))["jobs"][0]["status"] != "completed":
            pass
    polled = await hosted.result("poll", ids=[started["job_id"]])
    assert images_of(polled) == [("image/png", SMALL)]
    assert len(links_of(polled)) == 1
    assert "image: artifact://" in text_of(polled)


async def test_the_bytes_stand_in_no_resource_but_the_artifacts(hosted: House, up: StatefulUpstream) -> None:
    picture = hosted.app.roots.folders[0] / "given.png"
    picture.write_bytes(LARGE)
    up.say([message("Done."), drawn(LARGE)])
    made = await hosted.call("generate", input="Again, please.", images=[str(picture)], session="s", tools=DRAW)
    uri = f"artifact://{made['response_id']}.1"
    (job,) = (await hosted.call("poll"))["jobs"]
    shown = {}
    for name in ("session://s", f"job://{job['job_id']}", f"response://{made['response_id']}"):
        text = (await hosted.client.read_resource(name)).contents[0].text  # type: ignore[union-attr]
        assert len(text) < 5000, name
        shown[name] = text
    (turn,) = json.loads(shown["session://s"])["turns"]
    assert turn["output"][1]["result"] == uri
    assert turn["input"][0]["content"][0]["image_url"].startswith("data:image/png;base64,[")
    answer = json.loads(shown[f"job://{job['job_id']}"])["answer"]
    assert [f"artifact://{one['id']}" for one in answer["artifacts"]] == [uri]
    listed = await hosted.result("sessions", action="get", session="s")
    assert len(listed.model_dump_json()) < 5000
    assert listed.structured_content is not None
    assert listed.structured_content["turns"][0]["text"] == f"Done. {uri}"


async def test_an_image_goes_on_being_readable_after_a_restart_and_a_cleanup_of_jobs(
    up: StatefulUpstream, tmp_path: Path
) -> None:
    given = told(tmp_path, **openai(up.base_url))
    up.say([drawn(SMALL)])
    async with house(given) as before:
        (made,) = (await before.call("generate", input="Draw.", session="s", tools=DRAW))["artifacts"]
    async with house(given) as after:
        assert await blob(after, made["uri"]) == ("image/png", SMALL)
        await after.call("cleanup", all=True, kinds=["jobs"], dry_run=False, confirm=True)
        assert (await after.call("poll"))["jobs"] == []
        assert await blob(after, made["uri"]) == ("image/png", SMALL)


async def test_an_artifact_is_its_owners_alone(hosted: House, up: StatefulUpstream) -> None:
    up.say([drawn(SMALL)])
    (made,) = (await hosted.call("generate", input="Draw.", tools=DRAW))["artifacts"]
    response_id = made["uri"].removeprefix("artifact://").rpartition(".")[0]
    from mcp_server.server.artifacts import read_artifact

    assert await read_artifact(hosted.app, hosted.app.scope("somebody else"), f"{response_id}.0") is None
    for nothing in (f"{response_id}.7", response_id, f"{response_id}.", f"{response_id}.-1", "resp_nobodys.0", ".0"):
        with pytest.raises(MCPError, match="There is no resource"):
            await hosted.client.read_resource(f"artifact://{nothing}")


async def test_what_is_replayed_still_has_the_image(up: StatefulUpstream, tmp_path: Path) -> None:
    async with house(told(tmp_path, **openai(up.base_url))) as served:
        up.say([drawn(SMALL)])
        await served.call("generate", input="Draw.", session="s", store=False, tools=DRAW)
        await served.call("generate", input="Larger.", session="s", store=False)
    assert up.posts()[1].json["input"][1]["result"] == b64encode(SMALL).decode()


def cites(filename: str) -> Answer:
    """An answer that says where in its container a file is."""
    place = {"container_id": "cntr_1", "file_id": "cfile_1", "start_index": 0, "end_index": 4}
    note = {"type": "container_file_citation", "filename": filename, **place}
    return reply(response(output=[message("Here.", annotations=[note])]))


CODE = [{"type": "code_interpreter", "container": {"type": "auto"}}]
CONTENT = "/v1/containers/cntr_1/files/cfile_1/content"


@both_eras
async def test_a_file_of_the_code_interpreter_is_kept_before_its_container_is_gone(
    hosted: House, up: StatefulUpstream
) -> None:
    up.on("POST", "/v1/responses", cites("plot.csv"))
    up.on("GET", CONTENT, reply("a,b\n1,2\n", headers={"content-type": "text/csv"}))
    result = await hosted.result("generate", input="Compute.", tools=CODE)
    done = result.structured_content
    assert done is not None
    assert done["citations"] == [
        {"type": "container_file_citation", "filename": "plot.csv", "file_id": "cfile_1", "container_id": "cntr_1"}
    ]
    (made,) = done["artifacts"]
    assert made == {
        "kind": "file",
        "uri": f"artifact://{done['response_id']}.cfile_1",
        "mime_type": "text/csv",
        "bytes": 8,
        "name": "plot.csv",
    }
    (link,) = [block for block in result.content if block.type == "resource_link"]
    assert link.name == "plot.csv"
    assert await blob(hosted, made["uri"]) == ("text/csv", b"a,b\n1,2\n")
    await hosted.call("cleanup", ids=[done["response_id"]], kinds=["responses"], dry_run=False)
    with pytest.raises(MCPError, match="no resource"):
        await hosted.client.read_resource(made["uri"])


async def test_a_picture_that_the_code_interpreter_drew_is_shown(hosted: House, up: StatefulUpstream) -> None:
    up.on("POST", "/v1/responses", cites("plot.png"))
    up.on("GET", CONTENT, reply(SMALL, headers={"content-type": "application/octet-stream"}))
    result = await hosted.result("generate", input="Plot.", tools=CODE)
    assert [block.mime_type for block in result.content if block.type == "image"] == ["image/png"]


async def test_a_file_that_is_too_large_stays_in_its_container(
    hosted: House, up: StatefulUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_server.turns.made_files.MOST_BYTES", 4)
    up.on("POST", "/v1/responses", cites("plot.csv"))
    up.on("GET", CONTENT, reply("a,b\n1", headers={"content-type": "text/csv"}))
    done = await hosted.call("generate", input="Compute.", tools=CODE)
    assert done["warnings"] == ["The file plot.csv is larger than 4 bytes and was left in its container."]
    assert "artifacts" not in done


async def test_a_file_that_cannot_be_fetched_is_a_warning_and_the_answer_stays(
    hosted: House, up: StatefulUpstream
) -> None:
    up.on("POST", "/v1/responses", cites("plot.csv"))
    up.on("GET", CONTENT, error(404, "Container expired."))
    done = await hosted.call("generate", input="Compute.", tools=CODE)
    assert done["text"] == "Here."
    assert done["warnings"][0].startswith("The file plot.csv could not be fetched from its container.")
    assert "artifacts" not in done
