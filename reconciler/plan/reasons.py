"""Every reason and remedy of a step, each with a stable id: the only place where a plan's sentences are written.

Sentences are short, subject first, without a full stop. Tests compare ids; one test holds the sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.host.interface import SYSTEM_PROCESS
from reconciler.plan.model import Blocker, EntryRef, Reason, Remedy
from reconciler.ports import PortRange, PortSet, Store
from reconciler.text import joined, shorten

_SHOWN = 4
"""Blockers and ranges in one sentence; the last place says how many more there are."""


# Why a step is there


DRIFT = Reason("drift", "it was applied here and is gone")
RESTARTED = Reason("restart", "it was applied here until a restart, and there has been one since")
RESTORE = Reason("restore", "an earlier run removed it and could not put it back")
CLAIMED = Reason("claimed", "it could not be made, or was gone already at the last apply")
DECLARED_ABSENT = Reason("declared-absent", "declared absent")
UNMANAGED = Reason("unmanaged", "administered, claimed by no entry, inside the [unmanaged] window")


def given_up(names: Iterable[str]) -> Reason:
    """No entry wants the row any more."""
    return Reason("given-up", f"no entry wants it any more; {', '.join(sorted(set(names)))} gave it up")


def shrunk(stays: PortSet) -> Reason:
    """Only some ports of the row are still wanted."""
    return Reason("shrunk", f"only {stays} of it is still wanted")


def store_changes(old: Store, new: Store) -> Reason:
    """The row is wanted in another store, and Windows cannot move it."""
    return Reason("store-changes", f"store: {old} -> {new}")


def dynamic_range(now: PortRange | None) -> Reason:
    """The ephemeral range is another one."""
    return Reason("dynamic-range", f"it is {now or 'not readable'} now; a change takes full effect at a restart")


def release_winnat(steps: int, users: Sequence[str]) -> Reason:
    """WinNAT steps aside for some blocked steps."""
    interrupted = "whatever is behind its NAT (Docker, WSL, Hyper-V machines) loses its network while it is stopped"
    if users:
        interrupted = f"{', '.join(users)} run here and lose their network while it is stopped"
    count = "one blocked step" if steps == 1 else f"{steps} blocked steps"
    return Reason("release-winnat", f"may free the ports of {count}; {interrupted}")


START_WINNAT = Reason("start-winnat", "an earlier run stopped it, and ended before it could start it again")


def boot_file(lacks: PortSet, surplus: PortSet, unsafe: str) -> Reason:
    """Our file that sets the list at boot is not as it must be."""
    said = [f"lacks {_short(lacks)}"] if lacks else []
    said += [f"has {_short(surplus)}, which no entry wants"] if surplus else []
    said += [unsafe] if unsafe else []
    return Reason("boot-file", f"the file that sets the ports at boot {'; it '.join(said)}")


# Why a step waits


def in_the_way(blockers: Sequence[Blocker]) -> Reason:
    """Rows that the plan does not remove are over the ports."""
    rows = shorten([blocker.text for blocker in blockers], _SHOWN, "; ")
    return Reason("in-the-way", f"in the way: {rows}")


def in_use(blockers: Sequence[Blocker]) -> Reason:
    """Sockets use the ports that are to be created: who, each once, and which ports."""
    users: dict[str, list[Blocker]] = {}
    for blocker in sorted(blockers, key=lambda item: (item.closing, item.ports)):
        users.setdefault(blocker.text, []).append(blocker)
    return Reason("in-use", shorten([_used(same) for same in users.values()], _SHOWN, "; "))


def _used(same: Sequence[Blocker]) -> str:
    """Which ports the same program uses, or connections that are closing."""
    first, one = same[0], len(same) == 1
    verb = "is" if one else "are"
    where = f"port {first.ports}" if one else f"{len(same)} ports"
    which = "" if one else f": {shorten([str(item.ports) for item in same], _SHOWN)}"
    if first.closing:
        return f"{where} {verb} held by {first.text}, and free in a few minutes{which}"
    return f"{where} {verb} in use by {first.text}{which}"


def row_in_use(socket: Blocker, row: str) -> Reason:
    """A socket uses the old row of a replace, so Windows would refuse to make anything there again."""
    return Reason(
        "row-in-use",
        f"but port {socket.ports} of {row} is in use by {socket.text}, so what stays could not be made again",
    )


def boot_file_elsewhere(file: Blocker) -> Reason:
    """Another file sets the list at boot, so what is persistent could be lost at a restart."""
    return Reason("boot-file-elsewhere", f"it could not outlive a restart: in the way is {file.text}")


def boot_file_may_not_count(file: Blocker, lacks: PortSet) -> Reason:
    """Another file sets the list at boot, and ours holds ports already."""
    said = f"lacks {_short(lacks)}" if lacks else "may not count"
    return Reason("boot-file-elsewhere", f"our file that sets the ports at boot {said}: in the way is {file.text}")


def absent_but(why: Reason) -> Reason:
    """A row that is declared absent stays."""
    return Reason(why.id, f"declared absent, but {why.text}")


def absent_and_wanted(stays: PortSet) -> Reason:
    """A row that is declared absent goes, and what entries want of it is made instead."""
    return Reason("absent-and-wanted", f"declared absent; {stays} of it is wanted")


def held_by_blocks(blocks: Sequence[Blocker]) -> Reason:
    """Windows holds ports that are declared absent."""
    return Reason("held-by-block", f"it is held by {shorten([block.text for block in blocks], _SHOWN, '; ')}")


SYSTEM_ROW = Reason("system-row", "it belongs to the system (HNS)")
MAY_BE_RESERVATION = Reason(
    "may-be-reservation", "it may be a reservation, which this host does not tell from an exclusion"
)
IS_RESERVATION = Reason("is-reservation", "it is a reservation, and not an exclusion")


def protected_by(name: str) -> Reason:
    """A protected entry holds the row."""
    return Reason("protected", f"it is protected by {name}")


def still_claimed(name: str) -> Reason:
    """Another entry wants the row."""
    return Reason("still-claimed", f"{name} still wants its ports")


NO_RESERVATIONS = Reason("no-reservations", "this host knows no reservations")


def one_dynamic_range(now: PortRange | None) -> Reason:
    """Linux keeps the ephemeral range elsewhere."""
    text = "Linux has one for TCP and UDP, which is left to whoever keeps net.ipv4.ip_local_port_range"
    return Reason("one-dynamic-range", f"it is {now or 'not readable'} now; {text}")


# What a person can do


ASK_THE_OWNER = Remedy("ask-the-owner", "choose other ports, or have the owner of that range give it up")
RELEASE_WINNAT = Remedy(
    "release-winnat", "if WinNAT holds it, apply with --release-winnat; otherwise its owner must give it up"
)
WINNAT_STEPS_ASIDE = Remedy(
    "winnat-steps-aside",
    "if WinNAT steps aside and the block is there all the same, its owner must give it up",
    "WinNAT was stopped and the block is there all the same: choose other ports, or have its owner give it up",
)
LOOK_AT_WINNAT = Remedy(
    "look-at-winnat", "WinNAT is neither running nor stopped, so it cannot be asked; look with: sc query winnat"
)
MOVE_THE_LINE = Remedy(
    "move-the-line",
    'move what that file sets into the policy and take its line out, or declare store = "active"',
)
TAKE_THE_LINE_OUT = Remedy(
    "take-the-line-out",
    'take its line out: the kernel takes nothing of it, so nothing is lost; or declare store = "active"',
)
LEAVE_THE_SYSTEM_ROW = Remedy(
    "leave-the-system-row", "take the entry out of the policy: this range is for Windows alone to delete"
)
LEAVE_THE_BLOCK = Remedy(
    "leave-the-block",
    "take the entry out of the policy: absent removes exclusions, and only Windows gives a block up",
)
ASK_ITS_PROGRAM = Remedy(
    "ask-its-program", "a reservation is deleted by the program that made it; take the entry out of the policy"
)
NARROW_ONE_ENTRY = Remedy("narrow-one-entry", "take the ports out of one of the two entries")


def declare_absent(rows: Iterable[PortRange]) -> Remedy:
    """Foreign exclusions, and nothing else, are in the way of a reservation."""
    ports = shorten([str(row) for row in rows], _SHOWN)
    return Remedy(
        "declare-absent", f'if nobody else needs it, declare an [[exclusion]] of exactly {ports} with state = "absent"'
    )


def give_up_ours(entries: Iterable[EntryRef]) -> Remedy:
    """Ranges that we keep for other entries are in the way."""
    named = dict.fromkeys(f"{item.policy}/{item.entry} ({item.place})" for item in entries)
    return Remedy("give-up-ours", f"choose other ports, or take the ports out of {shorten(list(named), _SHOWN)}")


def unprotect(names: Iterable[str]) -> Remedy:
    """A protected range is not what its entries say."""
    return Remedy("unprotect", f"plan and apply with {' '.join(f'--unprotect {name}' for name in names)}")


def restart(*, or_release: bool) -> Remedy:
    """The dynamic range was set, or will be, and a block is there that WinNAT drew from the old one."""
    other = "; or, without a restart, apply with --release-winnat" if or_release else ""
    return Remedy(
        "restart", f"restart the host and apply again, since it lies outside the dynamic range that counts then{other}"
    )


WAIT_FOR_CLOSING = Remedy("wait-for-closing", "wait a few minutes, then plan and apply again")


def free_ports(sockets: Sequence[Blocker], *, elevated: bool) -> Remedy:
    """End the use of the ports. `elevated`: who asks sees every program, so what does not show is the system's."""
    live = [socket for socket in sockets if not socket.closing]
    if not live:
        return WAIT_FOR_CLOSING
    known = [socket for socket in live if (socket.process, socket.pid) != (None, None)]
    programs = [socket for socket in known if (socket.process, socket.pid) != SYSTEM_PROCESS]
    if programs:
        return stop_program(programs)
    if known or elevated:
        return stop_service(known or live)
    return find_program(live)


def stop_program(sockets: Sequence[Blocker]) -> Remedy:
    """End the programs that use the ports, each named once."""
    each = (item.text if item.process is not None else f"the process with pid {item.pid}" for item in sockets)
    names = list(dict.fromkeys(each))
    said = joined(names) if len(names) <= _SHOWN else shorten(names, _SHOWN)
    return Remedy("stop-program", f"stop {said}, then plan and apply again")


def stop_service(sockets: Sequence[Blocker]) -> Remedy:
    """The ports are of no program; the kernel serves something on them."""
    text = f"the system itself has {_those(sockets)}, for a service such as SMB or http.sys"
    return Remedy("stop-service", f"{text}: choose other ports, or stop that service, then plan and apply again")


def find_program(sockets: Sequence[Blocker]) -> Remedy:
    """Who may ask does not see the programs of others."""
    text = f"find who uses {_those(sockets)} (run plan elevated to see it), stop it, then plan and apply again"
    return Remedy("find-program", text)


def _those(sockets: Sequence[Blocker]) -> str:
    return f"port {sockets[0].ports}" if len(sockets) == 1 else "those ports"


def end_the_claim(how: str) -> Remedy:
    """Another entry's claim is in the way of an `absent`."""
    return Remedy("end-the-claim", how)


# Who is in the way


ROW_WORDS = {
    "block": "a block held by Windows (WinNAT, HNS, http.sys ...)",
    "reservation": "a reservation that is not ours",
    "unknown": "an exclusion or a reservation that is not ours",
    "exclusion": "an exclusion that is not ours",
}


def kept_for(names: Iterable[str]) -> str:
    """A row of ours that another entry keeps."""
    return f"which we keep for {' and '.join(sorted(set(names)))}"


def _short(ports: PortSet) -> str:
    return shorten([str(run) for run in ports.runs()], _SHOWN)
