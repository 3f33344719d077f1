"""Steps in words: the short phrases that the plan, the result and the progress line have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.plan.model import ACTIONS, Blocker, EntryRef, RowRef, Step
from reconciler.ports import FAMILIES, PROTOCOLS, Lane
from reconciler.report.palette import Palette
from reconciler.text import shorten, visible


def sign(step: Step) -> str:
    """`+` for a create, `-` for a delete, `-/+` for a replace, `~` for what changes something that stays."""
    return ACTIONS[step.action].sign


def lane_words(lanes: Sequence[Lane]) -> str:
    """`tcp, ipv4+ipv6`; one by one where the protocols differ in their families."""
    families = {protocol: [lane.family for lane in lanes if lane.protocol == protocol] for protocol in PROTOCOLS}
    used = [protocol for protocol in PROTOCOLS if families[protocol]]
    if not used:
        return ""
    if any(set(families[protocol]) != set(families[used[0]]) for protocol in used):
        return ", ".join(str(lane) for lane in sorted(lanes))
    return f"{'+'.join(used)}, {'+'.join(family for family in FAMILIES if family in families[used[0]])}"


def port_words(step: Step, palette: Palette) -> str:
    """The rows of a step: `8000-8099`, or for a replace `8000-8099 -> 8080-8089`."""
    if step.action == "create" and step.status == "deferred" and not step.done_by_apply and len(step.creates) > 1:
        return f"{sum(row.ports.count for row in step.creates)} ports of {step.units[0].ports}"  # the reason names them
    old, new = _row_words(step.deletes), _row_words(step.creates)
    if step.action == "replace" and old and new:
        kind = "" if step.creates[0].kind == step.kind else f"{step.creates[0].kind} "
        if old == new and not kind:
            return old
        return f"{old} {palette.symbol('arrow')} {kind}{new}"
    if step.action in ("create", "delete") and (old or new):
        return new if step.action == "create" else old
    return "" if step.ports is None else str(step.ports)


def _row_words(rows: Iterable[RowRef]) -> str:
    return shorten([str(ports) for ports in dict.fromkeys(row.ports for row in rows)])


def what_words(step: Step, palette: Palette) -> str:
    """What a step does or would do, and to which ports: `create exclusion 8000-8099 tcp, ipv4+ipv6`."""
    return "".join(what_parts(step, palette))


def what_parts(step: Step, palette: Palette) -> tuple[str, str, str]:
    """The same in three parts: what stands before the ports, the ports, and what stands after them."""
    if step.action == "start-winnat":
        return "start WinNAT", "", ""
    if step.action == "release-winnat":
        return "stop WinNAT, and start it again at the end", "", ""
    if step.action == "persist":
        return "put right what is set at boot", "", ""
    if step.action == "set-dynamic-range":
        protocols = "+".join(dict.fromkeys(lane.protocol for lane in step.lanes))
        return f"set the dynamic range of {protocols} to ", str(step.ports), ""
    before = f"{step.action} {step.kind} " if step.kind else f"{step.action} "
    after = f" {lane_words(step.lanes)}"
    if any(row.store == "active" for row in step.creates):
        after += " (until the next restart)"
    return before, port_words(step, palette), after


def owner_words(owners: Sequence[EntryRef]) -> str:
    """`node/web (desired/node.toml:12)`, several with commas."""
    return shorten([f"{_owner(owner)} ({visible(owner.place)})" if owner.place else _owner(owner) for owner in owners])


def _owner(owner: EntryRef) -> str:
    return visible(f"{owner.policy}/{owner.entry}" if owner.entry else owner.policy)


def blockers_words(blockers: Sequence[Blocker]) -> str:
    """Who is in the way, and where. Rows that are alike stand together: `8000-8009, 8020-8029, each a block`."""
    alike: dict[tuple[str, str], list[Blocker]] = {}
    for item in blockers:
        text = item.text.removeprefix(f"{item.ports}, ") if item.what == "row" else item.text
        alike.setdefault((item.what, text), []).append(item)
    return shorten([_alike_words(*key, items) for key, items in alike.items()], between="; ")


def _alike_words(what: str, text: str, items: Sequence[Blocker]) -> str:
    """The text of a row begins with its ports, that of a file with its place; a socket needs both."""
    if what != "row":
        where = f"{items[0].lane} {items[0].ports}: " if what == "socket" else ""
        return f"{where}{visible(text)}"
    ports = list(dict.fromkeys(str(item.ports) for item in items))
    each = "each " if len(ports) > 1 and text.startswith(("a ", "an ")) else ""
    return f"{shorten(ports)}, {each}{visible(text)}"
