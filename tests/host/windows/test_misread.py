"""What wrong code pages make of a dash and of a wide colon."""

from __future__ import annotations

import pytest

from reconciler.host.windows.misread import DASHES, after_dash, ends_in_colon, misread

PAGES = ("cp437", "cp850", "cp866", "cp932", "cp936", "cp949", "cp950", "cp1250", "cp1251", "cp1252", "latin-1")
WORDS = "a e i o u w y z à é è ê ó ő å ø ö ж а б в и к о с у я і є й О А В И К У Я η ο ή Η Ο ה ו ל 가 나 的 不 在 の を"  # noqa: RUF001
"""With these a sentence may begin, and so may a bullet of prose."""


def spoiled(text: str, page: str) -> str:
    """UTF-8 that was read in another code page."""
    return text.encode("utf-8").decode(page, "replace")


@pytest.mark.parametrize(
    "form",
    [
        *("-", "--", "\u2010", "\u2013", "\u2014", "\u2015", "\u2212", "\u2500", "\u30fc", "\uff0d", "?", "???"),
        *("\ufffd", "\ufffd" * 6, "\x96", "\x97", "\u30fb", ":", "\uff1a"),
        *(spoiled(dash, page) for dash in "\u2013\u2014" for page in PAGES),
        *(spoiled(spoiled(dash, page), "cp1252") for dash in "\u2013\u2014" for page in PAGES),
        *(spoiled("\ufffd", page) for page in ("cp1252", "cp1251", "cp850")),
        *("\u7ab6\u30fb", "\u9225?", "\u00f9", "\u00fb", "\u0427", "\u00a1\u00aa", "\u00a8C", "\u00a1X", "\x81\\"),
    ],
)
def test_a_dash_is_known_in_whatever_a_code_page_made_of_it(form: str) -> None:
    assert after_dash(f"{form} words") == " words"


@pytest.mark.parametrize(
    "text", ["", "words", "=> words", "... words", "~ words", ") words", "[x] words", "\u2022 words"]
)
def test_anything_else_is_no_dash(text: str) -> None:
    assert after_dash(text) is None


def test_what_is_a_letter_is_a_dash_only_when_it_stands_alone() -> None:
    assert after_dash("Ч words") == " words"
    assert after_dash("Часть") is None
    assert after_dash("鈥?words") == "words"  # the page took the blank for half of a sign


def test_no_word_of_one_letter_is_among_the_forms() -> None:
    assert misread(DASHES).isdisjoint(WORDS.split())
    assert not any(form.isascii() and form.isalnum() for form in misread(DASHES))


@pytest.mark.parametrize("colon", [":", "\uff1a", "\u00a3\u00ba", "\u00a1G", "\x81F", spoiled("\uff1a", "cp1251")])
def test_a_colon_is_known_too(colon: str) -> None:
    assert ends_in_colon(f"words {colon}")
    assert not ends_in_colon(f"words {colon} 1")


def test_a_colon_needs_words_before_it() -> None:
    assert not ends_in_colon(":")
    assert not ends_in_colon("words")
    assert not ends_in_colon("")
