"""What a console printed, in a code page that nobody tells: bytes in, lines out. Pure.

netsh writes in the OEM code page when its output is redirected; PowerShell's `>` makes UTF-16 of it, editors UTF-8.
Only ASCII digits, `*` and `-` are read, and in every code page of a Windows console those bytes mean nothing else:
the second byte of a character of cp932, cp936, cp949 or cp950 is 0x40 or higher.

What pages, terminals and editors put in is taken out: HTML entities, colours, and the marks that tell a direction or a
byte order.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from reconciler.errors import HostError

BLANK = r"[ \t\u00a0]"
"""For patterns: what separates words on a line. The last is the no-break space of pages and editors."""

ONE_RUN = re.compile(rf"[^\w-]*-{{3,}}{BLANK}*")
"""The rule below the title of a dynamic range."""
TWO_RUNS = re.compile(rf"{BLANK}*-{{3,}}{BLANK}+-{{3,}}{BLANK}*")
"""The rule between the head and the rows of a listing."""

_LINE_END = re.compile(r"\r{0,2}\n|\r")
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z]+);")
_UNSEEN = re.compile(r"\x1b\[[0-9;]*m|[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_PRINTED_BYTES = re.compile(rb"-----|[0-9][ \t]+[0-9]{1,5}[ \t]*\*?[ \t]*(?:[\r\n]|\Z)")
"""A rule or a row in bytes that are no UTF-16."""
_SHOWN = 60
_Word = TypeVar("_Word", bound=str)


def lines_of(data: bytes) -> list[str]:
    """The text as lines without their ends: LF, CR LF, the doubled CR CR LF of redirected output, or CR.

    The last item is what stands behind the last line end: empty unless that line is not ended. Raises HostError for
    bytes that are no text.
    """
    text = _UNSEEN.sub("", _decoded(data))
    if _ENTITY.search(text):
        from html import unescape

        text = _ENTITY.sub(lambda match: unescape(match[0]), text)
    return _LINE_END.split(text)


def shown(line: str) -> str:
    """A line as an error quotes it: printable, 60 characters at most."""
    text = "".join(letter if letter.isprintable() else "?" for letter in line.strip())
    return f'"{text[:_SHOWN]}{"..." if len(text) > _SHOWN else ""}"'


def words_of(lines: Iterable[str]) -> set[str]:
    """Their words of ASCII letters and digits, small."""
    return {word for line in lines for word in re.findall(r"[0-9a-z]+", line.lower())}


def only_one(known: Sequence[_Word], words: Iterable[str]) -> _Word | None:
    """The one of the known words that is among others; None if there is none, or more than one."""
    named = [word for word in known if word in set(words)]
    return named[0] if len(named) == 1 else None


def alike(line: str) -> str:
    """A line as it is compared with another one: small, single blanks, and all the same whether it says tcp or udp."""
    return " ".join(line.lower().replace("udp", "tcp").split())


def has_below(lines: Sequence[str], at: int, rule: re.Pattern[str], within: int) -> bool:
    """Is one of the next lines that are not blank such a rule? `within`: how many are looked at."""
    below = (line for line in lines[at + 1 :] if line.strip())
    return any(rule.fullmatch(line) for line in itertools.islice(below, within))


def no_rule(lines: Sequence[str]) -> HostError:
    """The error for a text without a rule of dashes; it quotes the first words, often netsh's own error."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            return HostError(
                f"line {number}: no rule of dashes as netsh prints it, so this is no listing or its top is cut: "
                f"{shown(line)}"
            )
    return HostError("nothing was printed, not even the head of an empty table")


def _decoded(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        return _decoded_utf16(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1").replace("\u00a0", "\ufffd")  # A0 is a letter in the OEM code pages


def _decoded_utf16(data: bytes) -> str:
    """UTF-16 with its mark, or without one: then the half of the bytes that holds more zeros is the upper one."""
    if _PRINTED_BYTES.search(data):  # `>>` appends what one program writes to what another one wrote
        raise HostError("one part of it is UTF-16 and another is not; save each listing in a file of its own")
    little = data[1::2].count(0) >= data[0::2].count(0)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        little = data.startswith(codecs.BOM_UTF16_LE)
        data = data[2:]
    try:
        text = data.decode("utf-16-le" if little else "utf-16-be")
    except UnicodeDecodeError:
        raise HostError("it is UTF-16 that breaks off or is damaged; capture it again") from None
    if "\0" in text:
        raise HostError("it holds NUL characters, so it is no text; capture it again")
    return text
