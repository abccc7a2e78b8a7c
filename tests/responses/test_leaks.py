"""Who sees what: every header that arrives at a host, for each kind of backend, also through redirects and proxies."""

import base64
import io
import logging
import re
import socket
from collections.abc import AsyncGenerator, Callable
from importlib import import_module

import pytest

from mcp_server import log
from mcp_server.backends.responses.access import Access, EntraAccess, KeyAccess
from mcp_server.backends.responses.bedrock import BedrockAccess
from mcp_server.backends.responses.border import Border
from mcp_server.errors import UpstreamError
from tests.responses.conftest import Connect
from tests.responses.talk import answer, fault
from tests.upstream import ScriptedUpstream, scripted
from tests.upstream_answers import Request, error, reply, stream
from tests.upstream_shapes import page, text_events

KEY = "sk-proj-own-0123456789"
TOKEN = "ABSKbearer-0123456789"
LOGIN = "p@w"
BASIC = base64.b64encode(f"me:{LOGIN}".encode()).decode()
ENTRA = "eyJlbnRyYQ.eyJzdWIi.c2ln"
AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "session-token-0123456789",
}
MACHINE = {
    "OPENAI_ORG_ID": "org-secret",
    "OPENAI_PROJECT_ID": "proj-secret",
    "OPENAI_ADMIN_KEY": "sk-admin-secret",
    "OPENAI_API_KEY": "sk-env-secret",
    "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
    "OPENAI_CUSTOM_HEADERS": "X-Custom: custom-secret\nAuthorization: Bearer header-secret\nCookie: cookie-secret",
    "AZURE_OPENAI_API_KEY": "azure-env-secret",
    "AZURE_OPENAI_AD_TOKEN": "azure-ad-env-secret",
    "AWS_BEARER_TOKEN_BEDROCK": "ABSK-env-secret",
    **AWS,
}
"""The environment of somebody who uses everything."""

BARE = {"accept", "accept-encoding", "connection", "host", "user-agent"}
SDK = {
    f"x-stainless-{name}"
    for name in ("arch", "async", "lang", "os", "package-version", "retry-count", "runtime", "runtime-version")
}
BODY = {"content-length", "content-type"}
SIGNED = {"authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}

Kind = tuple[Callable[[str], Access], set[str], str]
KINDS: dict[str, Kind] = {
    "openai on a host of one's own": (lambda url: KeyAccess.to(url, KEY), {"authorization"}, f"Bearer {KEY}"),
    "compatible without a key": (KeyAccess.to, {"authorization"}, "Bearer unused"),
    "compatible with a login": (
        lambda url: KeyAccess.to(url.replace("//", "//me:p%40w@"), KEY),
        {"authorization"},
        f"Basic {BASIC}",
    ),
    "azure with a key": (lambda url: KeyAccess.to(url, "0123abcd" * 4), {"authorization"}, "Bearer " + "0123abcd" * 4),
    "azure with entra id": (lambda url: EntraAccess(url, lambda: ENTRA), {"authorization"}, f"Bearer {ENTRA}"),
    "bedrock with a token": (
        lambda url: BedrockAccess(url, given=True, token=TOKEN),
        {"authorization"},
        f"Bearer {TOKEN}",
    ),
    "bedrock with aws credentials": (
        lambda url: BedrockAccess(url, "eu-north-1", given=True),
        SIGNED,
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/",
    ),
}


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in MACHINE.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
async def elsewhere() -> AsyncGenerator[ScriptedUpstream]:
    """Another server."""
    async with scripted() as other:
        yield other


def leaked(request: Request) -> list[str]:
    """What arrived of the environment that was for somebody else."""
    text = f"{request.headers} {request.content!r}"
    return [word for word in ("secret", *AWS.values()) if word in text]


async def test_each_host_gets_exactly_the_headers_that_are_its_own(
    up: ScriptedUpstream, connect: Connect, kind: Kind
) -> None:
    access, own, authorization = kind
    backend = connect(access=access(up.base_url))
    up.on("GET", "/v1/models", reply(page([]), headers={"set-cookie": "session=1"}))
    up.on("POST", "/v1/responses", stream(text_events("ok")))
    await backend.models()
    await answer(backend)
    asked, told = up.requests
    assert asked.headers.keys() == BARE | SDK | own
    assert told.headers.keys() - {"cookie"} == BARE | SDK | BODY | own
    for request in up.requests:
        assert request.headers["authorization"].startswith(authorization)
        assert "secret" not in str(request.headers)


async def test_what_is_signed_for_aws_arrives_as_it_was_signed(up: ScriptedUpstream, connect: Connect) -> None:
    auth, awsrequest = import_module("botocore.auth"), import_module("botocore.awsrequest")
    credentials = import_module("botocore.credentials").Credentials(*AWS.values())
    up.on("POST", "/v1/responses", stream(text_events("ok")))
    await answer(connect(access=BedrockAccess(up.base_url, "eu-north-1", given=True)))
    (sent,) = up.requests
    scope = f"{sent.headers['x-amz-date'][:8]}/eu-north-1/bedrock-mantle/aws4_request"
    found = re.search(r"Credential=\S+?/(\S+), SignedHeaders=(\S+), Signature=(\w+)", sent.headers["authorization"])
    assert found
    assert found[1] == scope
    signer = auth.SigV4Auth(credentials, "bedrock-mantle", "eu-north-1")
    headers = {name: sent.headers[name] for name in found[2].split(";")}
    url = f"http://{sent.headers['host']}{sent.path}"
    request = awsrequest.AWSRequest(method=sent.method, url=url, data=sent.content, headers=headers)
    request.context["timestamp"] = sent.headers["x-amz-date"]
    assert signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request) == found[3]


async def test_openai_itself_gets_the_organisation_the_project_and_the_users_headers(
    up: ScriptedUpstream, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **named: look_up("127.0.0.1", *more, **named))
    up.on("POST", "/v1/responses", stream(text_events("ok")))
    await answer(connect(access=KeyAccess.to(up.base_url.replace("127.0.0.1", "eu.api.openai.com"), KEY)))
    (request,) = up.requests
    its = {"openai-organization": "org-secret", "openai-project": "proj-secret", "x-custom": "custom-secret"}
    assert request.headers.keys() == BARE | SDK | BODY | {"authorization", "cookie", *its}
    assert {name: request.headers[name] for name in its} == its
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_request_with_a_body_is_not_carried_to_another_server(
    up: ScriptedUpstream, elsewhere: ScriptedUpstream, connect: Connect, kind: Kind, status: int
) -> None:
    up.on("POST", "/v1/responses", reply("", status, {"location": f"{elsewhere.base_url}/responses?sig=abc"}))
    refused = await fault(connect(access=kind[0](up.base_url)))
    assert f"redirects the request to {elsewhere.base_url}/responses and nothing was sent there" in refused.message
    assert (refused.kind, refused.outcome, refused.attempts) == ("bad_upstream_response", "failed", 1)
    assert not elsewhere.requests


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_deletion_is_not_carried_to_another_server(
    up: ScriptedUpstream, elsewhere: ScriptedUpstream, connect: Connect, status: int
) -> None:
    up.on("DELETE", "/v1/files/file_1", reply("", status, {"location": f"{elsewhere.base_url}/files/file_1"}))
    with pytest.raises(UpstreamError, match="nothing was sent there"):
        await connect().delete_file("file_1")
    assert not elsewhere.requests


async def test_a_question_is_followed_to_another_server_without_anything_of_ours(
    up: ScriptedUpstream, elsewhere: ScriptedUpstream, connect: Connect, kind: Kind
) -> None:
    backend = connect(access=kind[0](up.base_url))
    place = "/containers/cntr_1/files/cfile_1/content"
    up.on("GET", f"/v1{place}", reply("", 302, {"location": f"{elsewhere.base_url}/blob", "set-cookie": "session=1"}))
    elsewhere.on("GET", "/v1/blob", reply("the file"))
    if kind[1] == SIGNED:  # the SDK follows nothing that it signed
        with pytest.raises(UpstreamError):
            await backend.container_file("cntr_1", "cfile_1")
        assert not elsewhere.requests
        return
    assert await backend.container_file("cntr_1", "cfile_1") == b"the file"
    (request,) = elsewhere.requests
    assert request.headers.keys() - {"cookie"} == BARE
    assert not leaked(request)


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_within_the_server_is_followed_with_everything(
    up: ScriptedUpstream, connect: Connect, status: int
) -> None:
    up.on("POST", "/v1/responses", reply("", status, {"location": "/v2/responses"}))
    up.on("POST", "/v2/responses", stream(text_events("ok")))
    assert (await answer(connect())).text == "ok"
    first, second = up.requests
    assert first.headers == second.headers
    assert first.content == second.content


async def test_a_redirect_that_would_drop_the_body_is_refused(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("POST", "/v1/responses", reply("", 301, {"location": "/v1/responses/"}))
    assert "/v1/responses/ and nothing was sent there" in (await fault(connect())).message
    assert len(up.requests) == 1


async def test_a_redirect_does_not_repeat_the_key(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("POST", "/v1/responses", reply("", 307, {"location": "http://127.0.0.1:9/hunter2/in/the/path"}))
    assert "http://127.0.0.1:9/[hidden]/in/the/path" in (await fault(connect(api_key="hunter2"))).message


async def test_a_redirect_to_nowhere_is_refused(up: ScriptedUpstream, connect: Connect) -> None:
    up.on("POST", "/v1/responses", reply("", 307, {"location": "http://x.example:port/"}))
    assert "redirects the request to nowhere" in (await fault(connect())).message


async def test_credentials_are_put_on_again_on_the_way_back(
    up: ScriptedUpstream, elsewhere: ScriptedUpstream, connect: Connect
) -> None:
    up.on("GET", "/v1/models", reply("", 302, {"location": f"{elsewhere.base_url}/models"}))
    elsewhere.on("GET", "/v1/models", reply("", 302, {"location": f"{up.base_url}/catalogue"}))
    up.on("GET", "/v1/catalogue", reply(page([])))
    await connect().models()
    assert "authorization" not in elsewhere.requests[0].headers
    assert up.requests[0].headers["authorization"] == up.requests[1].headers["authorization"]


@pytest.mark.parametrize(
    ("base_url", "target", "home"),
    [
        ("http://x.example/v1", "https://x.example/v1", True),
        ("http://x.example/v1", "https://x.example:8443/v1", False),
        ("http://x.example:8080/v1", "https://x.example/v1", False),
        ("http://x.example/v1", "https://evil.example/v1", False),
        ("https://x.example/v1", "http://x.example/v1", False),
        ("https://x.example/v1", "https://x.example:443/v2", True),
        ("https://x.example/v1", "https://x.example.evil.example/v1", False),
        ("https://x.example/v1", "https://sub.x.example/v1", False),
        ("https://x.example/v1", "https://me@x.example/v1", True),
        ("https://x.example/v1", "https://x.example@evil.example/v1", False),
    ],
)
async def test_only_the_same_server_is_home_also_after_it_moved_to_tls(base_url: str, target: str, home: bool) -> None:
    import httpx2

    request = httpx2.Request("GET", target, headers={"openai-project": "p"})
    await Border(KeyAccess.to(base_url, KEY)).leave(request)
    assert ("authorization" in request.headers) is home
    assert "openai-project" not in request.headers


async def test_a_proxy_for_https_is_told_no_key_and_its_own_login_is_told_to_nobody(
    up: ScriptedUpstream, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", up.base_url.removesuffix("/v1").replace("//", "//proxy:hunter2@"))
    up.on("CONNECT", "443", error(407, "Proxy login wrong: hunter2"))
    refused = await fault(connect(base_url="https://api.example:443/v1", max_retries=0))
    assert (refused.kind, refused.outcome) == ("connect", "not_sent")
    assert "hunter2" not in str(refused)
    (request,) = up.requests
    assert request.headers["proxy-authorization"] == "Basic " + base64.b64encode(b"proxy:hunter2").decode()
    assert KEY not in str(request.headers)
    assert "authorization" not in request.headers


async def test_a_proxys_login_does_not_reach_the_server_behind_it(
    up: ScriptedUpstream, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:hunter2@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    up.on("POST", "/v1/responses", stream(text_events("ok")))
    await answer(connect())
    assert "proxy-authorization" not in up.requests[0].headers


@pytest.fixture
def logged() -> io.StringIO:
    """All that anything logs, as an operator who looks for a fault sees it."""
    written = io.StringIO()
    log.configure("debug", "json", written)
    return written


async def test_no_log_and_no_message_holds_what_proves_who_we_are(
    up: ScriptedUpstream, connect: Connect, kind: Kind, logged: io.StringIO
) -> None:
    access, _, authorization = kind
    backend = connect(access=access(up.base_url))
    proof = authorization.partition(" ")[2]
    words = f"You sent {authorization} and {proof}{f' for {LOGIN}' if proof == BASIC else ''}"
    up.on("POST", "/v1/responses", error(400, words), stream(text_events("")))
    refused = await fault(backend)
    await answer(backend)
    seen = f"{refused} {logged.getvalue()} {backend.address}"
    secrets = {*AWS.values(), KEY, TOKEN, ENTRA, LOGIN, "p%40w"} | ({proof} - {"unused"})
    assert not [secret for secret in secrets if secret in seen]
    assert "responses" in logged.getvalue()


@pytest.mark.parametrize("name", ["azure.identity", "botocore.parsers", "msal.token_cache", "urllib3.connectionpool"])
def test_the_makers_of_credentials_log_only_trouble(logged: io.StringIO, name: str) -> None:
    logging.getLogger(name).debug("Response body: <SecretAccessKey>abc</SecretAccessKey>")
    logging.getLogger(name).warning("trouble")
    assert "trouble" in logged.getvalue()
    assert "abc" not in logged.getvalue()
