"""Killed at every instant (SIGKILL, for good): the next run converges, and the ledger is exact (I3, I1).

For each scene: how many instants it has is counted in a run that nothing disturbs, which also says what it comes to.
Then it is run again for each of them, killed there, and run once more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.torture.instants import Trap
from tests.torture.linux import LINUX_SCENES, LinuxPlace
from tests.torture.place import CONVERGED, COVER_LOST, ERROR, UNRESOLVED, End, Place, Scene, elsewhere
from tests.torture.process import Ran
from tests.torture.scenes import SCENES
from tests.torture.shares import Found, Tally, in_shares, workshop

TWICE = 3
"""After every third kill the next run is killed as well, somewhere."""
STRIDE = 10
"""Each scene is done in so many parts, of every tenth instant, so that little time still sees all of each scene."""


class Job(NamedTuple):
    """A part of a scene: from the instant `first`, each `stride`-th, at most `most` of them."""

    name: str
    setting: str
    first: int
    stride: int
    most: int = 1_000_000


def place_of(name: str, setting: str, root: Path) -> Place:
    if name in LINUX_SCENES:
        return LinuxPlace(root, LINUX_SCENES[name], setting)
    return Place(root, SCENES[name], setting)


def all_scenes() -> dict[str, Scene]:
    return {**SCENES, **LINUX_SCENES}


class Crash:
    """One scene, whose end is known, to be killed at one instant after the other."""

    def __init__(self, place: Place) -> None:
        self.place, self.scene = place, place.scene
        place.restore()
        ran = place.run(place.tortured, meddled=True)
        self.instants = ran.instants
        self.wrong = [f"undisturbed: {text}" for text in ran.faults(self.scene.codes)]
        place.calm()
        self.end, found = self.last_run()
        self.wrong += [f"undisturbed: {text}" for text in found]

    def kill_at(self, instant: int) -> list[str]:
        """What is wrong after a kill at this instant, counted from 1."""
        place = self.place
        place.restore()
        ran = place.run(place.tortured, trap=Trap(instant), meddled=True)
        if not ran.killed:  # where something is tried again for seconds, not each run has as many instants
            return [f"it was not killed: {ran}"] if ran.instants >= instant else ran.faults(self.scene.codes)
        found: list[str] = []
        if instant % TWICE == 0:  # and the run after it, where it has so many instants
            place.run(place.apply, trap=Trap(1 + instant * 7 % self.instants))
        if self.scene.calm:  # what is in the way may stay for a while
            again = place.run(place.apply)
            found += again.faults((CONVERGED, UNRESOLVED, COVER_LOST)) + place.wrong()
            place.calm()
        elif self.scene.command or self.scene.once:  # again; what is used once is refused by now, or was not begun
            found += place.run(place.tortured).faults((CONVERGED, UNRESOLVED, ERROR))
        if self.scene.stays:
            place.desire(elsewhere(self.scene.after))
            found += place.run(place.apply).faults((CONVERGED,)) + place.lacks(self.scene.stays)
            place.desire(self.scene.after)
        end, more = self.last_run()
        if not found and not more:
            wanted = self.end if not self.scene.in_doubt else end._replace(listed=self.end.listed)
            pairs = zip(End._fields, end, wanted, strict=True)
            more = [f"it came to another end: {name} is {got} and was {was}" for name, got, was in pairs if got != was]
        return found + more

    def last_run(self) -> tuple[End, list[str]]:
        """Apply, then plan: what it comes to, and what is wrong then."""
        place = self.place
        ran: Ran = place.run(place.apply, place.plan)
        place.settle()
        found = ran.faults((self.scene.end,)) + place.wrong()
        plan = ran.outputs[-1] if ran.outputs else "nothing"
        return (End("", None, frozenset()) if found else place.end(plan)), found


def work(job: Job, deadline: float) -> Found:
    """Do a part of a scene."""
    if time.time() > deadline:
        return Found(job.name, 0, 1)
    with workshop() as root:
        crash = Crash(place_of(job.name, job.setting, root))
        where = f"{job.name} [{job.setting or 'default'}]"
        wrong = [f"{where}: {text}" for text in crash.wrong]
        instants = list(range(job.first, crash.instants + 1, job.stride))[: job.most]
        done = 0
        for instant in instants:
            if crash.wrong or time.time() > deadline:
                break
            wrong += [f"{where}, instant {instant} of {crash.instants}: {text}" for text in crash.kill_at(instant)]
            done += 1
        return Found(where, done, len(instants), tuple(wrong))


def jobs_of(names: Iterable[str]) -> list[Job]:
    scenes = all_scenes()
    return [
        Job(name, setting, first, STRIDE)
        for first in range(1, STRIDE + 1)
        for name in names
        for setting in scenes[name].settings
    ]


def long(seconds: float, processes: int, only: Sequence[str] = ()) -> Tally:
    """Every instant of every scene, as far as the time goes."""
    names = [name for name in all_scenes() if not only or any(word in name for word in only)]
    return in_shares("crash", "kill points", jobs_of(names), partial(work, deadline=time.time() + seconds), processes)


SHORT = ("a failed replace is put back", "WinNAT released")


def short(most: int = 4) -> Tally:
    """A few instants of a few scenes."""
    tally = Tally("crash", "kill points")
    for number, name in enumerate(SHORT):
        tally.add(work(Job(name, all_scenes()[name].settings[0], 14 + 3 * number, 17, most), time.time() + 60))
    return tally
