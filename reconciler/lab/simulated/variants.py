"""What nobody outside Microsoft knows about Windows, as switches: one for each UNKNOWN that a reconciler can meet.

The defaults are what Microsoft documents, else what the public reports make most likely. A program that is right in all
768 combinations is right whichever way the real answers turn out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.text import did_you_mean

CHOICES: dict[str, tuple[str, ...]] = {
    "families": ("shared", "split"),
    "second-add": ("error32", "ok", "exists"),
    "neighbours": ("kept", "merged"),
    "reservations": ("unstarred", "starred"),
    "lookup": ("reservations-only", "answers-exclusions"),
    "store-listing": ("true", "empty"),
    "exit-codes": ("honest", "dishonest"),
    "access-denied": ("honest", "although-done"),
    "active-delete": ("until-boot", "refused"),
}
"""Every switch and its values, the default first."""


@dataclass(frozen=True, slots=True)
class Variants:
    """One way the unknowns may turn out.

    Attributes:
        families: `shared` = one table per protocol seen through IPv4 and IPv6; `split` = one a lane (windows-facts 2).
        second_add: what the identical add through the other family of a shared table answers (windows-facts 2.12,
            13.6).
        neighbours: `merged` = adjoining administered exclusions of one store become one row (windows-facts 4.10).
        reservations: whether the row of a persistent reservation has the `*` (windows-facts 4.14).
        lookup: `answers-exclusions` = Lookup... says yes to an exact administered exclusion, too (windows-facts 4.14).
        store_listing: `empty` = `show store=persistent` lists nothing although rows are there (windows-facts 1.15).
        exit_codes: `dishonest` = a call that was refused and did nothing says that it was done (windows-facts 1.10).
        access_denied: `although-done` = deleting an exclusion works and still says "Access is denied".
        active_delete: what a delete through the active store does to a persistent exclusion: it is gone until the next
            boot (`until-boot`, as documented: windows-facts 13.1), or the call finds nothing (`refused`).
    """

    families: Literal["shared", "split"] = "shared"
    second_add: Literal["error32", "ok", "exists"] = "error32"
    neighbours: Literal["kept", "merged"] = "kept"
    reservations: Literal["unstarred", "starred"] = "unstarred"
    lookup: Literal["reservations-only", "answers-exclusions"] = "reservations-only"
    store_listing: Literal["true", "empty"] = "true"
    exit_codes: Literal["honest", "dishonest"] = "honest"
    access_denied: Literal["honest", "although-done"] = "honest"
    active_delete: Literal["until-boot", "refused"] = "until-boot"

    @classmethod
    def parse(cls, settings: Iterable[str]) -> Variants:
        """Read `families=split` and its like; what is not named keeps its default. Raises ValueError."""
        chosen: dict[str, Any] = {}
        for setting in settings:
            key, equals, value = setting.partition("=")
            if not equals:
                raise ValueError(f"{setting!r} is not a variant; write it as KEY=VALUE, for example families=split")
            if key not in CHOICES:
                raise ValueError(
                    f"{key!r} is not a variant; there are {', '.join(CHOICES)}{did_you_mean(key, CHOICES)}"
                )
            if value not in CHOICES[key]:
                values = " or ".join(CHOICES[key])
                raise ValueError(
                    f"{value!r} is not a value of {key}; it is {values}{did_you_mean(value, CHOICES[key])}"
                )
            name = key.replace("-", "_")
            if chosen.setdefault(name, value) != value:
                raise ValueError(f"{key} is given twice, as {chosen[name]} and as {value}; keep one of them")
        return cls(**chosen)

    def settings(self) -> dict[str, str]:
        """Every switch with its value, in the order of `CHOICES`."""
        return {key: getattr(self, key.replace("-", "_")) for key in CHOICES}

    def __str__(self) -> str:
        changed = [f"{key}={value}" for key, value in self.settings().items() if value != CHOICES[key][0]]
        return ", ".join(changed) or "all default"


def every_variant() -> Iterator[Variants]:
    """All 768 combinations, the default one first."""
    from itertools import product

    for values in product(*CHOICES.values()):
        yield Variants.parse(f"{key}={value}" for key, value in zip(CHOICES, values, strict=True))
