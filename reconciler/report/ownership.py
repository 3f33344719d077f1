"""What adopt and release take into the ledger and out of it, as text and as documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.report import FORMAT_VERSION
from reconciler.text import visible

if TYPE_CHECKING:
    from reconciler.apply.adoption import NearMiss
    from reconciler.apply.release import Released
    from reconciler.host.interface import Facts
    from reconciler.ledger.records import Claim, OwnedRow
    from reconciler.report import ownership_shapes as shapes


def ledger_rows(rows: Iterable[OwnedRow]) -> list[shapes.LedgerRowDocument]:
    """The rows in their order; one that is in several lanes stands there once."""
    found: dict[tuple[str, str, str], shapes.LedgerRowDocument] = {}
    for row in rows:
        fresh: shapes.LedgerRowDocument = {"kind": row.kind, "ports": str(row.ports), "lanes": [], "entry": row.label}
        found.setdefault((row.kind, str(row.ports), row.label), fresh)["lanes"].append(str(row.lane))
    for item in found.values():
        item["lanes"].sort()
    return list(found.values())


def row_lines(rows: Iterable[OwnedRow]) -> list[str]:
    """`  exclusion 8000-8099 tcp/ipv4, tcp/ipv6  web/front`"""
    return [
        f"  {item['kind']} {item['ports']} {', '.join(item['lanes'])}  {visible(item['entry'])}"
        for item in ledger_rows(rows)
    ]


def near_miss_lines(title: str, near: Sequence[NearMiss]) -> list[str]:
    """What stays as it is, and why; nothing where there is nothing."""
    return [title, *(f"  {visible(str(item))}" for item in near)] if near else []


def claim_lines(found: Released) -> Iterator[str]:
    """What is no longer claimed: an entry a line."""
    for name, claims in _by_entry(found.claims).items():
        ranges = dict.fromkeys(str(ports) for claim in claims for ports in claim.ports)
        yield f"  claim of {visible(name)} on {', '.join(ranges)}"


def _by_entry(claims: Iterable[Claim]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = {}
    for claim in claims:
        found.setdefault(f"{claim.policy}/{claim.entry}", []).append(claim)
    return found


def adoption_document(facts: Facts, rows: Iterable[OwnedRow], near: Iterable[NearMiss]) -> shapes.AdoptionDocument:
    """What `adopt --json` prints."""
    from reconciler.report.documents import host_facts

    return {
        "format_version": FORMAT_VERSION,
        "kind": "adoption",
        "host": host_facts(facts),
        "adopted": ledger_rows(rows),
        "not_adopted": [_near_miss(item) for item in near],
    }


def release_document(facts: Facts, found: Released) -> shapes.ReleaseDocument:
    """What `release --json` prints."""
    from reconciler.report.documents import host_facts

    return {
        "format_version": FORMAT_VERSION,
        "kind": "release",
        "host": host_facts(facts),
        "released": ledger_rows(found.rows),
        "claims": [_claim(claim) for claim in found.claims],
        "kept": [_near_miss(item) for item in found.kept],
    }


def _near_miss(item: NearMiss) -> shapes.NearMissDocument:
    return {"ports": str(item.ports), "entry": item.entry, "reason": item.why}


def _claim(claim: Claim) -> shapes.LedgerClaimDocument:
    return {
        "entry": f"{claim.policy}/{claim.entry}",
        "kind": claim.kind,
        "ports": [str(ports) for ports in claim.ports],
        "lanes": [str(lane) for lane in claim.lanes],
    }
