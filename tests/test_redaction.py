import pytest

from mcp_server.redaction import redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-abcdefgh12345678 here", "key [hidden] here"),
        ("key ABSKabcdefgh12345678= here", "key [hidden] here"),
        ("Authorization: Bearer x.y-z", "Authorization: Bearer [hidden]"),
        ("GET /a?token=abc&b=1", "GET /a?token=[hidden]&b=1"),
        (
            "https://x.example/v1?key=AIzaSy&access_token=q&a=1",
            "https://x.example/v1?key=[hidden]&access_token=[hidden]&a=1",
        ),
        ("postgresql://db/x?user=me&password=pw", "postgresql://db/x?user=me&password=[hidden]"),
        ("api-key: 0123abcd, x", "api-key: [hidden], x"),
        ("{'X-Amz-Security-Token': 'abc/def='}", "{'X-Amz-Security-Token': '[hidden]'}"),
        ("Credential=AKIAIOSFODNN7EXAMPLE/20261122", "Credential=[hidden]/20261122"),
        ("token eyJhbGciOi.eyJzdWIi.c2ln- here", "token [hidden] here"),
        ("https://me:pw@x.example/v1?sig=a%2Fb&x=1", "https://[hidden]@x.example/v1?sig=[hidden]&x=1"),
        ("mail me@x.example about https://x.example/@me", "mail me@x.example about https://x.example/@me"),
        ("nothing to hide: task-12, basics", "nothing to hide: task-12, basics"),
    ],
)
def test_secrets_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert redact(text) == shown
