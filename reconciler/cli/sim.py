"""`reconciler sim`: make a simulated Windows host in a file, and be the people and programs that change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple, TypeVar

import typer

from reconciler.cli.commands import PlainGroup, examples, new_app
from reconciler.cli.options import Json, spread
from reconciler.cli.streams import out_document, out_lines
from reconciler.errors import HostError
from reconciler.host.interface import Refusal
from reconciler.lab.simulated import events, listing, services
from reconciler.lab.simulated.document import NAME, SEED
from reconciler.lab.simulated.file import StateFile
from reconciler.lab.simulated.state import DEFAULT_DYNAMIC, DEFAULT_NAME, State
from reconciler.lab.simulated.variants import Variants
from reconciler.ports import FAMILIES, PROTOCOLS, Family, Lane, PortRange, Protocol, Store
from reconciler.text import counted

T = TypeVar("T")

app = new_app(
    cls=PlainGroup,
    epilog=examples("sim init lab.json --seed 3", "plan --host sim:lab.json", "sim reboot lab.json"),
)
row = new_app(cls=PlainGroup, help="Make and delete ranges as somebody else does, elevated or not.")
app.add_typer(row, name="row")

File = Annotated[str, typer.Argument(metavar="FILE", help="The file of the simulated host.", show_default=False)]
Port = Annotated[str, typer.Argument(metavar="PORT[/tcp|/udp]", help="The port; TCP if not said.", show_default=False)]
LaneText = Annotated[str, typer.Argument(metavar="LANE", help="tcp/ipv4, udp/ipv6 ...", show_default=False)]
Ports = Annotated[str, typer.Argument(metavar="PORTS", help="8080 or 8000-8099.", show_default=False)]
FamilyChoice = Annotated[Family | None, typer.Option(help="One family only.", show_default="both")]


@app.callback()
def sim() -> None:
    """Make and drive a simulated Windows host, to rehearse on with `--host sim:FILE`."""


class NewMachine(NamedTuple):
    """The options of a new host."""

    name: Annotated[str, typer.Option(metavar="NAME", help="Its host name.")] = DEFAULT_NAME
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="Decides where WinNAT takes its blocks.")] = 0
    variant: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="An unknown of Windows, decided; may be repeated.")
    ] = None
    dynamic_range: Annotated[str, typer.Option(metavar="PORTS", help="The ephemeral range.")] = str(DEFAULT_DYNAMIC)
    winnat: Annotated[Literal["running", "stopped", "absent"], typer.Option(help="The WinNAT service.")] = "running"
    not_elevated: Annotated[bool, typer.Option("--not-elevated", help="Refuse what needs an administrator.")] = False


@app.command(epilog=examples("sim init lab.json --seed 3", "sim init lab.json --variant families=split --not-elevated"))
@spread
def init(file: File, machine: NewMachine) -> None:
    """Make a host with the usual rows of HNS, http.sys and WinNAT. An existing FILE is refused.

    Changes take a lock, FILE.lock, which stays beside it.
    """
    state = services.new_state(
        services.Setup(
            name=_checked("--name", lambda: NAME.read(machine.name)),
            seed=_checked("--seed", lambda: SEED.read(machine.seed)),
            variants=_checked("--variant", lambda: Variants.parse(machine.variant or ())),
            winnat=machine.winnat,
            elevated=not machine.not_elevated,
            dynamic=_checked("--dynamic-range", lambda: PortRange.parse(machine.dynamic_range)),
        )
    )
    StateFile.create(file, state)
    rows = sum(map(len, state.tables.values()))
    out_lines(
        [f"Made {state.name} with {rows} system ranges; variants: {state.variants}. Use it with --host sim:{file}"]
    )


@app.command(epilog=examples("sim show lab.json"))
def show(file: File, as_json: Json = False) -> None:
    """Show everything, also what a real Windows does not show."""
    state = StateFile(file).read()
    if as_json:
        out_document(listing.document_of(state))
    else:
        out_lines(listing.text_of(state).split("\n"))


@app.command(epilog=examples("sim reboot lab.json"))
def reboot(file: File) -> None:
    """Start it again: active rows and sockets go, blocks move."""

    def action(state: State) -> str:
        services.reboot(state)
        return state.boot_id()

    out_lines([f"Started again: {StateFile(file).change(action)}"])


class Program(NamedTuple):
    """The options that say which program listens."""

    process: Annotated[str | None, typer.Option(metavar="NAME", help="The program's name.")] = None
    pid: Annotated[int | None, typer.Option(metavar="NUMBER", min=0, max=2**32 - 1, help="Its process id.")] = None
    token: Annotated[bool, typer.Option("--token", help="Present the token of a reservation.")] = False
    closing: Annotated[
        bool, typer.Option("--closing", help="Not listen: leave a closing connection of a program that is gone.")
    ] = False


@app.command(epilog=examples("sim listen lab.json 8080", "sim listen lab.json 53/udp --process dns.exe --pid 4711"))
@spread
def listen(file: File, port: Port, *, family: FamilyChoice = None, program: Program) -> None:
    """Open a socket, as a service that starts."""
    number, protocol = _parse_port(port)
    name = program.process
    if name is not None:
        _checked("--process", lambda: NAME.read(name))
    lanes = _lanes(protocol, family)
    where = ", ".join(f"{lane} {number}" for lane in lanes)
    who = events.Program(program.process, program.pid, program.token)
    if program.closing:
        if protocol == "udp" or who != events.NOBODY:
            text = "a closing connection is of TCP, and of no program"
            raise typer.BadParameter(text, param_hint="--closing")
        StateFile(file).change(lambda state: events.leave_closing(state, lanes, number))
        out_lines([f"A connection is closing on {where}"])
        return

    def action(state: State) -> Refusal | None:
        return events.listen(state, lanes, number, who)

    refusal = StateFile(file).change(action)
    if refusal is not None:
        raise HostError(f"cannot listen on {number}/{protocol}: {refusal.text} ({refusal.code})", where=file)
    out_lines([f"Listening on {where}"])


@app.command(epilog=examples("sim close lab.json 8080"))
def close(file: File, port: Port, family: FamilyChoice = None) -> None:
    """Close the sockets of a port, as a service that stops."""
    number, protocol = _parse_port(port)
    lanes = _lanes(protocol, family)
    closed = StateFile(file).change(lambda state: events.close(state, lanes, number))
    if not closed:
        raise HostError(f"nothing listens on {number}/{protocol}; see `reconciler sim show`", where=file)
    out_lines([f"Closed {counted(closed, 'socket')}"])


@app.command(epilog=examples("sim winnat lab.json stop"))
def winnat(
    file: File,
    verb: Annotated[Literal["start", "stop"], typer.Argument(metavar="start|stop", show_default=False)],
) -> None:
    """Start or stop WinNAT, as an administrator does.

    Its blocks go when it stops, others come when it starts.
    """

    def action(state: State) -> str:
        services.switch_winnat(state, verb == "start")
        return state.winnat

    became = StateFile(file).change(action)
    if became == "absent":
        raise HostError("this host has no WinNAT; make another with `reconciler sim init`", where=file)
    out_lines([f"WinNAT is {became}"])


@app.command(epilog=examples("sim elevated lab.json off"))
def elevated(
    file: File,
    switch: Annotated[Literal["on", "off"], typer.Argument(metavar="on|off", show_default=False)],
) -> None:
    """Say whether programs run as administrator from now on."""

    def action(state: State) -> None:
        state.elevated = switch == "on"

    StateFile(file).change(action)
    out_lines([f"Programs run {'as administrator' if switch == 'on' else 'without elevation'}"])


class NewRow(NamedTuple):
    """The options that say what the new row is."""

    block: Annotated[bool, typer.Option("--block", help="A block that another product holds.")] = False
    reservation: Annotated[bool, typer.Option("--reservation", help="A persistent reservation.")] = False
    store: Annotated[Store, typer.Option(help="An active range is gone after a reboot.")] = "persistent"


@row.command(epilog=examples("sim row add lab.json tcp/ipv4 8000-8099", "sim row add lab.json tcp/ipv4 8080 --block"))
@spread
def add(file: File, lane: LaneText, ports: Ports, what: NewRow) -> None:
    """Make an exclusion or another row, even over a port in use."""
    if what.reservation and (what.block or what.store == "active"):
        raise typer.BadParameter("a reservation is no block and always persistent", param_hint="--reservation")
    kind: events.RowKind = "reservation" if what.reservation else "block" if what.block else "exclusion"
    where, exact = _parse_lane(lane), _parse_ports(ports)
    made = events.NewRow(exact, kind, what.store)
    in_the_way = StateFile(file).change(lambda state: events.add_row(state, where, made))
    if in_the_way is not None:
        raise HostError(f"{where} {exact} overlaps {listing.describe(in_the_way)}; delete that range first", where=file)
    out_lines([f"Made {kind} {where} {exact} ({what.store})"])


@row.command(epilog=examples("sim row delete lab.json tcp/ipv4 8000-8099"))
def delete(file: File, lane: LaneText, ports: Ports) -> None:
    """Delete the row of exactly these ports, whatever it is."""
    where, exact = _parse_lane(lane), _parse_ports(ports)
    if not StateFile(file).change(lambda state: events.delete_row(state, where, exact)):
        raise HostError(f"there is no range {where} {exact}; see `reconciler sim show`", where=file)
    out_lines([f"Deleted {where} {exact}"])


def _parse_port(text: str) -> tuple[int, Protocol]:
    number, slash, word = text.partition("/")
    found: list[Protocol] = [protocol for protocol in PROTOCOLS if word == protocol] if slash else ["tcp"]
    if not found or "-" in number:
        raise typer.BadParameter(f"{text!r} is not a port; write 8080, 8080/tcp or 8080/udp", param_hint="PORT")
    return _checked("PORT", lambda: PortRange.parse(number)).first, found[0]


def _parse_lane(text: str) -> Lane:
    return _checked("LANE", lambda: Lane.parse(text))


def _parse_ports(text: str) -> PortRange:
    return _checked("PORTS", lambda: PortRange.parse(text))


def _lanes(protocol: Protocol, family: Family | None) -> tuple[Lane, ...]:
    return tuple(Lane(protocol, one) for one in FAMILIES if family in (None, one))


def _checked(hint: str, read: Callable[[], T]) -> T:
    """Turn a ValueError into wrong usage."""
    try:
        return read()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
