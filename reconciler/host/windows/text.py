"""What a console printed, in a code page that nobody tells: bytes in, lines out. Pure.

netsh writes in the OEM code page when its output is redirected; PowerShell's `>` makes UTF-16 of it, editors UTF-8.
Only ASCII digits, `*` and `-` are read, and in every code page of a Windows console those bytes mean nothing else:
the second byte of a character of cp932, cp936, cp949 or cp950 is 0x40 or higher.
"""

from __future__ import annotations

import codecs
import re

from reconciler.errors import HostError

BLANK = r"[ \t\u00a0]"
"""For patterns: what separates words on a line. The last is the no-break space of pages and editors."""

_LINE_END = re.compile(r"\r{0,2}\n|\r")
_ASCII_DASHES = b"-" * 5
_SHOWN = 60


def lines_of(data: bytes) -> list[str]:
    """The text as lines without their ends: LF, CR LF, the doubled CR CR LF of redirected output, or CR.

    The last item is what stands behind the last line end: empty unless that line is not ended. Raises HostError for
    bytes that are no text.
    """
    return _LINE_END.split(_decoded(data))


def shown(line: str) -> str:
    """A line as an error quotes it: printable, 60 characters at most."""
    text = "".join(letter if letter.isprintable() else "?" for letter in line.strip())
    return f'"{text[:_SHOWN]}{"..." if len(text) > _SHOWN else ""}"'


def _decoded(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data:
        return _decoded_utf16(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _decoded_utf16(data: bytes) -> str:
    """UTF-16 with its mark, or without one: then the half of the bytes that holds more zeros is the upper one."""
    if _ASCII_DASHES in data:  # `>>` of PowerShell appends UTF-16 to whatever the file is
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
