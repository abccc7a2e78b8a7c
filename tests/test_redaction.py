import pytest

from mcp_server.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-abcdefgh12345678 here", "key [hidden] here"),
        ("key ABSKabcdefgh12345678= here", "key [hidden] here"),
        ("Authorization: Bearer x.y-z", "Authorization: Bearer [hidden]"),
        ("GET /a?token=abc&b=1", "GET /a?token=[hidden]&b=1"),
        ("nothing to hide: task-12, basics", "nothing to hide: task-12, basics"),
    ],
)
def test_secrets_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown
