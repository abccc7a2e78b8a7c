import time
from ipaddress import ip_address

import pytest

from mcp_server.errors import InvalidArgument
from mcp_server.files.urls import is_public, is_url, require_public, shown


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (
            "https://Images.Example.com:8443/a b".replace(" ", "%20") + "?x=1#y",
            ("images.example.com", 8443, "/a%20b?x=1"),
        ),
        ("HTTPS://example.com", ("example.com", 443, "/")),
        ("https://example.com./a?b=/?", ("example.com", 443, "/a?b=/?")),
        ("https://müller.example/ü", ("xn--mller-kva.example", 443, "/%C3%BC")),
        ("https://93.184.216.34/a", ("93.184.216.34", 443, "/a")),
        ("https://[2606:2800:21F::1]/a", ("2606:2800:21f::1", 443, "/a")),
    ],
)
def test_a_public_place_is_taken_apart(url: str, place: tuple[str, int, str]) -> None:
    assert require_public(url)[:3] == place


REFUSED = {
    "must be https": """
        http://example.com/a file:///etc/passwd ftp://example.com/a data:text/plain,a gopher://example.com/
        javascript://example.com/%0a ws://example.com/a //example.com/a
    """,
    "user or password": """
        https://user:password@example.com/a https://127.0.0.1@example.com/ https://@example.com/
    """,
    "address written as a number": """
        https://127.1/ https://2130706433/ https://0x7f.0x1/ https://0x7f.1/ https://0x7f000001/ https://017700000001/
        https://0177.0.0.1/ https://127.0.0.01/ https://1.2.3.4.5/ https://999.1.1.1/
    """,
    "public domain name": """
        https://localhost/ https://LOCALHOST./ https://a.localhost/ https://intranet/ https://db.internal/
        https://printer.local/ https://metadata.google.internal/computeMetadata/v1/ https://metadata/ https:///a
        https://router.home.arpa/ https://home.arpa/ https://a.onion/ https:a.png
    """,
    "is not public": """
        https://127.0.0.1/ https://127.0.0.1./ https://\uff11\uff12\uff17.0.0.1/ https://127\u30020\u30020\u30021/
        https://169.254.169.254/latest https://10.0.0.1/ https://172.16.0.1/ https://192.168.1.1/ https://0.0.0.0/
        https://100.64.0.1/ https://100.100.100.200/ https://168.63.129.16/ https://192.0.0.192/ https://198.18.0.1/
        https://224.0.0.1/ https://240.0.0.1/ https://255.255.255.255/ https://[::1]/ https://[::]/
        https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[::127.0.0.1]/ https://[64:ff9b::7f00:1]/
        https://[64:ff9b::a9fe:a9fe]/ https://[64:ff9b:1::1]/ https://[2002:7f00:1::]/ https://[2002:c0a8:101::1]/
        https://[2001:0:7f00:1::]/ https://[fe80::1]/ https://[fe80::1%25eth0]/ https://[2606:2800:21f::1%25eth0]/
        https://[fec0::1]/ https://[fc00::1]/ https://[fd00:ec2::254]/ https://[ff02::1]/ https://[2001:db8::1]/
    """,
    "is not a URL": f"""
        https://example.com\\@127.0.0.1/ https://exa\0mple.com/ https://example.com/a\u202eb https://[::1/a https://./
        https://{"x" * 64}.com/ https://a..com/ https://example.com:70000/ https://example.com:x/ https://[v1.a]/
        https://127.0.0.1%23.example.com/ https://exa$mple.com/
    """,
}


@pytest.mark.parametrize(("rule", "url"), [(rule, url) for rule, urls in REFUSED.items() for url in urls.split()])
def test_every_refusal_names_its_rule(rule: str, url: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        require_public(url)
    assert rule in refusal.value.message


@pytest.mark.parametrize("letter", ["a.", "\u0627", "@", "ü."])
def test_a_url_of_millions_of_characters_is_refused_without_a_look(letter: str) -> None:
    began = time.process_time()
    with pytest.raises(InvalidArgument, match=r"^a URL of 2,000,008 characters is refused: at most 8,192"):
        require_public("https://" + letter * (2_000_000 // len(letter)))
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("url", ["https://exa\tmple.com/", "https://example.com/a b", " https://example.com/"])
def test_white_space_is_no_part_of_a_url(url: str) -> None:
    with pytest.raises(InvalidArgument):
        require_public(url)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "::ffff:93.184.216.34", "64:ff9b::5db8:d822", "2002:5db8:d822::1", "2606:2800:21f::1"]
)
def test_an_address_that_holds_a_public_one_is_public(address: str) -> None:
    assert is_public(ip_address(address))


def test_nothing_that_begins_as_a_url_is_taken_for_a_path() -> None:
    assert all(map(is_url, ("HTTPS://a", "https:a", "file:/etc/passwd", "data:,x", "s3://bucket/key")))
    assert not any(map(is_url, ("a.md", "C:\\a.md", "C:/a.md", "docs/https:/a", "notes: today.md", "file-abc", "~/a")))


def test_a_message_shows_no_secret_and_no_control_character() -> None:
    url = "https://me:secret@example.com/a\x1b[31m\u202e?sig=secret#secret"
    assert shown(url) == "https://example.com/a[31m"
    assert len(shown("data:" + "x" * 1_000_000)) < 300
