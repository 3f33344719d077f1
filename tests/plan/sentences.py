"""Every reason and remedy of a plan, and what each says. Made when a test asks, so that `make mutate` changes them."""

from __future__ import annotations

from reconciler.plan import reasons
from reconciler.plan.model import Blocker, EntryRef, Reason, Remedy, RowRef
from reconciler.ports import LANES, PortSet
from tests.plan.build import ports
from tests.world import TCP4, TCP6

PORT_80, PORT_90 = PortSet.of([ports("80")]), PortSet.of([ports("90")])
BLOCK = Blocker("row", TCP4, ports("5357"), f"5357, {reasons.ROW_WORDS['block']}")
ROWS = [Blocker("row", TCP4, ports(text), f"{text}, x") for text in ("1", "2", "3", "4", "5")]
NGINX = Blocker("socket", TCP4, ports("8080"), "nginx (pid 77)", "nginx", 77)
HIDDEN = Blocker("socket", TCP4, ports("8080"), "an unknown process (pid 7)", None, 7)
NAMELESS = Blocker("socket", TCP4, ports("8080"), "an unknown process")
SYSTEM = Blocker("socket", TCP4, ports("445"), "System (pid 4)", "System", 4)
CLOSING = Blocker("socket", TCP4, ports("8080"), "a connection that is closing", closing=True)
WEB = EntryRef("p", "web", "a.toml:7")
ROW = RowRef("exclusion", (TCP4, TCP6), ports("8080"), "persistent")
FILE = Blocker("file", TCP4, ports("80"), "/etc/sysctl.conf:3, which sets the same list at boot")


def _at(blocker: Blocker, where: str) -> list[Blocker]:
    """The same socket on each of these ports."""
    return [blocker._replace(ports=ports(text)) for text in where.split()]


def examples() -> dict[str, tuple[Reason | Remedy, str, str]]:
    """Each as it says most, its id and its sentence."""
    return {
        "DRIFT": (reasons.DRIFT, "drift", "it was applied here and is gone"),
        "RESTARTED": (
            reasons.RESTARTED,
            "restart",
            "it was applied here until a restart, and there has been one since",
        ),
        "CLAIMED": (reasons.CLAIMED, "claimed", "it could not be made, or was gone already at the last apply"),
        "RESTORE": (reasons.RESTORE, "restore", "an earlier run removed it and could not put it back"),
        "DECLARED_ABSENT": (reasons.DECLARED_ABSENT, "declared-absent", "declared absent"),
        "UNMANAGED": (
            reasons.UNMANAGED,
            "unmanaged",
            "administered, claimed by no entry, inside the [unmanaged] window",
        ),
        "given_up": (
            reasons.given_up(["p/web", "p/api", "p/web"]),
            "given-up",
            "no entry wants it any more; p/api, p/web gave it up",
        ),
        "let_go": (
            reasons.let_go(["a.toml", "b.toml"]),
            "let-go",
            'a.toml and b.toml are not there any more, and said on_remove = "release": '
            "the host keeps it, and it is foreign from now on",
        ),
        "kind_changes": (
            reasons.kind_changes(["p/web", "p/api"], "exclusion"),
            "kind-changes",
            "p/api and p/web declare an exclusion by now",
        ),
        "shrunk": (
            reasons.shrunk(PortSet.of([ports("8000-8005"), ports("8009")])),
            "shrunk",
            "only 8000-8005, 8009 of it is still wanted",
        ),
        "store_changes": (
            reasons.store_changes("active", "persistent"),
            "store-changes",
            "store: active -> persistent",
        ),
        "dynamic_range": (
            reasons.dynamic_range(ports("1024-15000")),
            "dynamic-range",
            "it is 1024-15000 now; a change takes full effect at a restart",
        ),
        "release_winnat": (
            reasons.release_winnat(2, ("Docker", "WSL")),
            "release-winnat",
            "may free the ports of 2 blocked steps; Docker, WSL run here and lose their network while it is stopped",
        ),
        "START_WINNAT": (
            reasons.START_WINNAT,
            "start-winnat",
            "an earlier run stopped it, and ended before it could start it again",
        ),
        "boot_file": (
            reasons.boot_file(PORT_80, PORT_90, "may be written by others"),
            "boot-file",
            "the file that sets the ports at boot lacks 80; it has 90, which no entry wants; "
            "it may be written by others",
        ),
        "in_the_way": (
            reasons.in_the_way([BLOCK]),
            "in-the-way",
            "in the way: 5357, a block held by Windows (WinNAT, HNS, http.sys ...)",
        ),
        "in_use": (reasons.in_use([NGINX]), "in-use", "port 8080 is in use by nginx (pid 77)"),
        "row_in_use": (
            reasons.row_in_use(NGINX, "8000-8099"),
            "row-in-use",
            "but port 8080 of 8000-8099 is in use by nginx (pid 77), so nothing could be made in its place",
        ),
        "boot_file_elsewhere": (
            reasons.boot_file_elsewhere(FILE),
            "boot-file-elsewhere",
            "it could not outlive a restart: in the way is /etc/sysctl.conf:3, which sets the same list at boot",
        ),
        "boot_file_may_not_count": (
            reasons.boot_file_may_not_count(FILE, PortSet()),
            "boot-file-elsewhere",
            "our file that sets the ports at boot may not count: in the way is /etc/sysctl.conf:3, "
            "which sets the same list at boot",
        ),
        "absent_but": (
            reasons.absent_but(reasons.SYSTEM_ROW),
            "system-row",
            "declared absent, but it belongs to the system (HNS)",
        ),
        "absent_and_wanted": (
            reasons.absent_and_wanted(PORT_80),
            "absent-and-wanted",
            "declared absent; 80 of it is wanted",
        ),
        "held_by_blocks": (
            reasons.held_by_blocks([BLOCK]),
            "held-by-block",
            "it is held by 5357, a block held by Windows (WinNAT, HNS, http.sys ...)",
        ),
        "leave_the_block": (
            reasons.leave_the_block(ROW),
            "leave-the-block",
            "take tcp 8080 out of the policy: absent removes exclusions, and only Windows gives a block up",
        ),
        "SYSTEM_ROW": (reasons.SYSTEM_ROW, "system-row", "it belongs to the system (HNS)"),
        "MAY_BE_RESERVATION": (
            reasons.MAY_BE_RESERVATION,
            "may-be-reservation",
            "it may be a reservation, which this host does not tell from an exclusion",
        ),
        "IS_RESERVATION": (reasons.IS_RESERVATION, "is-reservation", "it is a reservation, and not an exclusion"),
        "protected_by": (reasons.protected_by("p/web"), "protected", "it is protected by p/web"),
        "still_claimed": (reasons.still_claimed("p/web"), "still-claimed", "p/web still wants its ports"),
        "NO_RESERVATIONS": (reasons.NO_RESERVATIONS, "no-reservations", "this host knows no reservations"),
        "one_dynamic_range": (
            reasons.one_dynamic_range(ports("32768-60999")),
            "one-dynamic-range",
            "it is 32768-60999 now; Linux has one for TCP and UDP, which is left to whoever keeps "
            "net.ipv4.ip_local_port_range",
        ),
        "ASK_THE_OWNER": (
            reasons.ASK_THE_OWNER,
            "ask-the-owner",
            "choose other ports, or have the owner of that range give it up",
        ),
        "give_up_ours": (
            reasons.give_up_ours(reasons.unclaim([WEB, WEB], [], was_read=False)),
            "give-up-ours",
            "choose other ports, or take the ports out of p/web (a.toml:7) and apply that file too",
        ),
        "declare_absent": (
            reasons.declare_absent("tcp", [ports("8080"), ports("9000-9009"), ports("8080")]),
            "declare-absent",
            "if nobody else needs it, declare an [[exclusion]] of exactly 8080, 9000-9009 "
            'with protocol = "tcp" and state = "absent"',
        ),
        "lift_protection": (
            reasons.lift_protection([reasons.unprotect("p", "api"), reasons.unprotect("p", "web")]),
            "unprotect",
            "plan and apply with --unprotect p/api --unprotect p/web",
        ),
        "restart": (
            reasons.restart(is_set=True, or_release=True),
            "restart",
            "if WinNAT holds it, restart the host and apply again, since it lies outside the dynamic range that counts "
            "then; or, without a restart, apply with --release-winnat; otherwise its owner must give it up",
        ),
        "RELEASE_WINNAT": (
            reasons.RELEASE_WINNAT,
            "release-winnat",
            "if WinNAT holds it, apply with --release-winnat; otherwise its owner must give it up",
        ),
        "WINNAT_STEPS_ASIDE": (
            reasons.WINNAT_STEPS_ASIDE,
            "winnat-steps-aside",
            "if WinNAT steps aside and the block is there all the same, its owner must give it up",
        ),
        "LOOK_AT_WINNAT": (
            reasons.LOOK_AT_WINNAT,
            "look-at-winnat",
            "whether WinNAT runs is not known, so it cannot be asked; look with: sc.exe query winnat, and plan again "
            "once that says RUNNING or STOPPED",
        ),
        "MOVE_THE_LINE": (
            reasons.MOVE_THE_LINE,
            "move-the-line",
            'move what that file sets into the policy and take its line out, or declare store = "active", '
            "which a restart ends",
        ),
        "TAKE_THE_LINE_OUT": (
            reasons.TAKE_THE_LINE_OUT,
            "take-the-line-out",
            "take its line out: the kernel takes nothing of it, so nothing is lost; "
            'or declare store = "active", which a restart ends',
        ),
        "leave_the_system_row": (
            reasons.leave_the_system_row(ROW),
            "leave-the-system-row",
            "take tcp 8080 out of the policy: this range is for Windows alone to delete",
        ),
        "ask_its_program": (
            reasons.ask_its_program(ROW),
            "ask-its-program",
            "have the program that made it delete it, or take tcp 8080 out of the policy",
        ),
        "NARROW_ONE_ENTRY": (
            reasons.NARROW_ONE_ENTRY,
            "narrow-one-entry",
            "take the ports out of one of the two entries",
        ),
        "stop_program": (
            reasons.stop_program([NGINX]),
            "stop-program",
            "stop nginx (pid 77), then plan and apply again",
        ),
        "stop_service": (
            reasons.stop_service([SYSTEM]),
            "stop-service",
            "the system itself has port 445, for a service such as SMB or http.sys: "
            "choose other ports, or stop that service, then plan and apply again",
        ),
        "find_program": (
            reasons.find_program([NAMELESS]),
            "find-program",
            "find who uses port 8080 (run plan elevated to see it), stop it, then plan and apply again",
        ),
        "free_ports": (
            reasons.free_ports([CLOSING], elevated=True),
            "wait-for-closing",
            "wait a few minutes, then plan and apply again",
        ),
        "WAIT_FOR_CLOSING": (
            reasons.WAIT_FOR_CLOSING,
            "wait-for-closing",
            "wait a few minutes, then plan and apply again",
        ),
        "end_the_claim": (
            reasons.end_the_claim(
                reasons.unclaim([], ["--retire p", "--unprotect p/web", "--retire p"], was_read=True)
            ),
            "end-the-claim",
            "take the ports out of this entry, or apply with --retire p --unprotect p/web",
        ),
        "together": (
            reasons.together([reasons.stop_program([NGINX]), reasons.WAIT_FOR_CLOSING]),
            "stop-program+wait-for-closing",
            "stop nginx (pid 77); besides, wait a few minutes, then plan and apply again",
        ),
    }


def forms() -> list[tuple[Reason | Remedy, str]]:
    """What they say of one, of several, or of nothing."""
    return [
        (reasons.dynamic_range(None), "it is not readable now; a change takes full effect at a restart"),
        (
            reasons.one_dynamic_range(None),
            "it is not readable now; Linux has one for TCP and UDP, which is left to whoever keeps "
            "net.ipv4.ip_local_port_range",
        ),
        (
            reasons.release_winnat(1, ()),
            "may free the ports of one blocked step; whatever is behind its NAT (Docker, WSL, Hyper-V machines) loses "
            "its network while it is stopped",
        ),
        (
            reasons.boot_file(PortSet(), PORT_90, ""),
            "the file that sets the ports at boot has 90, which no entry wants",
        ),
        (reasons.in_the_way(ROWS), "in the way: 1, x; 2, x; 3, x and 2 more"),
        (
            reasons.in_use([CLOSING, *_at(NAMELESS, "8081"), *_at(NGINX, "9006 9005 9004 9003 9002 9001")]),
            "port 8081 is in use by an unknown process; "
            "6 ports are in use by nginx (pid 77): 9001, 9002, 9003 and 3 more; "
            "port 8080 is held by a connection that is closing, and free in a few minutes",
        ),
        (
            reasons.in_use(_at(CLOSING, "8080 8081")),
            "2 ports are held by a connection that is closing, and free in a few minutes: 8080, 8081",
        ),
        (
            reasons.in_use(
                [Blocker("socket", TCP4, ports(str(pid)), f"x (pid {pid})", "x", pid) for pid in range(1, 7)]
            ),
            "port 1 is in use by x (pid 1); port 2 is in use by x (pid 2); port 3 is in use by x (pid 3) and 3 more",
        ),
        (
            reasons.boot_file_may_not_count(FILE, PORT_80),
            "our file that sets the ports at boot lacks 80: in the way is /etc/sysctl.conf:3, "
            "which sets the same list at boot",
        ),
        (
            reasons.stop_program([NGINX, HIDDEN, NGINX]),
            "stop nginx (pid 77) and the process with pid 7, then plan and apply again",
        ),
        (
            reasons.stop_program([HIDDEN._replace(pid=pid) for pid in range(1, 7)]),
            "stop the process with pid 1, the process with pid 2, the process with pid 3 and 3 more, "
            "then plan and apply again",
        ),
        (
            reasons.find_program([NAMELESS, NAMELESS]),
            "find who uses port 8080 (run plan elevated to see it), stop it, then plan and apply again",
        ),
        (
            reasons.find_program(_at(NAMELESS, "8080 8081")),
            "find who uses ports 8080, 8081 (run plan elevated to see it), stop it, then plan and apply again",
        ),
        (
            reasons.restart(is_set=False, or_release=False),
            "if WinNAT holds it, once apply has set the dynamic range, restart the host and apply again, since it lies "
            "outside the dynamic range that counts then; otherwise its owner must give it up",
        ),
        (reasons.boot_file(PORT_80, PortSet(), ""), "the file that sets the ports at boot lacks 80"),
        (reasons.held_by_blocks(ROWS[:2]), "it is held by 1, x; 2, x"),
        (
            reasons.ask_its_program(ROW._replace(lanes=LANES)),
            "have the program that made it delete it, or take tcp and udp 8080 out of the policy",
        ),
        (
            reasons.given_up(["p/web"], ["a.toml"]),
            "no entry wants it any more; p/web gave it up, since a.toml is not there any more",
        ),
        (
            reasons.boot_file(PortSet.of([ports(text) for text in ("1", "3", "5", "7", "9")]), PortSet(), ""),
            "the file that sets the ports at boot lacks 1, 3, 5 and 2 more",
        ),
        (
            reasons.stop_program([HIDDEN._replace(pid=pid) for pid in range(1, 5)]),
            "stop the process with pid 1, the process with pid 2, the process with pid 3 and the process with pid 4, "
            "then plan and apply again",
        ),
        (
            reasons.find_program(_at(NAMELESS, "1 2 3 4 5")),
            "find who uses ports 1, 2, 3 and 2 more (run plan elevated to see it), stop it, then plan and apply again",
        ),
        (
            reasons.give_up_ours(reasons.unclaim([WEB._replace(entry=name) for name in "abcde"], [], was_read=True)),
            "choose other ports, or take the ports out of p/a (a.toml:7), p/b (a.toml:7), p/c (a.toml:7) and 2 more",
        ),
        (reasons.give_up_ours(""), "choose other ports"),
        (reasons.given_up([]), "no entry wants it any more"),
        (
            reasons.given_up(["p/web"], ["a.toml", "b.toml"]),
            "no entry wants it any more; p/web gave it up, since a.toml and b.toml are not there any more",
        ),
        (
            reasons.let_go(["a.toml"]),
            'a.toml is not there any more, and said on_remove = "release": '
            "the host keeps it, and it is foreign from now on",
        ),
        (
            reasons.let_go(),
            'it is retired, and said on_remove = "release": the host keeps it, and it is foreign from now on',
        ),
        (reasons.kind_changes(["p/web"], "reservation"), "p/web declares a reservation by now"),
        (
            reasons.end_the_claim(
                reasons.unclaim([WEB, WEB._replace(entry="db")], ["--unprotect p/db"], was_read=False)
            ),
            "take the ports out of this entry, or take the ports out of p/web (a.toml:7), p/db (a.toml:7) and "
            "apply those files too, with --unprotect p/db",
        ),
        (
            reasons.end_the_claim(reasons.unclaim([WEB], [], was_read=True)),
            "take the ports out of this entry, or take the ports out of p/web (a.toml:7)",
        ),
    ]
