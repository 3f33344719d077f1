"""Nothing is as it should be: the disk, netsh, the clock, what was written before. It comes to a converged host, to a
clear refusal or to "unknown"; never to a traceback, a lost row of ours, or a deleted row of others.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

from reconciler.apply.writer import UNSURE
from tests.torture.crash import Crash, all_scenes, place_of
from tests.torture.instants import ANY, FULL, READ_ONLY, Trap
from tests.torture.place import CONVERGED, COVER_LOST, ERROR, UNRESOLVED, Place, files_of, restore_files
from tests.torture.process import Ran
from tests.torture.scenes import MERGED, PLAIN, SCENES, SPLIT, gone, listen, other
from tests.torture.shares import Found, Tally, in_shares, workshop
from tests.torture.windows import FAULTS, Fault, WindowsPlace

CODES = (CONVERGED, ERROR, UNRESOLVED, COVER_LOST)
USAGE = 64

DISK = {
    "full": Trap(error=errno.ENOSPC, kinds=FULL),
    "over quota": Trap(error=errno.EDQUOT, kinds=FULL),
    "read-only": Trap(error=errno.EROFS, kinds=READ_ONLY),
    "broken": Trap(error=errno.EIO, kinds=ANY),
}
DISK_SCENES = (
    "a run of 5 creates",
    "a run of 5 deletes",
    "creates and deletes",
    "shrink",
    "a failed replace is put back",
    "a unit of several ranges",
    "a unit refused in the middle",
    "WinNAT released",
    "a reservation grows",
    "adopt",
    "release",
    "a policy that lets go",
    "a saved plan",
    "a policy and its entries renamed",
    "Linux: creates and deletes",
    "Linux: a long list in pieces",
)
NETSH_SCENES = {
    "a run of 5 creates": (PLAIN, SPLIT),
    "creates and deletes": (PLAIN, SPLIT),
    "shrink": (PLAIN, SPLIT),
    "a run of 3 replaces": (PLAIN,),
    "a unit of several ranges": (PLAIN,),
    "merged neighbours": (MERGED,),
    "an exclusion becomes a reservation": (PLAIN,),
}
OTHERS = {
    "ours vanishes": gone("8010-8014"),
    "what is foreign vanishes": gone("8200-8209"),
    "a row appears": other("8022"),
    "a block appears": other("8012", "block"),
    "a port is opened": listen(8021),
}
"""What another program does, on the ports of `run_of`."""


class Job(NamedTuple):
    """A kind of fault on a scene, from the first instant on, each `stride`-th."""

    kind: str
    what: str
    name: str
    setting: str
    lasting: bool = False
    first: int = 1
    stride: int = 1


def judge(place: Place, ran: Ran, before: object, codes: Sequence[int] = CODES) -> list[str]:
    """What is wrong after a run that was hampered, and after one that is not."""
    found = ran.faults(codes)
    if UNSURE in " ".join(ran.text.split()):
        place.give_up()
    if ran.codes[:1] == (ERROR,) and place.listed() != before:
        found.append(f"exit code 1, and the host was changed: {' '.join(ran.text.split())[-200:]}")
    if ran.codes[:1] == (CONVERGED,) and place.scene.codes == (CONVERGED,) and not _changes_hands(place):
        found += [f"exit code 0, and {text}" for text in place.wrong()]
    place.calm()
    if place.scene.command or place.scene.once:
        found += place.run(place.tortured).faults((CONVERGED, UNRESOLVED, ERROR))
    last = place.run(place.apply, place.plan)
    place.settle()
    return [*found, *last.faults((place.scene.end,)), *place.wrong()]


def _changes_hands(place: Place) -> bool:
    return bool(place.scene.adopts or place.scene.releases)


def _disk(job: Job, root: Path) -> Iterator[list[str]]:
    """Each call on a file fails in turn, until one comes too late."""
    place = place_of(job.name, job.setting, root)
    for at in count(job.first, job.stride):
        place.restore()
        before, trap = place.listed(), DISK[job.what]
        trap = Trap(at, trap.error, trap.kinds, job.lasting)
        ran = place.run(place.tortured, trap=trap, meddled=True)
        if ran.instants < at:
            return
        if ran.hits:
            yield [f"at {at}: {text}" for text in judge(place, ran, before)]


def _netsh(job: Job, root: Path) -> Iterator[list[str]]:
    """Each call of netsh goes wrong in turn, until one comes too late."""
    place = WindowsPlace(root, SCENES[job.name], job.setting)
    for at in count(job.first, job.stride):
        place.restore()
        place.calls()
        place.fault = Fault(job.what, at, job.lasting, OTHERS.get(job.what))
        before = place.listed()
        ran = place.run(place.tortured)
        if place.calls() < at:
            return
        place.fault = Fault("")
        if job.what in OTHERS:
            place.run(place.plan)
            found = ran.faults(CODES)
            place.happen(lambda state: state.sockets.clear())
            for text in ("8012", "8022"):
                place.happen(gone(text))
            yield [f"at {at}: {text}" for text in [*found, *judge(place, place.run(place.apply), before)]]
        else:
            yield [f"at {at}: {text}" for text in judge(place, ran, before)]
        if job.what == "huge":
            return


def _clock(job: Job, root: Path) -> Iterator[list[str]]:
    """The clock goes back by an hour whenever it is asked; what comes of it is what always comes of it."""
    crash = Crash(place_of(job.name, job.setting, root))
    place, hours = crash.place, [24]
    place.restore()

    def back() -> str:
        hours[0] -= 1
        return f"2001-01-01T{hours[0] % 24:02d}:00:00Z"

    child = place.child(meddled=True)
    child.now = back
    ran = child.run(place.tortured)
    place.follow()
    found = [*crash.wrong, *ran.faults(place.scene.codes)]
    place.calm()
    end, more = crash.last_run()
    yield [*found, *more, *(["it came to another end"] if end != crash.end else [])]


def _cuts(job: Job, root: Path) -> Iterator[list[str]]:
    """Each file that there is after a kill, and the saved plan, is cut at each byte; then every command is tried."""
    place = place_of(job.name, job.setting, root)
    commands = [place.plan, ["show", "--host", place.spec], ["explain", "8000", "--host", place.spec], place.apply]
    if job.what == "saved plan":
        commands = [place.tortured]
    else:
        counted = place.run(place.tortured, meddled=True)
        place.restore()
        place.run(place.tortured, trap=Trap(counted.instants * 2 // 3), meddled=True)
    image, book = files_of(place.folder), place.book.copy()
    plans = job.what == "saved plan"
    files = {name: data for name, (_, data) in image.items() if data and not name.endswith(".toml")}
    cuts = [
        (name, size) for name, data in files.items() if name.endswith(".plan") == plans for size in range(len(data))
    ]
    Random(1).shuffle(cuts)
    for name, size in cuts[job.first :: job.stride]:
        restore_files(place.folder, image)
        place.book = book.copy()
        (place.folder / name).write_bytes(files[name][:size])
        before = files_of(place.folder)
        ran = place.child().run(*commands)
        found = ran.faults((CONVERGED, ERROR, UNRESOLVED, COVER_LOST, USAGE))
        found += [
            f"exit code {code} without a word"
            for code, text in zip(ran.codes, ran.outputs, strict=True)
            if code and not text.strip()
        ]
        if name == "lab.json":
            place.noted.unlink(missing_ok=True)
            found += ["a damaged host was written"] if files_of(place.folder)[name] != before[name] else []
        else:
            place.follow()
            found += place.book.wrong
        lost = files[name][size:].strip()  # a plan without its last line end is whole
        if job.what == "saved plan" and lost and (ran.codes != (ERROR,) or files_of(place.folder) != before):
            found.append(f"a damaged plan was not refused: {ran}")
        yield [f"{name} cut to {size} bytes: {text}" for text in found]


KINDS: dict[str, Callable[[Job, Path], Iterator[list[str]]]] = {
    "disk": _disk,
    "netsh": _netsh,
    "clock": _clock,
    "cut": _cuts,
}
STRIDE = 3


def jobs_of() -> list[Job]:
    jobs = [
        Job("disk", what, name, all_scenes()[name].settings[0], lasting, first, STRIDE)
        for first in range(1, STRIDE + 1)
        for what in DISK
        for name in DISK_SCENES
        for lasting in (False, True)
    ]
    for name, settings in NETSH_SCENES.items():
        for setting in settings:
            jobs += [Job("netsh", what, name, setting, lasting) for what in FAULTS for lasting in (False, True)]
            jobs += [Job("netsh", what, name, setting) for what in OTHERS]
            jobs += [Job("netsh", what, name, setting, lasting=True) for what in ("ru", "ja", "zh-CN")]
    jobs += [Job("netsh", "huge", "shrink", PLAIN, first=at) for at in (1, 8)]
    jobs += [Job("clock", "back", name, scene.settings[0]) for name, scene in all_scenes().items()]
    for what, name in (("any", "shrink"), ("saved plan", "a saved plan")):
        jobs += [Job("cut", what, name, PLAIN, first=first, stride=40) for first in range(40)]
    jobs += [
        Job("cut", "any", name, PLAIN, stride=20) for name in ("a run of 5 creates", "a failed replace is put back")
    ]
    Random(1).shuffle(jobs)
    return sorted(jobs, key=lambda job: job.kind != "clock")


def work(job: Job, deadline: float, most: int = 1_000_000) -> Found:
    where = f"{job.kind}: {job.what}{' from then on' if job.lasting else ''}: {job.name} [{job.setting or 'default'}]"
    done, wrong = 0, list[str]()
    if time.time() > deadline:
        return Found(where, 0, 1)
    with workshop() as root:
        for found in KINDS[job.kind](job, root):
            done += 1
            wrong += [f"{where}: {text}" for text in found]
            if time.time() > deadline or done >= most:
                break
    return Found(where, done, done, tuple(wrong))


def long(seconds: float, processes: int, only: Iterable[str] = ()) -> Tally:
    """Every kind of fault at every call, as far as the time goes."""
    words = tuple(only)
    jobs = [job for job in jobs_of() if not words or any(word in f"{job.kind} {job.what} {job.name}" for word in words)]
    return in_shares("faults", "faults", jobs, partial(work, deadline=time.time() + seconds), processes)


SHORT = (
    Job("disk", "full", "a run of 5 creates", PLAIN, lasting=True, first=40, stride=47),
    Job("netsh", "half a table", "shrink", PLAIN, first=9, stride=3),
    Job("cut", "any", "shrink", PLAIN, first=3, stride=700),
)


def short() -> Tally:
    """A few of each."""
    tally = Tally("faults", "faults")
    for job in SHORT:
        tally.add(work(job, time.time() + 60, most=2))
    return tally
