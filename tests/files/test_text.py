# ruff: noqa: RUF001  letters of other scripts are what is read here

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.errors import InvalidArgument
from mcp_server.files.extract import extract
from mcp_server.files.kinds import looks_binary
from mcp_server.files.text import decode, lines_of
from tests.files.parts import as_read

GERMAN = "Die Kündigungsfrist beträgt dreißig Tage. Größere Änderungen müssen schriftlich vereinbart werden.\r\n"
FRENCH = "Le contrat peut être résilié à tout moment ; les frais d’expédition restent à la charge du client.\n"
POLISH = "Umowa może zostać rozwiązana z zachowaniem trzydziestodniowego okresu wypowiedzenia. Źródło: żółć.\n"
TURKISH = "Sözleşme, otuz gün önceden yazılı bildirimde bulunmak şartıyla feshedilebilir. Işık, çağrı, güneş.\n"
RUSSIAN = "Договор может быть расторгнут в любое время с уведомлением за тридцать дней.\n"
GREEK = "Η σύμβαση μπορεί να καταγγελθεί οποτεδήποτε με προειδοποίηση τριάντα ημερών.\n"
HEBREW = "ניתן לבטל את ההסכם בכל עת בהודעה מראש של שלושים יום. האחריות מוגבלת.\n"
JAPANESE = "本契約は、三十日前の書面による通知をもって、いつでも解約することができます。カタカナもあります。\n"
CHINESE = "本合同可随时提前三十天书面通知终止。双方的责任以一万元为限。检索策略：重试三次，然后放弃。\n"
TAIWANESE = "本契約得隨時提前三十天以書面通知終止。雙方的責任以一萬元為限。檢索策略：重試三次，然後放棄。\n"
KOREAN = "본 계약은 언제든지 삼십일 전에 서면으로 통지하여 해지할 수 있습니다. 책임은 제한됩니다.\n"

ENCODINGS = [
    ("cp1252", GERMAN + "249,00 €"),
    ("latin-1", GERMAN),
    ("mac-roman", FRENCH),
    ("cp850", GERMAN),
    ("cp1250", POLISH),
    ("iso8859-2", POLISH),
    ("cp1254", TURKISH),
    ("cp1251", RUSSIAN),
    ("koi8-r", RUSSIAN),
    ("cp866", RUSSIAN),
    ("cp1253", GREEK),
    ("cp1255", HEBREW),
    ("shift-jis", JAPANESE),
    ("euc-jp", JAPANESE),
    ("gb18030", CHINESE),
    ("big5", TAIWANESE),
    ("euc-kr", KOREAN),
]
MARKS = {
    "utf-16-le": b"\xff\xfe",
    "utf-16-be": b"\xfe\xff",
    "utf-32-le": b"\xff\xfe\0\0",
    "utf-32-be": b"\0\0\xfe\xff",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", *MARKS])
def test_text_is_read_exactly_in_every_unicode_form(encoding: str) -> None:
    text = "Grüße,\r\n日本語 \U0001f600\n\tend"
    content = MARKS.get(encoding, b"") + text.encode(encoding)
    assert decode(content) == text
    assert not looks_binary(content)


@pytest.mark.parametrize("encoding", list(MARKS))
@pytest.mark.parametrize("text", ["name;town\r\nAda;London\r\n", GERMAN, RUSSIAN])
def test_wide_text_without_a_mark_is_known_by_how_it_reads(encoding: str, text: str) -> None:
    content = text.encode(encoding)
    assert decode(content) == text
    assert not looks_binary(content)


@pytest.mark.parametrize(("encoding", "text"), ENCODINGS, ids=[encoding for encoding, _ in ENCODINGS])
def test_an_older_encoding_is_told_from_what_it_says(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding)) == text
    assert decode(text.encode(encoding) * 40) == text * 40


@pytest.mark.parametrize("text", ["Grüße", "naïve", "# Größe prüfen\nreturn 1\n", "249,00 €", "10 µm ± 2"])
def test_a_few_letters_are_windows_western(text: str) -> None:
    assert decode(text.encode("cp1252")) == text


def test_the_letters_that_tell_may_come_late_in_a_long_file() -> None:
    text = "plain words only\n" * 20_000 + RUSSIAN * 20
    assert decode(text.encode("cp1251")) == text


def test_utf_8_with_a_damaged_byte_stays_utf_8() -> None:
    content = JAPANESE.encode() * 50
    assert decode(content[:1000] + content[1001:]).count("\ufffd") <= 2
    assert decode(content[:-2]).startswith(JAPANESE * 49)


def test_any_bytes_are_latin_1_in_the_end() -> None:
    assert decode(b"a\x81b") == "a\x81b"


@pytest.mark.parametrize(
    "content",
    [b"MZ\x00\x01", bytes(range(256)), b"\x7fELF\2\1\1" + bytes(60), b"\x1f\x8b\x08" + bytes(range(1, 200)) * 2],
)
async def test_a_binary_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"tool\.exe looks binary"):
        await extract(as_read("tool.exe", content))


async def test_a_text_has_no_pages() -> None:
    assert await extract(as_read("a.csv", b"a;b\r\n1;2\r\n")) == ("a;b\r\n1;2\r\n", None, "page")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_guess(content: bytes) -> None:
    decode(content)
    looks_binary(content)


@given(st.text(alphabet="ab\r\n\x0c\u2028"))
def test_lines_are_counted_as_editors_do_and_join_to_the_text(text: str) -> None:
    lines = lines_of(text)
    assert "".join(lines) == text
    assert all("\n" not in line[:-1] for line in lines)
    assert len(lines) == text.count("\n") + (text[-1:] not in ("", "\n"))
