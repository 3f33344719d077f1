"""`reconciler doctor`: is this host fit, and, by experiments on free ports, which Windows is it?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.streams import say_error
from reconciler.errors import HostError

if TYPE_CHECKING:
    from reconciler.doctor.model import Report
    from reconciler.host.interface import Host
    from reconciler.lab.model import Trial
    from reconciler.ports import PortRange

app = new_app()

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the report there as JSON.")]
Experiments = Annotated[
    bool,
    typer.Option("--experiments", help="Make and delete rows on free ports, to find out which Windows this is."),
]
Ports = Annotated[
    str | None,
    typer.Option("--ports", metavar="PORTS", help="Where the experiments may make rows: 40 free ports or more."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_EXAMPLES = """Examples:

\b
  reconciler doctor
  reconciler doctor --json --out doctor.json
  reconciler doctor --experiments --ports 61000-61099
  reconciler doctor --host sim:lab.json --experiments --ports 61000-61099 --yes

Exit codes: 0 fit, warnings or not; 3 a check fails, or experiments left something over; 1 error; 64 wrong usage, also
experiments without a terminal and without --yes; 130 interrupted.
"""


@app.command(epilog=_EXAMPLES)
def doctor(
    ctx: typer.Context,
    host: options.HostSpec = "auto",
    as_json: options.Json = False,
    out: Out = None,
    experiments: Experiments = False,
    ports: Ports = None,
    yes: Yes = False,
) -> int:
    """Check whether this host can be read, planned and applied to. Writes nothing without --experiments."""
    from reconciler.api import examine_host

    chosen = _ports(ctx, ports, experiments=experiments)
    if chosen and not yes and not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
        ctx.fail("there is no terminal to ask on; experiments make and delete rows, so say --yes if you want them")
    target, report = _examine(host)
    _save(report, out)  # before anything is done: a place that cannot be written is told now
    if chosen is not None:
        if not yes and not _agrees(report, chosen):
            say_error("Nothing was changed.")
            return codes.ERROR
        found = _experiment(target, chosen)
        report = report._replace(checks=examine_host(target), trial=found)  # an earlier run's rows may be gone by now
        _save(report, out)
    _print(report, as_json=as_json)
    if report.trial and report.trial.interrupted:
        return codes.INTERRUPTED
    return codes.OK if report.fit else codes.UNRESOLVED


def _ports(ctx: typer.Context, text: str | None, *, experiments: bool) -> PortRange | None:
    """Where experiments are wanted; None where none are. Wrong usage for one without the other."""
    from reconciler.lab.experiments import MINIMUM_PORTS
    from reconciler.ports import PortRange

    if not experiments and text is None:
        return None
    if not experiments:
        ctx.fail("--ports is for --experiments")
    if text is None:
        ctx.fail("--experiments needs --ports, for example --ports 61000-61099: rows are made and deleted there")
    try:
        ports = PortRange.parse(text)
    except ValueError as error:
        ctx.fail(f"--ports: {error}")
    if ports.count < MINIMUM_PORTS:
        ctx.fail(f"--ports {ports} are {ports.count} ports, and the experiments need {MINIMUM_PORTS}")
    return ports


def _examine(spec: str) -> tuple[Host, Report]:
    from reconciler.api import examine_host, open_host
    from reconciler.apply.clock import SystemClock
    from reconciler.doctor.model import Report
    from reconciler.host.interface import Describing

    when = SystemClock().now()
    host = open_host(spec)
    checks = examine_host(host)
    try:
        about = host.describe() if isinstance(host, Describing) else {}
        return host, Report(when, host.facts(), about, checks)
    except HostError:
        return host, Report(when, None, {}, checks)


def _is_terminal(stream: TextIO) -> bool:
    from reconciler.report import console

    return console.is_terminal(stream)


def _experiment(host: Host, ports: PortRange) -> Trial:
    from reconciler.api import run_experiments
    from reconciler.cli.signals import StopWish

    with StopWish() as stop:

        def progress(number: int, total: int, question: str) -> None:
            stop.hold()
            if _is_terminal(sys.stderr):
                say_error(f"Experiment {number} of {total}: {question}")

        return run_experiments(host, ports, stop=stop, progress=progress)


def _agrees(report: Report, ports: PortRange) -> bool:
    from reconciler.report.console import Console
    from reconciler.report.doctor_report import check_lines

    console = Console(sys.stderr)
    console.lines([*check_lines(report, console.palette), ""])
    console.raw(f"Make and delete exclusions and reservations on {ports}, and undo all of it? [y/N] ")
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        console.raw("\n")  # the end of the input has moved no line on
    return answer.strip().lower() in ("y", "yes")


def _save(report: Report, out: Path | None) -> None:
    """Write the whole report, or nothing. Raises ReconcilerError, also for a file that is there and is no report."""
    if out is None:
        return
    import json

    from reconciler.cli.outfile import write_document
    from reconciler.report.documents import KIND, report_document

    content = json.dumps(report_document(report), indent=2) + "\n"
    write_document(out, content.encode("ascii"), KIND, "doctor report", 0o644)


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        from reconciler.report.documents import report_document, write_json

        write_json(report_document(report), sys.stdout)
    else:
        from reconciler.report.console import Console
        from reconciler.report.doctor_report import doctor_lines

        console = Console(sys.stdout)
        console.lines(doctor_lines(report, console.palette))
