"""`keep`: the entries that a policy file needs so that it keeps ports, and that no lint rule finds anything in.

What is added goes to the end of the file, so what stands there already, comments and layout included, is untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from reconciler.errors import PolicyError, ReconcilerError
from reconciler.policy.document import Document, read_document
from reconciler.policy.entries import Exclusion, Place, Reservation
from reconciler.policy.lint import ALL_RULES, Finding, lint_all
from reconciler.policy.merge import merge, name_problems, scope_problems, scopes
from reconciler.policy.problems import Problem, raise_all
from reconciler.policy.writing import entry_text, policy_text
from reconciler.ports import FAMILIES, PROTOCOLS, Asked, PortRange, PortSet, Protocol

DEFAULT_NAME = "kept"
"""The policy of a file whose name makes none."""

_HEAD = "# Ports that nobody is to get by chance, written by `reconciler keep`. Change what you like.\n"
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 64


class Already(NamedTuple):
    """Asked ports that an entry of the file keeps."""

    ports: PortRange
    protocols: tuple[Protocol, ...]
    entry: Exclusion | Reservation


class Kept(NamedTuple):
    """What `keep` comes to.

    `text` is to be put at the end of the file. `findings`: what lint would say, and the new entries allow.
    """

    text: str
    added: tuple[Exclusion, ...]
    already: tuple[Already, ...]
    findings: tuple[Finding, ...]


def keep(text: str, file: str, asked: Sequence[Asked], others: Sequence[Document] = ()) -> Kept:
    """Keep these ports in a policy file that holds `text` (blank: a new one, with the name of the file).

    `others`: what a plan reads beside it. Raises PolicyError where the file has problems, or new ones would come of it,
    and ReconcilerError where nothing can be put at its end.
    """
    head = "" if text.strip() else f"{_HEAD}{policy_text(policy_name(file), ())}"
    before = _read(head or text, file)
    taken = {entry.name for item in (before, *others) if item.policy == before.policy for entry in item.entries()}
    added, already = _entries(before, asked, taken)
    allowed, findings = _allowing(before, added, others)
    if not allowed:
        return Kept("", (), already, ())
    gap = "" if head or text.endswith("\n") else "\n"
    whole = "\n".join([f"{head or gap}", *map(entry_text, allowed)])
    if "\r\n" in text:
        whole = whole.replace("\n", "\r\n")
    return Kept(whole, _read_back(text + whole, file, allowed), already, findings)


def entries_to_keep(asked: Sequence[Asked]) -> tuple[Exclusion, ...]:
    """The entries that `keep` writes into a new file."""
    return keep("", "", asked).added


def policy_name(file: str) -> str:
    """The policy that a new file of this name holds: `desired/web ports.toml` is `web-ports`."""
    stem = re.split(r"[/\\]", file)[-1].removesuffix(".toml")
    return _NOT_IN_A_NAME.sub("-", stem)[:_LONGEST_NAME].strip("-._") or DEFAULT_NAME


def _read(text: str, file: str) -> Document:
    document, problems = read_document(text, file)
    raise_all(problems, lambda name: text)
    assert document is not None, "a file without problems is a document"
    return document


def _entries(before: Document, asked: Sequence[Asked], taken: set[str]) -> tuple[list[Exclusion], tuple[Already, ...]]:
    """The entries that are missing, in the order in which they are asked for, and what is there. `taken`: names."""
    wanted: dict[PortRange, set[Protocol]] = {}
    for item in asked:
        wanted.setdefault(item.ports, set()).update(item.protocols)
    there = {protocol: _kept(before, protocol) for protocol in PROTOCOLS}
    found: dict[PortRange, list[Exclusion]] = {}
    for ports in sorted(wanted, key=lambda ports: -ports.count):  # what lies inside another one needs no entry
        runs = {item: (PortSet.of([ports]) - there[item]).runs() for item in PROTOCOLS if item in wanted[ports]}
        for same in dict.fromkeys(filter(None, runs.values())):
            protocols = tuple(item for item in runs if runs[item] == same)
            name = _new_name(PortRange(same[0].first, same[-1].last), protocols, taken)
            reason = f"Asked for by reconciler keep {_words(ports, protocols)}; say here what binds it"
            entry = Exclusion(before.policy, name, Place(before.file, 0), same, protocols, FAMILIES, reason=reason)
            found.setdefault(ports, []).append(entry)
        for protocol in runs:
            there[protocol] |= PortSet.of([ports])
    return [entry for ports in wanted for entry in found.get(ports, [])], _already(before, wanted)


def _keeping(before: Document, protocol: Protocol) -> Iterable[tuple[Exclusion | Reservation, PortSet]]:
    """The entries that keep ports of this protocol for good, in both families, and which."""
    for entry in before.exclusions:
        whole = entry.state == "present" and entry.store == "persistent" and set(entry.families) == set(FAMILIES)
        if whole and protocol in entry.protocols and entry.name not in before.disable:
            yield entry, PortSet.of(entry.ports)
    for reservation in before.reservations:
        if reservation.protocol == protocol and reservation.name not in before.disable:
            yield reservation, PortSet.of([reservation.ports])


def _kept(before: Document, protocol: Protocol) -> PortSet:
    ports = PortSet()
    for _, mine in _keeping(before, protocol):
        ports |= mine
    return ports


def _already(before: Document, wanted: Mapping[PortRange, set[Protocol]]) -> tuple[Already, ...]:
    found: dict[tuple[PortRange, str], Already] = {}
    for ports, protocols in wanted.items():
        for protocol in (item for item in PROTOCOLS if item in protocols):
            for entry, mine in _keeping(before, protocol):
                for run in mine.within(ports).runs():
                    known = found.get((run, entry.name), Already(run, (), entry))
                    if protocol not in known.protocols:
                        found[run, entry.name] = known._replace(protocols=(*known.protocols, protocol))
    return tuple(found.values())


def _new_name(ports: PortRange, protocols: tuple[Protocol, ...], taken: set[str]) -> str:
    """`port-8080`, `ports-8000-8099-udp`: TCP is what most mean and is not named; a number where one is taken."""
    more = "" if protocols == ("tcp",) else f"-{'-'.join(protocols)}"
    first = f"port{'s' if ports.count > 1 else ''}-{ports}{more}"
    name, number = first, 1
    while name in taken:
        number += 1
        name = f"{first}-{number}"
    taken.add(name)
    return name


def _words(ports: PortRange, protocols: tuple[Protocol, ...]) -> str:
    """The argument of `keep` that stands for these ports."""
    return str(ports) if protocols == ("tcp",) else str(Asked(ports, protocols))


def _allowing(
    before: Document, added: Sequence[Exclusion], others: Sequence[Document]
) -> tuple[list[Exclusion], tuple[Finding, ...]]:
    """The entries, with `allow` for whatever they would bring a rule to find; and what that is."""
    problems, findings = _looked_at(before, others)
    raise_all(problem for problem in problems if problem.place.file == before.file)
    known = {_about(finding) for finding in findings}

    def found(entries: Sequence[Exclusion]) -> list[Finding]:
        now, after = _looked_at(before._replace(exclusions=(*before.exclusions, *entries)), others)
        raise_all(now - problems)
        return [finding for finding in after if _about(finding) not in known]

    entries = list(added)
    said: dict[tuple[str, str], Finding] = {}
    while new := found(entries):
        for finding in new:
            said.setdefault((finding.rule, finding.entry), finding)
        at = {entry.name: {item.rule for item in new if _is_at(item, entry)} for entry in entries}
        elsewhere = {item.rule for item in new if not any(_is_at(item, entry) for entry in entries)}
        entries = [_with(entry, {*entry.allow, *at[entry.name], *elsewhere}) for entry in entries]
        for number, rule in product(range(len(entries)), sorted(elsewhere)):  # not each has a part in it
            fewer = list(entries)
            fewer[number] = _with(entries[number], {*entries[number].allow} - {rule})
            if not any(item.rule == rule for item in found(fewer)):
                entries = fewer
    return entries, tuple(said.values())


def _with(entry: Exclusion, rules: set[str]) -> Exclusion:
    return entry._replace(allow=tuple(sorted(rules)))


def _is_at(finding: Finding, entry: Exclusion) -> bool:
    return (finding.policy, finding.entry) == (entry.policy, entry.name)


def _about(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.policy, finding.entry


def _looked_at(document: Document, others: Sequence[Document]) -> tuple[set[Problem], tuple[Finding, ...]]:
    """What contradicts itself in these files together, and what `check` finds in them."""
    documents = (*others, document)
    problems = set(name_problems(documents, whole=True))
    meetings = []
    for active, systems in scopes(documents) or ():
        policies = merge(active, active)
        problems.update(scope_problems(policies, active))
        meetings.append((policies, systems))
    return problems, lint_all(meetings, ALL_RULES)


def _read_back(text: str, file: str, added: Sequence[Exclusion]) -> tuple[Exclusion, ...]:
    """The new entries as the file has them now."""
    try:
        found = {entry.name: entry for entry in _read(text, file).exclusions}
    except PolicyError as error:
        paste = "write the entries in the form [[exclusion]], or keep the ports in another file with --file"
        text = f"nothing can be put at the end of this file ({error.problems[0].message}); {paste}"
        raise ReconcilerError(text, where=file) from None
    return tuple(found[entry.name] for entry in added)
