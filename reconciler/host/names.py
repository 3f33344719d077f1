"""What the name of a captured listing says of its lane: `udp-ipv6.txt`, `TcpV4.log`, `udp6`, `6-tcp` ... Pure.

Protocol and family are words of their own or stand together in one word; a lone 6 or 4 counts only beside a protocol,
where the name begins or ends with it. `v6.2` is a version.
"""

from __future__ import annotations

import re
from typing import cast

from reconciler.ports import Family, Protocol

_FAMILY = r"(?:ip|inet)v?([46])|v([46])(?!\.[0-9])"
_WORD = re.compile(rf"(?<![a-z0-9])(?:(tcp|udp)(?:{_FAMILY}|([46]))?|(?:{_FAMILY})(tcp|udp)?)(?![a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_FIRST = re.compile(r"^([46])[-_. ](tcp|udp)(?![a-z0-9])")
_LAST = re.compile(r"(?<![a-z0-9])(tcp|udp)[-_. ]([46])(?=(?:\.[a-z]+)?$)")


def lane_words(name: str) -> tuple[Protocol | None, Family | None]:
    """The protocol and the family that a file name says; None where it says none, or both."""
    name = _HUMP.sub("-", name).lower()
    name = _LAST.sub(r"\1\2", _FIRST.sub(r"\2\1", name))
    said = {word for match in _WORD.finditer(name) for word in match.groups() if word}
    protocols, families = said & {"tcp", "udp"}, said & {"4", "6"}
    protocol = protocols.pop() if len(protocols) == 1 else None
    family = f"ipv{families.pop()}" if len(families) == 1 else None
    return cast("Protocol | None", protocol), cast("Family | None", family)
