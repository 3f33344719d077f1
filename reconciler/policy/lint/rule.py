"""What a lint rule is, and what it says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import ClassVar, Literal, NamedTuple

from reconciler.policy.entries import Exclusion, Place, PolicySet, Reservation
from reconciler.ports import PROTOCOLS, Lane, PortRange, Protocol
from reconciler.text import shorten

Entry = Exclusion | Reservation
Severity = Literal["warning", "advice"]
"""warning: something does not work, or is not covered, on a host. advice: the policy could be better kept."""

SYSTEMS = ("windows", "linux")
"""The operating systems that a `[target]` can name."""


class Finding(NamedTuple):
    """One thing that a rule found, and the entry that is to change; a table has its header for the entry's name."""

    rule: str
    place: Place
    policy: str
    entry: str
    message: str


class Rule(ABC):
    """One rule. The docstring of each is its documentation: Markdown, with two TOML blocks.

    The first block is found by this rule and by no other, the second is the same put right. Both leave out
    `version` and `[policy]`. A policy that is only for systems which `systems` does not name is not checked.
    `needs_all`: it weighs an entry against all that is declared, so it holds only where all files could be read whole.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    systems: ClassVar[tuple[str, ...]] = SYSTEMS
    needs_all: ClassVar[bool] = False

    @abstractmethod
    def check(self, policies: PolicySet) -> Iterable[Finding]:
        """Everything that this rule finds in policies that can meet on one host.

        `allow` is respected by who calls; a rule that weighs entries against each other looks at it too.
        """

    def found(self, entry: Entry, message: str) -> Finding:
        """A finding of this rule at an entry."""
        return Finding(self.id, entry.place, entry.policy, entry.name, message)

    def allowed_by(self, entry: Entry) -> bool:
        """Does the entry say that this rule does not apply to it?"""
        return self.id in entry.allow


def all_entries(policies: PolicySet) -> Iterator[Entry]:
    """Every entry, also what is to be absent."""
    for policy in policies.policies:
        yield from policy.exclusions
        yield from policy.reservations


def exclusions(policies: PolicySet) -> Iterator[Exclusion]:
    """Every exclusion that is to be there."""
    return (entry for policy in policies.policies for entry in policy.exclusions if entry.state == "present")


def reservations(policies: PolicySet) -> Iterator[Reservation]:
    """Every reservation."""
    return (entry for policy in policies.policies for entry in policy.reservations)


def desired(policies: PolicySet) -> Iterator[Entry]:
    """Every entry of which the ports are to be there, exclusions first."""
    yield from exclusions(policies)
    yield from reservations(policies)


def ranges_of(entry: Entry) -> tuple[PortRange, ...]:
    """The declared ranges, ascending."""
    return entry.ports if isinstance(entry, Exclusion) else (entry.ports,)


def protocols_of(entry: Entry) -> tuple[Protocol, ...]:
    """The protocols, tcp before udp."""
    return entry.protocols if isinstance(entry, Exclusion) else (entry.protocol,)


def listed(ranges: Iterable[PortRange], at_most: int = 6) -> str:
    """`8080, 9000-9009`; of many ranges the first ones, and how many there are."""
    return shorten(list(map(str, ranges)), at_most)


def listed_lanes(lanes: Iterable[Lane]) -> str:
    """`tcp, udp/ipv4`: a protocol where both its families are meant."""
    words: list[str] = []
    for protocol in PROTOCOLS:
        mine = sorted(lane for lane in lanes if lane.protocol == protocol)
        words += [protocol] if len(mine) > 1 else map(str, mine)
    return ", ".join(words)


def by_place(entry: Entry) -> tuple[str, int]:
    """Sorts entries as a reader meets them."""
    return entry.place.file, entry.place.line
