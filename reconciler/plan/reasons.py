"""Every reason and remedy of a step, each with a stable id: the only place where a plan's sentences are written.

Sentences are short, subject first, without a full stop. Tests compare ids; one test holds the sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.host.interface import SYSTEM_PROCESS
from reconciler.plan.model import Blocker, EntryRef, Reason, Remedy, RowRef
from reconciler.ports import Kind, PortRange, PortSet, Protocol, Store
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


def given_up(names: Iterable[str], gone: Iterable[str] = ()) -> Reason:
    """No entry wants the row any more. `gone`: files of these entries that are not there any more."""
    said = ", ".join(sorted(set(names)))
    files = joined(sorted(set(gone)))
    because = f", since {files} {'is' if ' and ' not in files else 'are'} not there any more" if files else ""
    return Reason("given-up", f"no entry wants it any more{said and f'; {said} gave it up'}{because}")


def let_go(gone: Iterable[str] = ()) -> Reason:
    """The range stays, and is ours no more. `gone`: files that are not there any more, if no policy is retired."""
    files = joined(sorted(set(gone)))
    ended = f"{files} {'is' if ' and ' not in files else 'are'} not there any more" if files else "it is retired"
    return Reason(
        "let-go", f'{ended}, and said on_remove = "release": the host keeps it, and it is foreign from now on'
    )


def kind_changes(names: Iterable[str], kind: Kind) -> Reason:
    """Its entries declare the other kind by now."""
    article, named = "an" if kind == "exclusion" else "a", sorted(set(names))
    return Reason("kind-changes", f"{joined(named)} declare{'s' * (len(named) == 1)} {article} {kind} by now")


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
        f"but port {socket.ports} of {row} is in use by {socket.text}, so nothing could be made in its place",
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
    "it could not be made although WinNAT was asked to stop: choose other ports, or have their holder give them up",
)
LOOK_AT_WINNAT = Remedy(
    "look-at-winnat",
    "whether WinNAT runs is not known, so it cannot be asked; look with: sc.exe query winnat, and plan again "
    "once that says RUNNING or STOPPED",
)
MOVE_THE_LINE = Remedy(
    "move-the-line",
    'move what that file sets into the policy and take its line out, or declare store = "active", which a restart ends',
)
TAKE_THE_LINE_OUT = Remedy(
    "take-the-line-out",
    "take its line out: the kernel takes nothing of it, so nothing is lost; "
    'or declare store = "active", which a restart ends',
)
NARROW_ONE_ENTRY = Remedy("narrow-one-entry", "take the ports out of one of the two entries")


def leave_the_system_row(row: RowRef) -> Remedy:
    """HNS's own range is declared absent."""
    return Remedy("leave-the-system-row", f"{_taken_out(row)}: this range is for Windows alone to delete")


def leave_the_block(row: RowRef) -> Remedy:
    """A block is over ports that are declared absent."""
    return Remedy("leave-the-block", f"{_taken_out(row)}: absent removes exclusions, and only Windows gives a block up")


def ask_its_program(row: RowRef) -> Remedy:
    """What is declared absent is a reservation of others, or may be one."""
    return Remedy("ask-its-program", f"have the program that made it delete it, or {_taken_out(row)}")


def _taken_out(row: RowRef) -> str:
    """A policy may say the same ports of the other protocol, and other ports beside them."""
    protocols = dict.fromkeys(lane.protocol for lane in row.lanes)
    return f"take {' and '.join(protocols)} {row.ports} out of the policy"


def declare_absent(protocol: Protocol, rows: Iterable[PortRange]) -> Remedy:
    """Foreign exclusions, and nothing else, are in the way of a reservation. Who declares them must know each."""
    ports = ", ".join(map(str, dict.fromkeys(rows)))
    text = f'declare an [[exclusion]] of exactly {ports} with protocol = "{protocol}" and state = "absent"'
    return Remedy("declare-absent", f"if nobody else needs it, {text}")


def give_up_ours(way: str) -> Remedy:
    """Ranges that we keep for other entries are in the way. `way`: how these give them up (`unclaim`), or empty."""
    return Remedy("give-up-ours", f"choose other ports{way and f', or {way}'}")


def end_the_claim(way: str) -> Remedy:
    """Claims of other entries are in the way of an `absent`. `way`: how these end (`unclaim`), or empty."""
    return Remedy("end-the-claim", f"take the ports out of this entry{way and f', or {way}'}")


def unclaim(entries: Iterable[EntryRef], flags: Iterable[str], *, was_read: bool) -> str:
    """How entries give ports up, and with which options; `was_read`: their files are part of this run anyhow."""
    named = list(dict.fromkeys(f"{item.policy}/{item.entry} ({item.place})" for item in entries))
    said = " ".join(dict.fromkeys(flags))
    if not named:
        return said and f"apply with {said}"
    files = "" if was_read else " and apply that file too" if len(named) == 1 else " and apply those files too"
    return f"take the ports out of {shorten(named, _SHOWN)}{files}{said and f', with {said}'}"


def lift_protection(flags: Iterable[str]) -> Remedy:
    """A protected range is not what its entries say. `flags`: from `unprotect`."""
    return Remedy("unprotect", f"plan and apply with {' '.join(flags)}")


def restart(*, is_set: bool, or_release: bool) -> Remedy:
    """The dynamic range was set, or will be, and a block is there that WinNAT drew from the old one."""
    first = "" if is_set else "once apply has set the dynamic range, "
    other = "; or, without a restart, apply with --release-winnat" if or_release else ""
    text = f"{first}restart the host and apply again, since it lies outside the dynamic range that counts then{other}"
    return Remedy("restart", f"if WinNAT holds it, {text}; otherwise its owner must give it up")


_AGAIN = ", then plan and apply again"
WAIT_FOR_CLOSING = Remedy("wait-for-closing", f"wait a few minutes{_AGAIN}")


def free_ports(sockets: Sequence[Blocker], *, elevated: bool) -> Remedy:
    """End the use of the ports. `elevated`: who asks sees every program, so what does not show is the system's."""
    live = [socket for socket in sockets if not socket.closing]
    known = [socket for socket in live if (socket.process, socket.pid) != (None, None)]
    programs = [socket for socket in known if (socket.process, socket.pid) != SYSTEM_PROCESS]
    hidden = [socket for socket in live if socket not in known]
    system = [socket for socket in live if socket not in programs and (elevated or socket not in hidden)]
    found = [stop_program(programs)] if programs else []
    found += [stop_service(system)] if system else []
    found += [find_program(hidden)] if hidden and not elevated else []
    return together(found or [WAIT_FOR_CLOSING])


def together(remedies: Sequence[Remedy]) -> Remedy:
    """One remedy for several causes: all of these are to be done."""
    last = remedies[-1]
    if len(remedies) == 1:
        return last
    texts = [*(remedy.text.removesuffix(_AGAIN) for remedy in remedies[:-1]), last.text]
    after = "; besides, ".join(remedy.after or text for remedy, text in zip(remedies, texts, strict=True))
    text = "; besides, ".join(texts)
    return Remedy("+".join(remedy.id for remedy in remedies), text, after if after != text else "")


def stop_program(sockets: Sequence[Blocker]) -> Remedy:
    """End the programs that use the ports, each named once."""
    each = (item.text if item.process is not None else f"the process with pid {item.pid}" for item in sockets)
    names = list(dict.fromkeys(each))
    said = joined(names) if len(names) <= _SHOWN else shorten(names, _SHOWN)
    return Remedy("stop-program", f"stop {said}{_AGAIN}")


def stop_service(sockets: Sequence[Blocker]) -> Remedy:
    """The ports are of no program; the kernel serves something on them."""
    text = f"the system itself has {_those(sockets)}, for a service such as SMB or http.sys"
    return Remedy("stop-service", f"{text}: choose other ports, or stop that service{_AGAIN}")


def find_program(sockets: Sequence[Blocker]) -> Remedy:
    """Who may ask does not see the programs of others."""
    text = f"find who uses {_those(sockets)} (run plan elevated to see it), stop it{_AGAIN}"
    return Remedy("find-program", text)


def _those(sockets: Sequence[Blocker]) -> str:
    ports = list(dict.fromkeys(str(socket.ports) for socket in sockets))
    return f"port {ports[0]}" if len(ports) == 1 else f"ports {shorten(ports, _SHOWN)}"


# Who is in the way


ROW_WORDS = {
    "block": "a block held by Windows (WinNAT, HNS, http.sys ...)",
    "reservation": "a reservation that is not ours",
    "unknown": "an exclusion or a reservation that is not ours",
    "exclusion": "an exclusion that is not ours",
}


def unprotect(policy: str, entry: str) -> str:
    """The option that lifts the protection of one entry; entries of other policies may have the same name."""
    return f"--unprotect {policy}/{entry}"


def kept_for(names: Iterable[str]) -> str:
    """A row of ours that another entry keeps."""
    return f"which we keep for {' and '.join(sorted(set(names)))}"


def _short(ports: PortSet) -> str:
    return shorten([str(run) for run in ports.runs()], _SHOWN)
