"""Signs that a wrong code page made something else of: `—` comes out as `вЂ”`, `ù` or `?`. Pure.

What can come out is not listed but derived: the sign is written in one code page of Windows and read in another, and
that once more through UTF-8, as when a page is saved. This takes some milliseconds, so it is done when it is first
needed: a netsh that is asked directly prints its signs as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

DASHES = "\u2013\u2014"
"""En dash and em dash."""
COLON = "\uff1a"
"""The wide one of East Asian text."""

_PLAIN = re.compile("[-:\u2010-\u2015\u2212\u2500\u30fc\uff0d\uff1a]+")
"""A colon where a dash stands introduces words just as well."""
_LOST = re.compile("[\x80-\x9f\ufffd\u30fb]")
"""What decoders put for what they do not know; all the same as `?`."""
_CONSOLES = (437, 720, 737, 775, 850, 852, 855, 857, 862, 866)
_BOTH = (874, 932, 936, 949, 950, 1258)
_WINDOWS = (1250, 1251, 1252, 1253, 1254, 1255, 1256, 1257)
_PAGES = ("utf-8", "latin-1", *(f"cp{number}" for number in (*_CONSOLES, *_BOTH, *_WINDOWS)))


def after_dash(text: str) -> str | None:
    """What stands behind the dash that a text begins with; None if it begins with none."""
    plain = _PLAIN.match(text)
    if plain:
        return text[plain.end() :]
    text = _LOST.sub("?", text)
    forms = misread(DASHES)
    for length in range(max(map(len, forms)), 0, -1):
        form, rest = text[:length], text[length:]
        if form in forms and (form[-1] == "?" or rest[:1].isspace()):  # `Ч rest`, and not `Часть`; `?` takes the blank
            return rest
    return None


def ends_in_colon(text: str) -> bool:
    """Does it end in a colon that has something before it?"""
    if text.endswith((":", COLON)):
        return len(text) > 1
    text, forms = _LOST.sub("?", text), misread(COLON)
    return any(text[-length:] in forms for length in range(1, max(map(len, forms)) + 1))


@cache
def misread(signs: str) -> frozenset[str]:
    """What may come out where one of these signs was written."""
    once = {form for sign in signs for form in _read(sign, _PAGES)}
    twice = {form for wrong in once for form in _read(wrong, ("utf-8",))}
    return frozenset(_LOST.sub("?", form) for form in once | twice)


def _read(text: str, written: Iterable[str]) -> Iterator[str]:
    """The text, written in each of these code pages and read in every one."""
    for page in written:
        bar = page in ("cp932", "cp949")  # which have a bar for the em dash
        try:
            data = (text.replace("\u2014", "\u2015") if bar else text).encode(page)
        except UnicodeEncodeError:
            continue
        for other in _PAGES:
            yield data.decode(other, "replace")
