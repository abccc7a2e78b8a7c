from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from tests.files import made
from tests.serving import House
from tests.upstream_state import StatefulUpstream


def put(house: House, name: str, content: str | bytes) -> Path:
    path = house.app.roots.folders[0] / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def pdf(house: House, name: str, *pages: str) -> Path:
    path = house.app.roots.folders[0] / name
    canvas = Canvas(str(path))
    for page in pages:
        canvas.drawString(72, 720, page)
        canvas.showPage()
    canvas.save()
    return path


async def test_text_goes_as_text_before_the_question(hosted: House, up: StatefulUpstream) -> None:
    notes = put(hosted, "notes.md", "# Notes\nThe key is under the mat.\n")
    done = await hosted.call("file_ask", question="Where is the key?", files=[str(notes)])
    (message,) = up.posts()[0].json["input"]
    assert [part["type"] for part in message["content"]] == ["input_text", "input_text"]
    assert "The key is under the mat." in message["content"][0]["text"]
    assert "notes.md" in message["content"][0]["text"]
    assert message["content"][1]["text"] == "Where is the key?"
    (sent,) = done["files"]
    assert sent["sent_as"] == "text"
    assert len(sent["sha256"]) == 64
    assert sent["bytes"] == notes.stat().st_size


async def test_a_pdf_is_uploaded_once(hosted: House, up: StatefulUpstream) -> None:
    path = pdf(hosted, "policy.pdf", "Page one", "Page two")
    first = await hosted.call("file_ask", question="What?", files=[str(path)])
    second = await hosted.call("file_ask", question="And?", files=["policy.pdf"])
    assert first["files"][0]["sent_as"] == "file_id"
    assert first["files"][0]["file_id"] == second["files"][0]["file_id"]
    assert len(up.posts("/v1/files")) == 1
    part = up.posts()[1].json["input"][0]["content"][0]
    assert part == {"type": "input_file", "file_id": first["files"][0]["file_id"]}


async def test_documents_are_uploaded_and_a_spreadsheet_of_lines_goes_as_text(
    hosted: House, up: StatefulUpstream
) -> None:
    put(hosted, "plan.docx", made.docx("Plan", "We meet on Monday."))
    put(hosted, "prices.csv", "egg,1\nhen,20\n")
    put(hosted, "photo.heic", made.picture("HEIF"))
    done = await hosted.call("file_ask", question="When?", files=["plan.docx", "prices.csv", "photo.heic"])
    plan, prices, photo, _ = up.posts()[0].json["input"][0]["content"]
    assert plan == {"type": "input_file", "file_id": done["files"][0]["file_id"]}
    assert b'filename="plan.docx"' in up.posts("/v1/files")[0].content
    assert prices["text"].endswith("\negg,1\nhen,20\n")
    assert photo["image_url"].startswith("data:image/jpeg;base64,")
    assert [file["sent_as"] for file in done["files"]] == ["file_id", "text", "inline"]


async def test_where_nothing_is_to_be_kept_upstream_nothing_is_uploaded(hosted: House, up: StatefulUpstream) -> None:
    pdf(hosted, "policy.pdf", "Page one")
    put(hosted, "plan.docx", made.docx("Plan", "We meet on Monday."))
    done = await hosted.call("file_ask", question="When?", files=["policy.pdf", "plan.docx"], store=False)
    policy, plan, _ = up.posts()[0].json["input"][0]["content"]
    assert policy["file_data"].startswith("data:application/pdf;base64,JVBERi")
    assert plan["filename"] == "plan.docx"
    assert plan["file_data"].startswith("data:application/vnd.openxmlformats-officedocument.wordprocessingml.document;")
    assert [file["sent_as"] for file in done["files"]] == ["inline", "inline"]
    assert up.posts("/v1/files") == []


async def test_nothing_is_uploaded_when_one_of_the_files_is_refused(hosted: House, up: StatefulUpstream) -> None:
    pdf(hosted, "a.pdf", "One")
    put(hosted, "bomb.docx", made.bomb(400_000_000))
    put(hosted, "blob.txt", bytes(range(256)))
    said, error = await hosted.refused("file_ask", question="What?", files=["a.pdf", "blob.txt"])
    assert "binary" in said
    assert "job_id" not in error
    said, error = await hosted.refused("file_ask", question="What?", files=["a.pdf", "bomb.docx"])
    assert "unpack" in said
    assert error["outcome"] == "not_sent"
    assert error["job_id"].startswith("job_")
    assert up.requests == []


async def test_files_over_the_limit_together_are_refused_before_any_is_uploaded(
    hosted: House, up: StatefulUpstream
) -> None:
    for name in ("a.pdf", "b.pdf"):
        put(hosted, name, b"%PDF-1.7" + bytes(26_000_000))
    said, error = await hosted.refused("file_ask", question="What?", files=["*.pdf"])
    assert "more than 50 MB" in said
    assert error["outcome"] == "not_sent"
    assert up.requests == []


async def test_a_glob_takes_all_it_matches(hosted: House, up: StatefulUpstream) -> None:
    put(hosted, "a.txt", "alpha")
    put(hosted, "b.txt", "beta")
    done = await hosted.call("file_ask", question="Which?", files=["*.txt"])
    assert [Path(file["source"]).name for file in done["files"]] == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("../outside.txt", "outside"),
        ("/etc/hostname", "outside"),
        ("missing.txt", "does not exist"),
        ("https://localhost/a.pdf", "public domain name"),
        (".", "holds no file"),
    ],
)
async def test_a_file_that_may_not_be_read_is_refused_and_nothing_is_sent(
    hosted: House, up: StatefulUpstream, file: str, words: str
) -> None:
    said, error = await hosted.refused("file_ask", question="What?", files=[file])
    assert words in said
    assert error["outcome"] == "not_sent"
    assert up.posts() == []


async def test_a_dry_run_names_the_files_and_reads_none(hosted: House, up: StatefulUpstream) -> None:
    path = put(hosted, "secret.txt", "the body")
    shown = await hosted.call("file_ask", question="What?", files=[str(path)], dry_run=True)
    assert "the body" not in str(shown)
    assert str(path) in str(shown["request"])
    assert up.requests == []


@pytest.mark.engine
async def test_the_embedded_engine_reads_text_documents_and_pdf(embedded: House) -> None:
    for path in (
        put(embedded, "a.txt", "The meeting is on Monday."),
        put(embedded, "b.md", "# Plan\n\nThe meeting is on Tuesday."),
        put(embedded, "c.docx", made.docx("Plan", "The meeting is on Thursday.")),
        pdf(embedded, "d.pdf", "The meeting is on Wednesday.", "It starts at nine."),
    ):
        done = await embedded.call("file_ask", question="When is the meeting?", files=[str(path)], max_output_tokens=4)
        assert done["text"]
        assert done["files"][0]["sent_as"] == "text"
        assert done["usage"]["input_tokens"] > 30
    assert done["files"][0]["pages"] == 2
