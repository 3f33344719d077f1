"""What a console printed, in a code page that nobody names: bytes in, lines out.

netsh writes in the OEM code page when its output is redirected (windows-facts 1.12); PowerShell's `>` makes UTF-16 of
it, editors UTF-8. Only ASCII digits, `*` and dashes are read, and in every OEM code page those bytes mean nothing else:
the second byte of a character of cp932, cp936, cp949 or cp950 is 0x40 or higher.

A copy that a web page or a wrong code page has changed is refused, not repaired.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

from reconciler.errors import HostError

_LINE_END = re.compile(r"\r{0,2}\n")
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z]+);")
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_PRINTED_BYTES = re.compile(rb"-----|[0-9][ \t]+[0-9]{1,5}[ \t]*(?:\*[ \t]*)?(?:[\r\n]|\Z)")
"""A rule or a row in bytes that are no UTF-16."""
_SHOWN = 60
_Word = TypeVar("_Word", bound=str)


_MOST_LINES, _LONGEST_LINE = 200_000, 10_000
"""A table has at most 65,535 rows in all that was seen."""


def lines_of(data: bytes) -> list[str]:
    """The text as lines without their ends: LF, CR LF, or the doubled CR CR LF of redirected output.

    The last item is what stands behind the last line end: empty unless that line is not ended. Raises HostError for
    bytes that are no text, for the source of a web page, and for what is far too long.
    """
    lines = _LINE_END.split(_decoded(data))
    if len(lines) > _MOST_LINES:
        raise HostError(f"it has over {_MOST_LINES:,} lines, which no listing has")
    for number, line in enumerate(lines, start=1):
        if len(line) > _LONGEST_LINE:
            raise HostError(f"line {number}: it has over {_LONGEST_LINE:,} characters, which no line of netsh has")
        entity = _ENTITY.search(line)
        if entity:
            raise HostError(f"line {number}: {entity[0]} comes from a web page; capture what netsh itself prints")
    return lines


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
    """The text; of an OEM code page only its ASCII is right."""
    if data.startswith(_UTF16_MARKS):
        if _PRINTED_BYTES.search(data):  # `>>` appends what one program writes to what another one wrote
            raise HostError("one part of it is UTF-16 and another is not; save each listing in a file of its own")
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError:
            raise HostError("it is UTF-16 that breaks off or is damaged; capture it again") from None
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")
    if "\0" in text:
        raise HostError("it holds NUL characters: it is UTF-16 without its mark, or no text at all; capture it again")
    return text
