"""What is tortured: a list of stories, each of one apply (or adopt) and what others do around it and meanwhile."""

from __future__ import annotations

from typing import Any

from reconciler.lab.simulated import events
from reconciler.lab.simulated.services import reboot
from reconciler.lab.simulated.state import State
from reconciler.ports import LANES, Lane, PortRange, PortSet
from tests.torture.book import Event
from tests.torture.place import COVER_LOST, FORCED, LAST, UNRESOLVED, Files, Scene, ex, one, res
from tests.world import TCP4, TCP6, ranges

BOTH = ("tcp", "udp")
PLAIN, SPLIT, MERGED = "", "families=split", "neighbours=merged"
DISHONEST, DENIED = "exit-codes=dishonest", "access-denied=although-done"
STRANGE = "reservations=starred lookup=answers-exclusions second-add=ok"
WORST = f"{SPLIT} {MERGED} {DISHONEST} {DENIED} {STRANGE}"
RELEASE = ("--release-winnat",)


def ports(text: str) -> PortSet:
    return PortSet.of(ranges(text))


def listen(port: int, *lanes: Lane) -> Event:
    """A service opens a port, of which no listing told when the plan was made."""
    return lambda state: events.listen(state, lanes or (TCP4, TCP6), port, events.Program("nginx", 7))


def close(port: int) -> Event:
    return lambda state: events.close(state, LANES, port)


def other(text: str, kind: events.RowKind = "exclusion", *lanes: Lane) -> Event:
    """Somebody else makes a row."""

    def act(state: State) -> None:
        for lane in lanes or (TCP4, TCP6):
            events.add_row(state, lane, events.NewRow(PortRange.parse(text), kind))

    return act


def gone(text: str) -> Event:
    """Somebody else deletes a row, ours or not."""

    def act(state: State) -> None:
        for lane in LANES:
            events.delete_row(state, lane, PortRange.parse(text))

    return act


def run_of(count: int, first: int = 8000, **keys: object) -> list[str]:
    """Entries of one range each."""
    return [ex(f"e{at}", f"{first + 10 * at}-{first + 10 * at + 4}", **keys) for at in range(count)]  # type: ignore[arg-type]


WEB = ex("web", "8000-8099")
UNDO = ("undo", LAST, "--yes", *FORCED)


def undone(after: Files, before: Files, **more: Any) -> Scene:
    """The undo of an apply, which a later one does again."""
    return Scene(after, before, first=("apply", "desired", "--yes"), command=UNDO, **more)


def winnat_ports(at: int = 0) -> str:
    """Ten ports inside a block that WinNAT holds for TCP on these hosts."""
    from reconciler.lab.simulated.services import Setup, new_state

    blocks = [entry.ports for entry in new_state(Setup(seed=1)).table(TCP4) if entry.origin == "winnat"]
    first = blocks[at].first + 10
    return f"{first}-{first + 9}"


SCENES: dict[str, Scene] = {
    # creates
    "create one": Scene(one(WEB), settings=(PLAIN, SPLIT, WORST)),
    "a run of 5 creates": Scene(one(*run_of(5)), settings=(PLAIN, SPLIT, MERGED)),
    "a run of 12 creates": Scene(one(*run_of(6, protocol=BOTH))),
    "a run of 60 creates": Scene(one(*run_of(60, 8500))),
    "a unit of several ranges": Scene(one(ex("web", "8000-8009 8020-8029 9000", BOTH)), settings=(PLAIN, SPLIT)),
    "one family": Scene(one(*run_of(3, family=["ipv6"])), settings=(PLAIN, SPLIT)),
    "around what is foreign": Scene(one(ex("web", "8100-8250"))),
    "creates of two policies": Scene({**one(*run_of(3)), **one(*run_of(3, 9000), name="q")}),
    # deletes
    "delete one": Scene(one(ex("keep", "9000")), one(WEB, ex("keep", "9000")), settings=(PLAIN, SPLIT, WORST)),
    "a run of 5 deletes": Scene(one(), one(*run_of(5)), settings=(PLAIN, MERGED)),
    "a run of 12 deletes": Scene(one(), one(*run_of(6, protocol=BOTH))),
    "a run of 60 deletes": Scene(one(), one(*run_of(60, 8500))),
    "a policy retired": Scene(one(WEB, name="q"), one(*run_of(3)), once=("--retire", "p")),
    # both
    "creates and deletes": Scene(one(*run_of(4, 9000)), one(*run_of(4)), settings=(PLAIN, SPLIT)),
    "grow upwards": Scene(one(ex("web", "8000-8149")), one(WEB)),
    "grow downwards": Scene(one(ex("web", "7950-8099")), one(WEB), settings=(PLAIN, MERGED)),
    "grow between": Scene(one(ex("web", "8000-8029")), one(ex("web", "8000-8009 8020-8029"))),
    "move by half": Scene(one(ex("web", "8050-8149")), one(WEB), stays=ports("8050-8099"), settings=(PLAIN, SPLIT)),
    "another protocol": Scene(one(ex("web", "8000-8099", "udp")), one(WEB)),
    # replaces
    "shrink": Scene(one(ex("web", "8000-8049")), one(WEB), stays=ports("8000-8049"), settings=(PLAIN, SPLIT, WORST)),
    "shrink in the middle": Scene(one(ex("web", "8000-8009 8090-8099")), one(WEB), stays=ports("8000-8009 8090-8099")),
    "a run of 3 replaces": Scene(
        one(*(ex(f"e{at}", f"{8000 + 10 * at}") for at in range(3))), one(*run_of(3)), settings=(PLAIN, SPLIT)
    ),
    "change the store": Scene(
        one(ex("web", "8000-8099", store="active")), one(WEB), stays=ports("8000-8099"), settings=(PLAIN, SPLIT)
    ),
    "out of the active store": Scene(one(WEB), one(ex("web", "8000-8099", store="active"))),
    # what is refused
    "a unit refused in the middle": Scene(
        one(ex("web", "8000-8009 8020-8029 8040-8049"), ex("db", "9000")),
        during={2: listen(8025)},
        calm=(close(8025),),
        codes=(UNRESOLVED,),
        settings=(PLAIN, SPLIT),
    ),
    "a run refused in the middle": Scene(
        one(*run_of(6)), during={3: listen(8021)}, calm=(close(8021),), codes=(UNRESOLVED,), settings=(PLAIN, DISHONEST)
    ),
    "half a unit, the other family refused": Scene(
        one(WEB), during={2: listen(8050, TCP6)}, calm=(close(8050),), codes=(UNRESOLVED,), settings=(SPLIT,)
    ),
    "busy is filled around": Scene(
        one(ex("web", "8000-8099", busy="fill")), between=(listen(8050),), calm=(close(8050),), codes=(UNRESOLVED,)
    ),
    "a failed replace is put back": Scene(
        one(ex("web", "8000-8049")),
        one(WEB),
        during={2: listen(8010), 4: close(8010)},
        stays=ports("8000-8049"),
        codes=(UNRESOLVED,),
        calm=(close(8010),),
    ),
    "a failed replace is put back at last": Scene(
        one(ex("web", "8000-8049")),
        one(WEB),
        during={2: listen(8010), 6: close(8010)},
        stays=ports("8000-8049"),
        codes=(UNRESOLVED,),
        calm=(close(8010),),
        settings=(PLAIN, DISHONEST),
    ),
    "a failed replace is put back in two tables": Scene(
        one(ex("web", "8000-8049")),
        one(WEB),
        during={3: listen(8010, TCP6), 6: close(8010)},
        stays=ports("8000-8049"),
        codes=(0, UNRESOLVED, COVER_LOST),
        calm=(close(8010),),
        settings=(SPLIT,),
    ),
    "a failed replace is never put back": Scene(
        one(ex("web", "8000-8049"), ex("db", "9000")),
        one(WEB),
        during={3: listen(8010)},
        stays=ports("8000-8049"),
        codes=(COVER_LOST,),
        calm=(close(8010),),
    ),
    "what stands in the way goes meanwhile": Scene(
        one(*run_of(3)), setup=(other("8010-8012", "block"),), calm=(gone("8010-8012"),), codes=(UNRESOLVED,)
    ),
    # others at work meanwhile
    "others make what is about to be made": Scene(
        one(*run_of(4)), in_doubt=ports("8020-8024"), during={2: other("8020-8024")}, settings=(PLAIN, SPLIT)
    ),
    "others delete what is about to be deleted": Scene(one(), one(*run_of(4)), during={2: gone("8020-8024")}),
    "ours was deleted by others": Scene(
        one(*run_of(4)), one(*run_of(4)), between=(gone("8010-8014"), gone("8030-8034"))
    ),
    # WinNAT and the dynamic range
    "WinNAT released": Scene(one(ex("web", winnat_ports())), args=RELEASE, winnat="running", settings=(PLAIN, SPLIT)),
    "WinNAT released for a run": Scene(
        one(ex("a", winnat_ports()), ex("b", winnat_ports(1)), *run_of(3)), args=RELEASE, winnat="running"
    ),
    "WinNAT found stopped": Scene(one(*run_of(2)), winnat="stopped"),
    "a dynamic range": Scene(one(WEB, head='[dynamic_range]\ntcp = "50000-60000"\nudp = "50000-61000"')),
    # adopt, transfer, protect
    "adopt": Scene(
        one(WEB, ex("x", "9000-9009")),
        setup=(other("8000-8099"), other("9000-9009")),
        command=("adopt", "--from-policy", "desired", "--yes"),
        adopts=ports("8000-8099 9000-9009"),
        settings=(PLAIN, SPLIT),
    ),
    "adopt a reservation": Scene(
        one(res("erp", "12000-12009")),
        setup=(other("12000-12009", "reservation", TCP4),),
        command=("adopt", "--from-policy", "desired", "--yes"),
        adopts=ports("12000-12009"),
    ),
    "release": Scene(
        one(WEB, ex("x", "9000-9009")),
        one(WEB, ex("x", "9000-9009")),
        command=("release", "p/web", "--yes"),
        releases=ports("8000-8099"),
        settings=(PLAIN, SPLIT),
    ),
    "a policy that lets go": Scene(
        one(*run_of(2, 9000), ex("y", "9500")),
        {**one(WEB, name="q", head='on_remove = "release"'), **one(*run_of(3, 9000))},
        releases=ports("8000-8099"),
        settings=(PLAIN, SPLIT),
    ),
    "a policy and its entries renamed": Scene(
        one(ex("www", "8000-8099"), name="q", head='formerly = ["p"]'), one(WEB), settings=(PLAIN, SPLIT)
    ),
    "a row changes its entry": Scene(one(ex("a", "9000"), ex("b", "8000-8099")), one(ex("a", "8000-8099"))),
    "protected and dropped": Scene(
        one(*run_of(2, 9000)), one(ex("web", "8000-8099", protect=True), *run_of(2, 9000)), protected=ports("8000-8099")
    ),
    "no more protected": Scene(
        one(*run_of(2, 9000)), one(ex("web", "8000-8099", protect=True), *run_of(2, 9000)), once=("--unprotect", "web")
    ),
    # what is not ours and goes all the same
    "absent": Scene(
        one(ex("old", "8040-8049", state="absent"), *run_of(2, 9000)),
        setup=(other("8040-8049"),),
        named=ports("8040-8049"),
        settings=(PLAIN, SPLIT, DENIED),
    ),
    "absent and ours": Scene(one(ex("old", "8040-8049", state="absent")), one(ex("old", "8040-8049"))),
    "unmanaged deleted": Scene(
        one(*run_of(2, 9000), head='[unmanaged]\naction = "delete"\nports = ["8000-8199"]'),
        setup=(other("8040-8049"), other("8060"), other("8195-8204")),
        named=ports("8040-8049 8060"),
    ),
    "a protected row that others made goes not": Scene(
        one(
            ex("web", "8500-8509", protect=True),
            *run_of(2),
            head='[unmanaged]\naction = "delete"\nports = ["8400-8600"]',
        ),
        setup=(other("8500-8509"), other("8520")),
        named=ports("8520"),
    ),
    # Windows that merge, lie or tell little
    "merged neighbours": Scene(
        one(ex("a", "8000-8009"), ex("b", "8010-8019"), ex("c", "8020-8029")),
        one(ex("b", "8010-8019")),
        settings=(MERGED, f"{MERGED} {SPLIT}"),
    ),
    "one of merged neighbours dropped": Scene(
        one(ex("a", "8000-8009"), ex("c", "8020-8029")),
        one(ex("a", "8000-8009"), ex("b", "8010-8019"), ex("c", "8020-8029")),
        settings=(MERGED, f"{MERGED} {SPLIT}"),
        stays=ports("8000-8009 8020-8029"),
    ),
    "merged with what is foreign": Scene(one(ex("a", "8210-8219"), *run_of(2)), settings=(MERGED,), codes=(0,)),
    "neighbours of two stores": Scene(
        one(ex("a", "8000-8009"), ex("b", "8010-8019", store="active")), settings=(PLAIN, MERGED)
    ),
    "exit codes that lie": Scene(one(*run_of(3, 9000)), one(*run_of(3)), settings=(DISHONEST, f"{DISHONEST} {SPLIT}")),
    "denied although done": Scene(
        one(*run_of(2, 9500), ex("x", "8000")),
        one(*run_of(3), ex("x", "8500-8599")),
        settings=(DENIED, f"{DENIED} {DISHONEST} {SPLIT}"),
    ),
    # reservations
    "a reservation": Scene(one(res("erp", "12000-12009")), settings=(PLAIN, SPLIT, STRANGE, WORST)),
    "reservations in a run": Scene(
        one(*(res(f"r{at}", f"{12000 + 20 * at}-{12009 + 20 * at}") for at in range(3))), settings=(PLAIN, STRANGE)
    ),
    "a reservation grows": Scene(
        one(res("erp", "12000-12019")), one(res("erp", "12000-12009")), settings=(PLAIN, STRANGE)
    ),
    "an exclusion becomes a reservation": Scene(
        one(res("erp", "12000-12009")), one(ex("erp", "12000-12009")), settings=(PLAIN, SPLIT, STRANGE)
    ),
    "a reservation becomes an exclusion": Scene(one(ex("erp", "12000-12009")), one(res("erp", "12000-12009"))),
    "a reservation goes": Scene(one(*run_of(2)), one(res("erp", "12000-12009")), settings=(PLAIN, WORST)),
    # undo, and then the same apply again
    "undo of creates": undone(one(WEB, *run_of(4, 9000)), one(WEB), settings=(PLAIN, SPLIT, WORST)),
    "undo of deletes": undone(one(WEB), one(WEB, *run_of(4, 9000)), settings=(PLAIN, SPLIT, MERGED)),
    "undo of everything": undone(one(*run_of(3), name="q"), one(*run_of(3)), settings=(PLAIN, DENIED)),
    "undo of a shrink": undone(one(ex("web", "8000-8049")), one(WEB), settings=(PLAIN, SPLIT)),
    "undo of a change of store": undone(one(ex("web", "8000-8099", store="active")), one(WEB)),
    "undo of a rename": undone(one(ex("www", "8000-8099"), name="q", head='formerly = ["p"]'), one(WEB)),
    "undo of a reservation": undone(one(res("erp", "12000-12009")), one(ex("erp", "12000-12009"))),
    "undo of what was not ours": undone(
        one(*run_of(2, 9000), head='[unmanaged]\naction = "delete"\nports = ["8000-8199"]'),
        one(*run_of(1, 9000)),
        setup=(other("8040-8049"),),
        named=ports("8040-8049"),
        settings=(PLAIN, SPLIT),
    ),
    "undo of a dynamic range": undone(
        one(WEB, head='[dynamic_range]\ntcp = "50000-60000"\nudp = "50000-61000"'), one(WEB)
    ),
    # the active store, saved plans, scope
    "the active store": Scene(one(*run_of(3, store="active")), settings=(PLAIN, SPLIT)),
    "the active store after a restart": Scene(
        one(*run_of(3, store="active")), one(*run_of(3, store="active")), between=(reboot,)
    ),
    "a saved plan": Scene(
        one(*run_of(3, 9000)),
        one(*run_of(3)),
        first=("plan", "desired", "--out", "x.plan"),
        command=("apply", "--plan", "x.plan", "--yes"),
        settings=(PLAIN, SPLIT),
    ),
    "a policy out of scope": Scene(
        {**one(WEB, head='[target]\nhosts = ["elsewhere"]'), **one(*run_of(2, 9000), name="q")}, one(WEB)
    ),
    "one file of two is gone": Scene(
        one(*run_of(3)), {**one(*run_of(3)), "more.toml": one(WEB.replace("web", "w"))["p.toml"]}
    ),
}
