"""Notes: what is worth knowing about a plan and is not a step. Each has a stable id."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from reconciler.ledger.records import Claim, OwnedRow
from reconciler.plan import reasons
from reconciler.plan.created import findings_of_creates
from reconciler.plan.given.claims import ClaimIndex
from reconciler.plan.given.picture import Picture, RowInfo
from reconciler.plan.model import Note, Step
from reconciler.plan.rules.foreign import unclaimed_rows, windows_of
from reconciler.ports import LANES, PROTOCOLS, Lane, PortRange, Protocol, RangeIndex
from reconciler.text import counted, shorten

PROTECTED = "protected"
NOTHING_TARGETED = "nothing-targeted"
"""The id of the note on a protected row that differs from what the policy says; the summary counts them."""

_SHOWN = 4

KIND_WORDS = {
    "exclusion": "an exclusion",
    "reservation": "a reservation",
    "unknown": "an exclusion or a reservation",
    "block": "a block held by Windows",
}


def notes(picture: Picture, steps: Sequence[Step]) -> tuple[Note, ...]:
    """All notes that any host's plan can have: first what concerns everything, then entry by entry."""
    return tuple(note for rule in NOTES for note in rule(picture, steps))


# What concerns everything


def _ledger(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Nothing here can be ours, because the ledger is lost or another machine's."""
    asked_for = any(step.deletes for step in steps)  # by an `absent` entry or an [unmanaged] table
    if picture.owned.copied:
        more = "" if asked_for else ", and nothing will be deleted"
        held = " but what our boot file holds" if picture.owned.rows else ""
        text = f"the ledger here was written on another machine: nothing that exists is ours{held}{more}"
        yield Note("ledger-copied", text)
    elif picture.state.ledger is None and _any_covered(picture):
        what = "is ours" if asked_for else "will be deleted"
        yield Note("ledger-missing", f"first run on this host: nothing that exists {what}")


def _hidden(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Ranges that only the active store let go, and that may be there again after the next restart."""
    if ports := sorted({row.ports for row in picture.owned.hidden}):
        text = f"{shorten([str(item) for item in ports], _SHOWN)} of ours went until the next restart only"
        yield Note("until-restart", f"{text}; apply again after it")


def _any_covered(picture: Picture) -> bool:
    return any(
        picture.tables[number].cover.touches(unit.ports)
        for unit in picture.desired.of_kind("exclusion")
        for number in picture.tables_of(unit.lanes)
    )


def _targets(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Files that were given and are not for this host, where that is not what folders are for."""
    policies, facts = picture.state.policies, picture.snapshot.facts
    host = f"{facts.name}, {facts.os}"
    says = "[target] says which hosts, systems and tags a file is for"
    if policies.policies and not policies.in_scope():
        if policies.asked_tags:
            says = f"there are files for these tags: {shorten(policies.asked_tags)}; say --tag TAG for yours"
        yield Note(NOTHING_TARGETED, f"no file targets this host ({host}) in this run; {says}")
        return
    for file in policies.idle:
        text = f"{file} was named, and does not target this host ({host}) in this run; {says}"
        yield Note("not-targeted", text, file)


def _release(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """`--release-winnat` was given, a step is blocked, and WinNAT is not asked."""
    blocked = any(step.status == "blocked" for step in steps)
    if not picture.options.release_winnat or not blocked or any(step.action == "release-winnat" for step in steps):
        return
    why = "no step is held by blocks alone that can be WinNAT's"
    if picture.snapshot.winnat != "running":
        known = {"stopped": "it is stopped", "absent": "this host has none"}
        why = known.get(picture.snapshot.winnat, "its state is not known")
    yield Note("winnat-not-released", f"--release-winnat was given, and WinNAT is left as it is: {why}")


def _shared_lanes(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Said once, however many entries it concerns (design 4.3)."""
    scope = picture.state.policies.in_scope()
    exclusions = [entry for policy in scope for entry in policy.exclusions if entry.state == "present"]
    shared = {lanes for lanes in {entry.lanes for entry in exclusions} if picture.snapshot.sharing(lanes) != lanes}
    if shared:
        wider = sorted((entry.policy, entry.name, entry.place) for entry in exclusions if entry.lanes in shared)
        names = shorten([f"{policy}/{name}" for policy, name, _ in wider], _SHOWN)
        text = f"families or protocols share a table here, so more is covered than was declared: {names}"
        yield Note("shared-lanes", text, str(wider[0][2]))


# What is ours and stays as it is


def _not_in_this_run(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Policies, entries and files that nobody was asked about keep what they hold (design 4.6)."""
    together: dict[tuple[str, str, str], list[Claim]] = {}
    policies, claims = picture.state.policies, picture.desired.out_of_scope
    lasting = {claim.policy for claim in claims if policies.file(claim.file).state != "gone"}
    for claim in claims:
        if why := _why_not(picture, claim, lasting):
            file = claim.file if policies.file(claim.file).state == "not read" else ""
            together.setdefault((claim.policy, file, why), []).append(claim)
    for (_, _, why), held_by in together.items():
        held = shorten([str(ports) for ports in sorted({ports for claim in held_by for ports in claim.ports})])
        lost = sorted({item.ports for item in picture.missing_claims(held_by)})
        verb = "is" if len(lost) == 1 else "are"
        more = f", of which {shorten(list(map(str, lost)))} {verb} missing here" if lost else ""
        yield Note("not-in-this-run", f"not touched: {why}; it holds {held}{more}", picture.desired.file(held_by[0]))


def _why_not(picture: Picture, claim: Claim, lasting: Collection[str]) -> str:
    """Why nobody was asked; empty where the same is declared by a file that was. `lasting`: policies not all gone."""
    policies = picture.state.policies
    policy = next((item for item in policies.policies if item.name == claim.policy), None)
    file = policies.file(claim.file)
    if policy is None:
        more = ""
        if any(claim.policy in item.formerly for item in policies.in_scope()):
            more = f"; what its present name does not declare stays with it, --retire {claim.policy} ends that"
        elif claim.file in policies.paths.values():
            more = f'; if it was renamed, say formerly = ["{claim.policy}"] in [policy]'
        elif claim.policy not in lasting:
            more = f"; no file of it is there any more, and --retire {claim.policy} gives it up"
        return f"policy {claim.policy} was not part of this run{more}"
    if not policy.in_scope:
        return f"no file of policy {claim.policy} targets this host in this run"
    if file.state != "not read":
        where = "stands only in files that do not target this host in this run"
        return f"entry {claim.entry} of policy {claim.policy} {where}"
    name = (claim.policy, claim.entry)
    if ClaimIndex([item for item in picture.desired.declared if (item.policy, item.entry) == name]).covers(claim):
        return ""
    return f"a file of policy {claim.policy} was not read in this run"


def _protected(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Rows that would be deleted, shrunk or replaced, if a protected entry did not hold them."""
    for table in picture.tables:
        for ports, records in sorted(table.owned.items()):
            guards = [claim for _, claim in table.protecting.touching(ports)]
            differs = guards and not (table.desired.covers(ports) and table.in_its_store(ports))
            if differs and not table.lasts_too_short(ports):
                yield _protected_note(picture, records[0], guards)
    guarded, wanted = _reserved(picture.desired.protecting), _reserved(picture.desired.wanted)
    for protocol in PROTOCOLS:
        for ports, rows in picture.reservations(protocol).items():
            if (protocol, ports) in guarded and (protocol, ports) not in wanted:
                yield _protected_note(picture, rows[0], [guarded[protocol, ports]])


def _reserved(claims: Iterable[Claim]) -> dict[tuple[Protocol, PortRange], Claim]:
    exact = (claim for claim in claims if claim.kind == "reservation")
    return {(claim.lanes[0].protocol, ports): claim for claim in exact for ports in claim.ports}


def _protected_note(picture: Picture, row: OwnedRow, guards: Sequence[Claim]) -> Note:
    names = sorted({claim.entry for claim in guards})
    retired = sorted({claim.policy for claim in guards} & picture.options.retire)
    lifted = sorted({reasons.unprotect(claim.policy, claim.entry) for claim in guards})
    flags = " ".join([*(f"--retire {name}" for name in retired), *lifted])
    text = (
        f"{row.kind} {row.ports} {row.lane.protocol} differs from the policy and stays as it is, "
        f"protected by {', '.join(names)}; {flags} lets it go"
    )
    return Note(PROTECTED, text, picture.desired.file(guards[0]))


def _transfers(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Rows that stay and change their entry: one was renamed, or one of several claims on a row ended."""
    if not picture.owned.rows or picture.owned.claims == picture.desired.claims:
        return
    going = {(row.kind, lane, row.ports) for step in steps for row in step.deletes for lane in row.lanes}
    before = ClaimIndex(picture.owned.claims)
    known: set[tuple[str, str, PortRange]] = set()
    for row in picture.owned.rows:
        key = (row.kind, row.lane.protocol, row.ports)
        old, new = _names(before, row), _names(picture.claims, row)
        if (row.kind, row.lane, row.ports) not in going and new and old != new and key not in known:
            known.add(key)
            now, then = " and ".join(new), " and ".join(old) or "no entry"
            yield Note(
                "transfer", f"{row.kind} {row.ports} {row.lane.protocol} stays, now for {now}, before for {then}"
            )


def _names(claims: ClaimIndex, row: OwnedRow) -> list[str]:
    touching = [claim for _, claim in claims.touching(row.kind, row.lane, row.ports)]
    return sorted({f"{claim.policy}/{claim.entry}{' (protected)' if claim.protect else ''}" for claim in touching})


# Entry by entry


def _foreign_cover(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """A list of ports has a file for them, which takes over what is to last; of rows nobody can tell."""
    takes_over = any(step.action == "persist" and step.done_by_apply for step in steps)
    found: dict[str, tuple[str, dict[PortRange, bool]]] = {}
    leaving = {row.ports for step in steps if step.done_by_apply for row in step.deletes}
    lasting: set[str] = set()
    for unit in picture.desired.of_kind("exclusion"):
        for table in (picture.tables[number] for number in picture.tables_of(unit.lanes)):
            if table.cover.touches(unit.ports):
                rows_over = [ports for ports, _ in table.covering.touching(unit.ports)]
                foreign = [ports for ports in rows_over if ports not in table.owned and ports not in leaving]
                if not foreign:
                    continue
                name = f"{unit.entry.policy}/{unit.entry.name}"
                if unit.store == "persistent":
                    lasting.add(name)
                rows = found.setdefault(name, (str(unit.entry.place), {}))[1]
                rows.update({ports: rows.get(ports, False) or ports in table.unknown for ports in foreign})
    for name, (place, rows) in found.items():
        words = [f"{ports}{' (of unknown kind)' if unknown else ''}" for ports, unknown in rows.items()]
        proof = "and nothing proves that they outlive a restart"
        if takes_over and name in lasting:
            proof = (
                "and the file that sets the ports at boot takes them over: they are ours then, and go with the entry"
            )
        text = f"{name} is covered wholly or partly by ranges that are not ours, {proof}: {shorten(words, _SHOWN)}"
        yield Note("foreign-cover", text, place)


def _foreign_reservations(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    for unit in picture.desired.of_kind("reservation"):
        if picture.presence(unit) == "foreign":
            name = f"{unit.entry.policy}/{unit.entry.name}"
            text = f"{name}: the reservation {unit.ports} is there, and this tool did not make it"
            yield Note("foreign-reservation", text, str(unit.entry.place))


def _plain_binds(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Whoever binds the ports today finds them closed once they are reserved (windows-facts 5.2)."""
    created = {
        (row.lanes[0].protocol, row.ports)
        for step in steps
        if step.done_by_apply
        for row in step.creates
        if row.kind == "reservation"
    }
    for unit in picture.desired.of_kind("reservation"):
        if (unit.protocol, unit.ports) in created:
            bound_by = getattr(unit.entry, "bound_by", "")
            who = f": {bound_by}" if bound_by else "; bound_by does not say who that is"
            what = f"{unit.entry.policy}/{unit.entry.name}: a plain bind to {unit.protocol} {unit.ports}"
            text = f"{what} will be refused with 10013; who binds it must present its token{who}"
            yield Note("plain-bind", text, str(unit.entry.place))


def _url_reservations(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """An exclusion over a port that http.sys serves breaks the service at its next restart (windows-facts 5.4)."""
    if not picture.snapshot.url_reservations:
        return
    units = picture.desired.of_kind("exclusion")
    declared = RangeIndex((unit.ports, unit) for unit in units if unit.protocol == "tcp")
    for item in picture.snapshot.url_reservations:
        for _, unit in declared.touching(PortRange(item.port, item.port)):
            name = f"{unit.entry.policy}/{unit.entry.name}"
            text = f"{name} excludes port {item.port}, which http.sys keeps for {item.url}: it may not start again"
            yield Note("url-reservation", text, str(unit.entry.place))


def _lint(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """What brings trouble once it is there, as `check` says it without a host; once a rule."""
    for finding, others in findings_of_creates(picture, steps):
        more = f"; {counted(others, 'more entry', 'more entries')} likewise, see reconciler check" if others else ""
        text = f"{finding.policy}/{finding.entry} {finding.message}{more} ({finding.rule})"
        yield Note("lint", text, str(finding.place))


def _unmanaged(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    rule = picture.state.policies.unmanaged
    if rule is None or rule.action != "report":
        return
    windows = windows_of(rule)
    found: dict[PortRange, list[Lane]] = {}
    for row, table in unclaimed_rows(picture):
        found.setdefault(row.ports, []).extend(table.lanes)
    for ports, lanes in found.items():
        if not windows or any(window.contains(ports) for window in windows):
            text = f"{', '.join(map(str, sorted(lanes)))} {ports} is administered, and no entry claims it"
            yield Note("unmanaged", text, str(rule.place))


def absent_and_held(picture: Picture, steps: Sequence[Step]) -> Iterator[Note]:
    """Ports that are declared absent and stay held by a row that no step names."""
    if not picture.desired.absent:
        return
    acting = [step for step in steps if step.done_by_apply]
    leaving = {(lane, row.ports) for step in acting for row in step.deletes for lane in row.lanes}
    staying = [
        item
        for item in picture.rows()
        if (item.row.lane, item.row.ports) not in leaving and item.kind != "block" and not _is_declared(picture, item)
    ]
    rows = {lane: RangeIndex((item.row.ports, item) for item in staying if item.row.lane == lane) for lane in LANES}
    said = {
        (owner.policy, owner.entry, row.ports)
        for step in steps
        if step.reason.id == "still-claimed"
        for row in step.deletes
        for owner in step.owners
    }
    for entry in picture.desired.absent:
        lanes = picture.snapshot.sharing(entry.lanes)
        for ports in (ports for ports in entry.ports if (entry.policy, entry.name, ports) not in said):
            near = [item for lane in lanes for _, item in rows[lane].touching(ports)]
            others = (item for item in near if not (item.row.administered and item.row.ports == ports))
            held = dict.fromkeys(_words(item) for item in others)
            if held:
                text = (
                    f"{entry.policy}/{entry.name}: {ports} is declared absent, and still held, wholly or in part, by "
                    f"{shorten(list(held), _SHOWN)}; absent deletes an exclusion of exactly its ports, and nothing else"
                )
                yield Note("absent-and-held", text, str(entry.place))


def _is_declared(picture: Picture, item: RowInfo) -> bool:
    """Does an entry in scope want all of it? Then the policy says both: this stays, and what was larger went."""
    if item.kind == "reservation":
        return (item.row.lane.protocol, item.row.ports) in picture.desired.reserved()
    (number,) = picture.tables_of((item.row.lane,))
    return picture.tables[number].declared.covers(item.row.ports)


def _words(item: RowInfo) -> str:
    whose = "the system's (HNS)" if item.system else "ours" if item.record else ""
    return f"{item.row.ports} ({', '.join(filter(None, (KIND_WORDS[item.kind], whose, *item.entries)))})"


NOTES: tuple[Callable[[Picture, Sequence[Step]], Iterator[Note]], ...] = (
    _ledger,
    _hidden,
    _targets,
    _release,
    _shared_lanes,
    _not_in_this_run,
    _protected,
    _transfers,
    _foreign_cover,
    _foreign_reservations,
    _plain_binds,
    _url_reservations,
    _lint,
    _unmanaged,
)
