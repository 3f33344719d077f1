"""The commands, held against the truth: plan, apply, show, explain, their documents and exit codes."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from tests.oracle.declared import Declared, Violation
from tests.oracle.truth import Truth
from tests.oracle.world import EXIT_CODES, FIRST, LAST, Ask, Cell, Facts, Outcome, Row, Span, World, ports_of, span_of

RESULT_KEYS = ("verdict", "text", "writes")
WAITS = ("deferred", "blocked")
Steps = list[dict[str, Any]]


def need(holds: object, text: str, rule: str = "") -> None:
    if not holds:
        raise Violation(text, rule)


class Held:
    """One world whose every command is checked."""

    def __init__(self, world: World, truth: Truth, chance: Random) -> None:
        self.world = world
        self.truth = truth
        self.chance = chance
        self.reserved_before: set[tuple[str, Span]] = set()

    def command(self, verb: str, *args: str, folder: str = ".") -> Outcome:
        """Run one command and check what holds of each."""
        before = self.world.contents()
        done = self.world.run(verb, *args, folder=folder)
        need(not done.trouble, f"a traceback: {done.trouble}")
        need("Traceback" not in done.err, f"a traceback: {done.err}")
        need(done.code in EXIT_CODES[verb], f"exit code {done.code} of {verb}: {done.err}")
        need(done.document() or "--json" not in args, f"no document of {verb}: {done.out!r}")
        may_change = {"apply": ("host.json", "state/"), "adopt": ("state/",)}.get(verb, ()) if done.code != 1 else ()
        after = self.world.contents()
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        odd = sorted(name for name in changed if not name.startswith(may_change or ("\0",)))
        need(not odd, f"{verb} (exit {done.code}) wrote {odd}")
        return done

    def run(self, ask: Ask) -> None:
        """Plan and apply, and everything that must hold before and after."""
        truth = self.truth
        truth.begin()
        before = self.world.facts()
        planned = self.command("plan", *ask.args(), "--json", "--detailed-exitcode", folder=ask.folder)
        problem = truth.problem(ask)
        if planned.code == 1:
            need(problem or self._names_nothing(ask, planned), f"plan refuses: {planned.err}")
            refused = self.command("apply", *ask.args(), "--yes", folder=ask.folder)
            need(refused.code == 1, f"plan refuses and apply does not: {refused}")
            return
        need(not problem, f"plan takes what is wrong: {problem}")
        plan = planned.document()
        self._check_plan(ask, plan, planned.code, before)
        needed = [*truth.in_scope(ask), *truth.standing(ask)]
        whole = {cell for known in needed for unit in known.units() for cell in _there(known, unit, before)}
        ours, rows, self.reserved_before = set(truth.ours), truth.rows(), set(truth.reservations)
        applied = self.command("apply", *ask.args(), "--json", "--yes", folder=ask.folder)
        calls, after = list(self.world.calls), self.world.facts()
        if applied.code == 1:
            limits = [limit["limit"] for limit in plan["limits"] if not limit["forced"]]
            need(limits or not before.elevated, f"apply fails: {applied.err}")
            return
        need(not any(not limit["forced"] for limit in plan["limits"]), f"a limit is passed: {plan['limits']}")
        result = applied.document()
        self._check_same_steps(ask, plan["steps"], result["steps"])
        self._check_gone(ask, [*(call.gone for call in calls), _held(before) - _held(after)], before, ours)
        self._check_kept(ask, needed, before, after)
        self._check_moments(plan["steps"], calls, whole)
        self._check_limits(ask, before, after, rows)
        self._check_done(result["steps"], after)
        self._check_code(ask, applied, after)
        truth.applied(ask)
        self.look()
        self._check_again(ask, planned.code, applied)

    def _names_nothing(self, ask: Ask, planned: Outcome) -> bool:
        """Is it refused for a --retire or --unprotect that names what the ledger does not know?"""
        return bool((ask.retire and "--retire" in planned.err) or (ask.unprotect and "--unprotect" in planned.err))

    def adopt(self, ask: Ask) -> None:
        """Take foreign rows into the ledger: what a policy declares exactly, and nothing else."""
        done = self.command("adopt", *ask.where(), "--from-policy", "--yes", folder=ask.folder)
        problem = self.truth.problem(ask)
        need(done.code == (1 if problem else 0), f"adopt exits with {done.code}: {done.err} ({problem})")
        if done.code == 0:
            self.truth.adopted(ask)
            self.look()

    # The plan

    def _check_plan(self, ask: Ask, plan: dict[str, Any], code: int, facts: Facts) -> None:
        steps: Steps = plan["steps"]
        refused = [limit["limit"] for limit in plan["limits"] if not limit["forced"]]
        waits = [step for step in steps if step["status"] in WAITS]
        acts = [step for step in steps if step["status"] == "ready" or step["tried"]]
        expected = 3 if waits or refused else 2 if acts else 0
        need(code == expected, f"plan exits with {code}, its steps say {expected}")
        need(plan["converged"] == (not waits and not acts), "`converged` is not what the steps say")
        for step in steps:
            need(step["cause"] != "restore", f"nothing was lost, and this restores: {step}", "F37")
            if ask.release and facts.winnat == "running":
                need(not (step["tried"] and step["status"] == "blocked"), f"no step to be counted: {step}", "R6")
            for blocker in step["blockers"]:
                need(self._is_there(blocker, facts), f"a blocker that is not there: {blocker}")
            for row in step["deletes"] if step in acts else ():  # what waits may be absent under a block
                found = facts.at(row["lanes"][0], span_of(row["ports"])[0])
                need(found and found.span == span_of(row["ports"]), f"deletes what is not there: {row}")
        told = [(lane, row["ports"]) for step in steps for row in step["deletes"] for lane in row["lanes"]]
        need(len(told) == len(set(told)), f"one row goes twice: {told}", "R7")
        sure, maybe = self.truth.replaced_policies(ask)
        breach = any(limit["limit"].replace("_", "-") == "replace-policy" for limit in plan["limits"])
        need(breach or not sure, f"{sure}: another policy of the same name", "R2")
        need(maybe or not breach, "replace-policy, and no policy is replaced", "R2")
        if code == 0:
            self._check_in_sync(ask, facts)

    def _is_there(self, blocker: dict[str, Any], facts: Facts) -> bool:
        span = span_of(blocker["ports"])
        if blocker["what"] == "socket":
            return any((lane, span[0]) in facts.sockets for lane in facts.groups[blocker["lane"]])
        row = facts.at(blocker["lane"], span[0])
        return row is not None and row.span == span

    def _check_in_sync(self, ask: Ask, facts: Facts) -> None:
        """Exit 0 means that every entry in scope is what it says (design 4.11)."""
        for item in self.truth.lacking(ask, facts):
            skipped = item.declared and item.declared.item.absent
            if skipped and ask.release and item.text.endswith("is over it"):
                continue  # WinNAT has drawn other blocks since
            if not (skipped and self.truth.may_be_guarded(ask, set(item.ports))):
                raise Violation(f"in sync, but {item.declared and item.declared.name} {item.text}", item.rule)
        text, rule = self.truth.wrong_store(ask, facts)
        need(not text, f"in sync, but {text}", rule)

    # The apply

    def _check_same_steps(self, ask: Ask, plan: Steps, result: Steps) -> None:
        """The very same, but for what apply adds; after a release it also knows more of what to do."""
        added = {*RESULT_KEYS, *(("remedy", "remedy_id") if ask.release else ())}
        shown, done = (
            [{key: step[key] for key in step if key not in added} for step in steps] for steps in (plan, result)
        )
        need(done == shown, f"plan showed {shown}, apply did {done}")

    def _check_gone(self, ask: Ask, taken: Iterable[Iterable[Cell]], before: Facts, ours: set[Cell]) -> None:
        """Only what may go went, not even for a moment."""
        truth, declared = self.truth, self.truth.in_scope(ask)
        standing = truth.standing(ask)
        guards = truth.protected(ask)
        for cell in {cell for part in taken for cell in part} - truth.made:
            row = before.at(*cell)
            need(row, f"{cell} went and was never there")
            assert row is not None
            for parts, rule in guards:
                exact = ("reservation", (cell[0].partition("/")[0], row.span))
                held = exact in parts if row.origin == "reservation" else ("exclusion", cell) in parts
                need(not held, f"{cell} of {row} went and is protected", rule)
            if row.origin == "reservation":
                owned = (cell[0].partition("/")[0], row.span) in self.reserved_before
                need(owned, f"the foreign reservation {row} went")
            elif row.origin == "user" and cell not in ours:
                self._check_foreign(ask, row, declared, standing)
            else:
                need(row.origin == "user", f"{row} of the system went")

    def _check_foreign(self, ask: Ask, row: Row, declared: list[Declared], standing: list[Declared]) -> None:
        facts = self.truth.seen
        for known in declared:
            lanes = set(facts.sharing(known.item.lanes)) & set(row.lanes)
            if known.item.absent and lanes and row.span in known.item.spans:
                return
        windows = [file.unmanaged for file in self.truth.active(ask).values() if file.unmanaged]
        inside = any(first <= row.span[0] and row.span[1] <= last for first, last in windows)
        need(inside, f"the foreign {row} went, and no entry names it")
        protocol = row.lanes[0].partition("/")[0]
        cells = {(f"{protocol}/{family}", port) for family in ("ipv4", "ipv6") for port in ports_of(row.span)}
        for known in (*declared, *standing):
            if not known.item.absent and known.cells & cells:
                rule = known.rule or ("R5" if known.item.kind == "reservation" else "")
                raise Violation(f"[unmanaged] took {row}, which {known.name} claims", rule)

    def _check_kept(self, ask: Ask, needed: list[Declared], before: Facts, after: Facts) -> None:
        """What was covered and is declared somewhere is covered."""
        declared = self.truth.in_scope(ask)
        for known in needed:
            if known.item.absent:
                continue
            lost = {cell for cell in known.cells & _held(before) if cell not in _held(after)}
            rule = known.rule or _rule_of_wait(known, lost, before, in_scope=known in declared)
            need(not lost, f"{sorted(lost)} of {known.name} ({known.file}) were held and are not", rule)
            if known.item.kind == "exclusion":
                theirs = {cell for other in needed if other.item.kind == "reservation" for cell in other.cells}
                lost = {cell for cell in known.cells & before.excluded if cell not in after.excluded} - theirs
                need(not lost, f"{sorted(lost)} of {known.name} ({known.file}) lost their exclusion", known.rule)
            elif known.exact() <= before.reserved:
                need(known.exact() <= after.reserved, f"the reservation {known.name} is gone", known.rule)

    def _check_moments(self, steps: Steps, calls: Iterable[Any], kept: set[Cell]) -> None:
        """Nothing that an entry has is taken away for a moment, but by a step that is about its row."""
        deletes = [(lane, span_of(row["ports"])) for step in steps for row in step["deletes"] for lane in row["lanes"]]
        for call in calls:
            first, last = call.change.ports.first, call.change.ports.last
            planned = any(
                lane.partition("/")[0] == call.change.lane.protocol and span[0] <= last and first <= span[1]
                for lane, span in deletes
            )
            lost = call.gone & kept
            need(planned or not lost, f"{call.change} takes {sorted(lost)} away, which are to stay", "F37")

    def _check_limits(self, ask: Ask, before: Facts, after: Facts, rows: set[tuple[str, Span]]) -> None:
        """What a limit is for did not happen without --force."""
        gone = [row for row in before.rows if row.origin in ("user", "reservation") and row.cells() - _held(after)]
        files = self.truth.active(ask).values()
        if "max-deletes" not in ask.force and files:
            count = len(
                {(row.origin, row.lanes if row.origin == "user" else row.lanes[0][:3], row.span) for row in gone}
            )
            need(count <= min(file.max_deletes for file in files), f"{count} ranges went, and no --force")
        if "delete-all" not in ask.force and rows:
            left = self.truth.ours or self.truth.reservations
            need(left, "every row of ours went, and no --force")

    def _check_done(self, steps: Steps, after: Facts) -> None:
        """What a step says that it did is so."""
        back = {lane for step in steps for row in step["creates"] for lane in row["lanes"]}
        for step in steps:
            for row in step["creates"] if step.get("verdict") in ("done", "already") else ():
                span = span_of(row["ports"])
                cells = {(lane, port) for lane in row["lanes"] for port in ports_of(span)}
                there = (row["lanes"][0][:3], span) in after.reserved
                there = there if row["kind"] == "reservation" else cells <= self.truth.covering(after)
                need(there, f"said to be created, and is not there: {row}")
            for row in step["deletes"] if step.get("verdict") in ("done", "already") else ():
                found = after.at(row["lanes"][0], span_of(row["ports"])[0])
                gone = found is None or (found.span, found.store) != (span_of(row["ports"]), row["store"])
                again = row["lanes"][0] in back  # another row may have grown to it, where neighbours are merged
                need(gone or again, f"said to be deleted, and is there: {row}")

    def _check_code(self, ask: Ask, applied: Outcome, after: Facts) -> None:
        """0: everything is as declared. 3: something is really in the way."""
        result = applied.document()
        verdicts = {step["verdict"] for step in result["steps"] if step["verdict"]}
        need(not result["problems"], f"problems: {result['problems']}")
        need("cover-lost" not in verdicts and "unknown" not in verdicts, f"verdicts {verdicts}")
        need((applied.code == 0) == (verdicts <= {"done", "already"}), f"exit {applied.code} with {verdicts}")
        if applied.code == 0:
            self._check_in_sync(ask, after)
            return
        if ask.release:  # WinNAT has drawn other blocks since
            return
        merged = "the host merged it" in applied.out  # a row that could not be taken apart again
        lacking = self.truth.lacking(ask, after)
        for item in lacking:
            need(merged or self.truth.obstacles(ask, after, item), f"nothing is in the way of {item}", item.rule)
        short, _ = self.truth.wrong_store(ask, after, guarded=True)
        waits = lacking or merged or short or self.truth.untold(ask, after) or self._waiting_surplus(after)
        need(waits, "exit 3, and nothing waits")

    def _waiting_surplus(self, facts: Facts) -> bool:
        """Is there a row of ours that should go, shrink or change, and that a socket keeps?"""
        return any(row.cells() & facts.sockets for row in facts.rows if self.truth.owns(row))

    # After it

    def _check_again(self, ask: Ask, forecast: int, applied: Outcome) -> None:
        """Plan is what waits, and a second apply writes nothing."""
        if forecast == 2 and not ask.release:
            rule = "N4" if "the host merged it" in applied.out else ""
            need(applied.code == 0, f"forecast 2, exit {applied.code}", rule)
        planned = self.command("plan", *ask.again().args(), "--json", "--detailed-exitcode", folder=ask.folder)
        if ask.release or planned.code == 1:  # WinNAT has drawn other blocks; or what was ended is not known any more
            need(planned.code != 1 or self._names_nothing(ask, planned), f"plan fails after apply: {planned.err}")
            return
        plan = planned.document()
        self._check_plan(ask.again(), plan, planned.code, self.world.facts())
        ready = [step for step in plan["steps"] if step["status"] == "ready"]
        need(not ready, f"left to do after apply: {ready}")
        lifted = bool(ask.retire or ask.unprotect)
        rule = "N4" if "the host merged it" in applied.out else ""
        if self.truth.untold(ask, self.world.facts()):
            rule = "N6"
        need(lifted or planned.code == applied.code, f"apply exits with {applied.code}, plan with {planned.code}", rule)
        tried = [step for step in plan["steps"] if step["tried"]]
        contents = self.world.contents()
        second = self.command("apply", *ask.again().args(), "--json", "--yes", folder=ask.folder)
        if any(not limit["forced"] for limit in plan["limits"]):
            return
        need(second.code == planned.code, f"the second apply exits with {second.code}: {second.err}")
        changed = [name for name, content in self.world.contents().items() if contents.get(name) != content]
        need(tried or not self.world.calls, f"the second apply calls: {self.world.calls}")
        need(tried or not changed, f"the second apply wrote {changed}")
        need("host.json" not in changed, "the second apply changed the host")

    # Reading

    def look(self) -> None:
        """What `show` says of each row is true, and `explain` says the same."""
        facts, mine = self.world.facts(), self.truth.rows()
        shown = self.command("show", "--json").document()
        listed = {(row["lane"], (row["first"], row["last"])): row for row in shown["rows"]}
        real = {(lane, row.span): row for row in facts.rows for lane in row.lanes}
        need(set(listed) == set(real), "show does not list what is there")
        owned = {key for key, row in listed.items() if row["owner"] == "owned"}
        need(owned == mine, f"owned are {sorted(owned)}, ours are {sorted(mine)}")
        for key, row in real.items():
            kind, said = facts.kind(row, owned=key in mine), listed[key]["kind"]
            need(said == kind, f"{row} is {kind}, show says {said}", _rule_of_kind(facts, row))
        self._check_claims(shown["claims"])
        for port in self.chance.sample(range(FIRST, LAST + 1), 2):
            self._check_explained(port, facts, listed)

    def _check_claims(self, claims: list[dict[str, Any]]) -> None:
        """The ledger knows every declaration that stands, and nothing else but what protection left."""
        for known in self.truth.book:
            mine = {
                (lane, port)
                for claim in claims
                if (claim["policy"], claim["entry"], claim["kind"]) == (known.policy, known.item.name, known.item.kind)
                for lane in claim["lanes"]
                for text in claim["ports"]
                for port in ports_of(span_of(text))
            }
            need(known.cells <= mine, f"the ledger has lost {known.name} of {known.file}", known.rule)
        names = {known.name for known in self.truth.book}
        left = set(self.truth.once_guarded)  # a protected entry may leave a claim until its policy is in scope again
        odd = [
            item for item in claims if f"{item['policy']}/{item['entry']}" not in names and item["entry"] not in left
        ]
        need(not odd, f"claims of nobody: {odd}", "R3" if self._was_renamed() else "")

    def _was_renamed(self) -> bool:
        return any(known.rule == "R3" for known in self.truth.book)

    def _check_explained(self, port: int, facts: Facts, listed: dict[tuple[str, Span], dict[str, Any]]) -> None:
        answers = self.command("explain", str(port), "--json").document()["answers"]
        lanes = [lane for answer in answers for lane in answer["lanes"]]
        need(sorted(lanes) == sorted(facts.groups), f"explain {port} speaks of {lanes}")
        for answer in answers:
            for lane in answer["lanes"]:
                row = facts.at(lane, port)
                held = [row["ports"] for row in answer["held_by"]]
                need(held == ([_text(row)] if row else []), f"explain {port} in {lane}: {held}, really {row}")
                said = listed[(lane, row.span)] if row else None
                for holder in answer["held_by"]:
                    same = all(holder[key] == said[key] for key in ("kind", "owner", "entries", "store"))  # type: ignore[index]
                    need(same, f"explain {port} in {lane}: {holder}; show: {said}")
                bind = _bind(facts, lane, port, said)
                need(answer["bind"] == bind, f"explain {port} in {lane}: bind {answer['bind']}, really {bind}")


def _rule_of_kind(facts: Facts, row: Row) -> str:
    """Lookup knows no family: an exclusion of the same ports in the other one makes a block look like a reservation."""
    twins = [other for other in facts.rows if other.span == row.span and other != row and facts.starred(other)]
    return "N1" if twins and not facts.starred(row) and facts.variants.lookup == "answers-exclusions" else ""


def _text(row: Row) -> str:
    first, last = row.span
    return str(first) if first == last else f"{first}-{last}"


def _bind(facts: Facts, lane: str, port: int, said: dict[str, Any] | None) -> str:
    protocol = lane.partition("/")[0]
    if any(other.startswith(protocol) and used == port for other, used in facts.sockets):
        return "in-use"
    kind = said["kind"] if said else "free"
    return {"block": "refused", "reservation": "with-token", "unknown": "unknown"}.get(kind, "works")


def _held(facts: Facts) -> set[Cell]:
    return facts.excluded | facts.reserved_cells


def _rule_of_wait(known: Declared, lost: set[Cell], before: Facts, *, in_scope: bool) -> str:
    """A reservation waits, and loses what held its ports: other reservations, or a row that somebody keeps in part."""
    if known.item.kind != "reservation" or known.exact() <= before.reserved:
        return ""
    if lost <= before.reserved_cells:
        return "N3"
    return "N5" if in_scope else ""


def _there(known: Declared, unit: frozenset[Cell], facts: Facts) -> frozenset[Cell]:
    """What is there of a unit."""
    if known.item.absent:
        return frozenset()
    if known.item.kind == "reservation":
        return unit if known.exact() <= facts.reserved else frozenset()
    return unit & facts.excluded
