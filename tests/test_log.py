import io
import json
import logging

import structlog

from mcp_server import log


def test_elsewhere_than_on_a_terminal_a_line_is_json_without_secrets() -> None:
    stream = io.StringIO()
    log.configure("info", "auto", stream)
    structlog.get_logger("test").info("sent", key="Bearer abc.def", url="https://x.example/?token=abc&a=1", number=3)
    structlog.get_logger("test").debug("not told")
    line = json.loads(stream.getvalue())
    assert line["event"] == "sent"
    assert line["key"] == "Bearer [hidden]"
    assert line["url"] == "https://x.example/?token=[hidden]&a=1"
    assert line["number"] == 3
    assert line["level"] == "info"


def test_on_a_console_it_is_readable() -> None:
    stream = io.StringIO()
    log.configure("debug", "console", stream)
    structlog.get_logger("test").warning("look here", where="there")
    assert "look here" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_libraries_speak_through_the_same_stream_and_only_of_trouble() -> None:
    stream = io.StringIO()
    log.configure("info", "json", stream)
    logging.getLogger("httpx2").info("HTTP Request: POST")
    logging.getLogger("uvicorn.error").error("trouble with %s", "sk-0123456789abcdef")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["event"] == "trouble with [hidden]"
