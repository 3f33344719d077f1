"""`reconciler doctor`: is this host fit, and, by experiments on free ports, which Windows is it?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.cli import codes, options
from reconciler.cli.commands import new_app
from reconciler.cli.outfile import FileKind, write_document
from reconciler.cli.prompt import agrees, check_can_ask
from reconciler.cli.streams import out_document, out_painted, say_error, with_head
from reconciler.errors import HostError, UsageError

if TYPE_CHECKING:
    from reconciler.doctor.model import Report
    from reconciler.host.interface import Host
    from reconciler.lab.model import Trial
    from reconciler.ports import PortRange

app = new_app()

Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the report there as JSON.")]
Experiments = Annotated[
    bool,
    typer.Option("--experiments", help="Make and delete ranges on free ports, to find out which Windows this is."),
]
Ports = Annotated[
    str | None,
    typer.Option("--ports", metavar="PORTS", help="Where the experiments may make ranges: 40 free ports or more."),
]


class Trying(NamedTuple):
    """The options of the experiments."""

    experiments: Experiments = False
    ports: Ports = None
    yes: options.Yes = False


REPORT_FILE = FileKind("doctor", "doctor report", 0o644)

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
@options.spread
def doctor(*, host: options.HostSpec = "auto", as_json: options.Json = False, out: Out = None, trying: Trying) -> int:
    """Check whether this host can be read, planned and applied to. Writes nothing without --experiments."""
    from reconciler.api import examine_host

    ports = _ports(trying)
    if ports and not trying.yes:
        check_can_ask("experiments make and delete ranges, so say --yes if you want them")
    target, report = _examine(host)
    _save(report, out)  # before anything is done: a place that cannot be written is known now
    if ports is not None:
        if not trying.yes and not _agrees(report, ports):
            return codes.ERROR
        found = _experiment(target, ports)
        report = report._replace(checks=examine_host(target), trial=found)  # an earlier run's rows may be gone by now
        _save(report, out)
    _print(report, as_json=as_json)
    if report.trial and report.trial.interrupted:
        return codes.INTERRUPTED
    return codes.OK if report.fit else codes.UNRESOLVED


def _ports(trying: Trying) -> PortRange | None:
    """Where experiments are to be made; None where none are. Raises UsageError for one option without the other."""
    from reconciler.lab.experiments import MINIMUM_PORTS
    from reconciler.ports import PortRange

    if not trying.experiments and trying.ports is None:
        return None
    if not trying.experiments:
        raise UsageError("--ports is for --experiments")
    if trying.ports is None:
        raise UsageError(
            "--experiments needs --ports, for example --ports 61000-61099: ranges are made and deleted there"
        )
    try:
        ports = PortRange.parse(trying.ports)
    except ValueError as error:
        raise UsageError(str(error), where="--ports") from None
    if ports.count < MINIMUM_PORTS:
        raise UsageError(f"--ports {ports} are {ports.count} ports, and the experiments need {MINIMUM_PORTS}")
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


def _experiment(host: Host, ports: PortRange) -> Trial:
    from reconciler.api import run_experiments
    from reconciler.cli.signals import StopRequest
    from reconciler.lab.session import Watch
    from reconciler.report import console

    with StopRequest() as stop:

        def progress(number: int, total: int, question: str) -> None:
            stop.hold()
            if console.is_terminal(sys.stderr):
                say_error(f"Experiment {number} of {total}: {question}")

        return run_experiments(host, ports, watch=Watch(stop, progress))


def _agrees(report: Report, ports: PortRange) -> bool:
    from reconciler.report.doctor import check_lines

    question = f"Make and delete exclusions and reservations on {ports}, and undo all of it?"
    return agrees(question, lambda palette: [*check_lines(report, palette), ""])


def _save(report: Report, out: Path | None) -> None:
    """Write the whole report, or nothing. Raises ReconcilerError, also for a file that is there and is no report."""
    if out is None:
        return
    import json

    content = json.dumps(_document(report), indent=2) + "\n"
    write_document(out, content.encode("ascii"), REPORT_FILE)


def _document(report: Report) -> dict[str, object]:
    """The same in a file and on standard output."""
    from reconciler.report.documents import doctor_document

    return with_head({**doctor_document(report), "time": report.when})


def _print(report: Report, *, as_json: bool) -> None:
    if as_json:
        out_document(_document(report))
    else:
        from reconciler.report.doctor import doctor_lines

        out_painted(lambda palette: doctor_lines(report, palette))
