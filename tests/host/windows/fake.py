"""A `System` over the simulated Windows: netsh as English text and exit codes, iphlpapi as Win32 codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.host.interface import Change, Lookup, Socket, UrlReservation, WinNat
from reconciler.host.windows.system import Identity, Ran, ReservationCall
from reconciler.lab.simulated import calls, services
from reconciler.lab.simulated.state import State
from reconciler.ports import Lane, PortRange, Protocol

HEAD = "\r\nProtocol {} Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n----------    --------\r\n"
LEGEND = "\r\n* - Administered port exclusions.\r\n\r\n"
DYNAMIC = "\r\nProtocol {} Dynamic Port Range\r\n{}\r\nStart Port      : {}\r\nNumber of Ports : {}\r\n\r\n"


class FakeSystem:
    """See `System`. `ran` is every netsh call, in order; `said_no` how many adds and deletes said that they failed."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.ran: list[str] = []
        self.said_no = 0

    def netsh(self, words: Sequence[str]) -> Ran:
        self.ran.append(" ".join(words))
        _, family, verb, what, *tags = words
        tag = dict(word.split("=") for word in tags)
        lane = Lane.parse(f"{tag['protocol']}/{family}")
        if what == "dynamicportrange":
            ports = self.state.dynamic[lane.protocol]
            return Ran(0, DYNAMIC.format(lane.protocol, "-" * 33, ports.first, ports.count).encode())
        if verb == "show":
            return Ran(0, self._listing(lane, tag.get("store", "")).encode())
        change = Change(
            "create" if verb == "add" else "delete",
            "exclusion",
            lane,
            PortRange.of_count(int(tag["startport"]), int(tag["numberofports"])),
            "active" if tag["store"] == "active" else "persistent",
        )
        refusal = calls.write(self.state, change)
        self.said_no += refusal is not None
        return Ran(0, b"Ok.\r\n\r\n") if refusal is None else Ran(1, f"{refusal.text}\r\n\r\n".encode())

    def console_text(self, output: bytes) -> str:
        return output.decode("cp437", "replace")

    def _listing(self, lane: Lane, store: str) -> str:
        rows = self.state.stored_rows([lane]) if store == "persistent" else self.state.rows([lane])
        lines = [f"{row.ports.first:>10}  {row.ports.last:>10}{'     *' if row.administered else ''}" for row in rows]
        return HEAD.format(lane.protocol) + "".join(f"{line}\r\n" for line in lines) + LEGEND

    def reservation(self, call: ReservationCall, protocol: Protocol, ports: PortRange) -> int | None:
        if call == "Lookup":
            return 0 if calls.lookup(self.state, Lookup(protocol, ports)) else 1168
        verb = Change("create" if call == "Create" else "delete", "reservation", Lane(protocol, "ipv4"), ports)
        refusal = calls.write(self.state, verb)
        return 0 if refusal is None else refusal.code

    def identity(self) -> Identity:
        return Identity(self.state.machine, self.state.name, self.state.boot_id())

    def describe(self) -> Mapping[str, str]:
        return {"version": "10.0.20348", "oem_code_page": "437"}

    def mark_boot(self) -> None: ...

    def sockets(self) -> tuple[Socket, ...]:
        return tuple(self.state.sockets)

    def processes(self) -> tuple[str, ...]:
        return ()

    def is_elevated(self) -> bool:
        return self.state.elevated

    def winnat(self) -> WinNat:
        return self.state.winnat

    def set_winnat(self, running: bool) -> tuple[int, str] | None:
        refusal = services.set_winnat(self.state, running)
        return None if refusal is None else (refusal.code or 0, refusal.text)

    def hns_range(self) -> PortRange | None:
        return services.HNS_PORTS

    def url_reservations(self) -> tuple[UrlReservation, ...]:
        return ()
