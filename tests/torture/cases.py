"""What a hostile file may be, each of about ten million bytes: whole files for every reader that there is."""

# ruff: noqa: PLW0108  a text is made when it is asked for, and not with this module

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count

from reconciler.lab.simulated import document as simulated
from reconciler.lab.simulated import services
from reconciler.ledger import document as ledger
from reconciler.ledger.records import MOST_CLAIMED, Ledger
from reconciler.plan.saved import SECTIONS

TEN_MILLION = 10_000_000


class _Size:
    """How many bytes a file gets: just below the limit of its reader."""

    bytes = TEN_MILLION


def made(make: Callable[[], bytes], size: int) -> bytes:
    """The file, of at most about so many bytes."""
    before, _Size.bytes = _Size.bytes, size
    try:
        return make()
    finally:
        _Size.bytes = before


MACHINE = "00000000-0000-4000-8000-000000000000"
HEAD = 'version = 1\n[policy]\nname = "p"\n'
LISTING = "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port\r\n----------    --------\r\n{}\r\n"
LEGEND = "\r\n* - Administered port exclusions.\r\n\r\n"
EXCLUSION = '[[exclusion]]\nname = "e{0}"\nports = {1}\n'
RESERVATION = '[[reservation]]\nname = "r{0}"\nports = "1-65535"\nprotocol = "tcp"\n'


def filled(text: str) -> str:
    """The text again and again, whole each time."""
    return text * (_Size.bytes // len(text.encode()))


def numbered(form: str) -> str:
    """The form with 0, 1, 2 ... in it."""
    parts: list[str] = []
    length = 0
    for number in count():
        parts.append(form.format(number, number % 65535 + 1))
        length += len(parts[-1])
        if length >= _Size.bytes:
            return "".join(parts)
    raise AssertionError


def _nested(opening: str, closing: str) -> str:
    times = _Size.bytes // (len(opening) + len(closing))
    return opening * times + closing * times


def _toml(body: Callable[[], str], *, head: str = HEAD) -> Callable[[], bytes]:
    return lambda: (head + body()).encode()


def _entry(value: Callable[[], str], key: str = "ports") -> Callable[[], bytes]:
    return _toml(lambda: f'[[exclusion]]\nname = "a"\n{"ports = 80" if key != "ports" else ""}\n{key} = {value()}\n')


def _targets() -> str:
    many = ", ".join(f'"h{number}*"' for number in range(_Size.bytes // 30))
    tags = ", ".join(f'"t{number}"' for number in range(_Size.bytes // 30))
    return f"[target]\nhosts = [{many}]\ntags = [{tags}]\n"


POLICIES: dict[str, Callable[[], bytes]] = {
    "unknown tables": _toml(lambda: numbered("[t{}]\n")),
    "unknown arrays of tables": _toml(lambda: numbered("[[t{}]]\n")),
    "one unknown array of tables": _toml(lambda: filled("[[t]]\n")),
    "unknown keys": _toml(lambda: numbered("k{} = 1\n")),
    "unknown keys on top": _toml(lambda: numbered("k{} = 1\n"), head=""),
    "unknown keys of an entry": _toml(lambda: "[[exclusion]]\n" + numbered("k{} = 1\n")),
    "unknown keys of many entries": _toml(lambda: numbered(EXCLUSION + "k{0} = 1\n")),
    "empty entries": _toml(lambda: filled("[[exclusion]]\n")),
    "entries of both kinds, empty": _toml(lambda: filled("[[exclusion]]\n[[reservation]]\n")),
    "one name for all entries": _toml(lambda: filled(EXCLUSION.format("", 80))),
    "overlapping reservations": _toml(lambda: numbered(RESERVATION)),
    "exclusions over reservations": _toml(lambda: numbered(RESERVATION + EXCLUSION)),
    "right entries": _toml(lambda: numbered(EXCLUSION)),
    "right entries that overlap": _toml(lambda: numbered('[[exclusion]]\nname = "e{0}"\nports = "1-65535"\n')),
    "inline tables of entries": _toml(
        lambda: f'exclusion = [{numbered("{{ name = {0}, ports = {1} }},")}]\n[policy]\nname = "p"\n',
        head="version = 1\n",
    ),
    "1,000,000 ports": _entry(lambda: f"[{numbered('{1}, ')}]"),
    "1,000,000 ranges": _entry(lambda: f"""[{numbered('"{1}", ')}]"""),
    "wrong values in one list": _entry(lambda: f"[{filled('true, ')}]"),
    "wrong protocols in one list": _entry(lambda: f"""[{filled('"x", ')}]""", "protocol"),
    "wrong rules in allow": _entry(lambda: f"""[{numbered('"x{0}", ')}]""", "allow"),
    "right rules in allow": _entry(lambda: f"""[{filled('"R101", ')}]""", "allow"),
    "unknown names in disable": lambda: (
        f"version = 1\ndisable = [{numbered(chr(34) + 'x{0}' + chr(34) + ', ')}]\n[policy]\nname = 'p'\n"
    ).encode(),
    "many earlier names": _toml(lambda: f"""formerly = [{numbered('"x{0}", ')}]\n"""),
    "its own name as earlier ones": _toml(lambda: f"""formerly = [{filled('"p", ')}]\n"""),
    "many hosts and tags": _toml(_targets),
    "wrong words in hosts": _toml(lambda: f"""[target]\nhosts = [{filled('"a b", ')}]\n"""),
    "wrong systems": _toml(lambda: f"""[target]\nos = [{filled('"bsd", ')}]\n"""),
    "arrays in arrays": _entry(lambda: _nested("[", "]")),
    "arrays that are not closed": _entry(lambda: filled("[")),
    "tables in tables": _entry(lambda: _nested("{a=", "}")),
    "one string": _entry(lambda: f'"{filled("x")}"', "reason"),
    "one string in many lines": _entry(lambda: f'"""{filled("x" + chr(10))}"""', "reason"),
    "a string that is not closed": _entry(lambda: f'"{filled("x")}', "reason"),
    "one string of escapes": _entry(lambda: f'"{filled(chr(92) + "u0041")}"', "reason"),
    "one string of quotes": _entry(lambda: f"""'''{filled('"')}'''""", "reason"),
    "one key": _toml(lambda: f"{filled('k')} = 1\n"),
    "one quoted key": _toml(lambda: f'"{filled("k ")}" = 1\n'),
    "one key of escapes": _toml(lambda: f'"{filled(chr(92) + "u0041")}" = 1\n'),
    "a key without a value": _toml(lambda: filled("k")),
    "one name": _toml(lambda: f'[[exclusion]]\nname = "{filled("x")}"\nports = 80\n'),
    "a.a.a": _toml(lambda: f"{filled('a.')}a = 1\n"),
    "a.a.a without a value": _toml(lambda: filled("a.")),
    "a.a.a in a header": _toml(lambda: f"[{filled('a.')}a]\n"),
    "a . a . a": _toml(lambda: f"{filled('a . ')}a = 1\n"),
    "dotted keys": _toml(lambda: numbered("a{}.b.c = 1\n")),
    "dotted keys of one table": _toml(lambda: numbered("a.b{}.c = 1\n")),
    "dotted headers": _toml(lambda: numbered("[a.b{}.c]\n")),
    "a huge number": _entry(lambda: filled("9")),
    "a huge hexadecimal number": _entry(lambda: f"0x{filled('f')}"),
    "a huge float": _entry(lambda: f"1e{filled('9')}"),
    "a huge fraction": _entry(lambda: f"0.{filled('9')}"),
    "a huge year": _entry(lambda: f"{filled('9')}-01-01"),
    "comments": _toml(lambda: filled("# nothing\n")),
    "one comment": _toml(lambda: f"# {filled('x')}\n"),
    "empty lines": _toml(lambda: filled("\n")),
    "ends of lines of DOS": _toml(lambda: filled("\r\n")),
    "blanks": _toml(lambda: filled(" ")),
    "blanks before a key": _toml(lambda: f"{filled(' ')}k = 1\n"),
    "equals signs": _toml(lambda: filled("=")),
    "brackets": _toml(lambda: filled("]")),
    "quotes": _toml(lambda: filled('"')),
    "numbers that run on": _entry(lambda: filled("1-")),
    "numbers that run on with blanks": _entry(lambda: f"1{filled(' ')}"),
    "minus signs": _entry(lambda: filled("-")),
    "dots": _entry(lambda: filled(".")),
    "letters": _entry(lambda: filled("\u00e4")),
    "one line of a description": _toml(lambda: f'description = "{filled("x")}"\n'),
    "nothing of TOML": lambda: filled("\x01").encode(),
    "no UTF-8": lambda: b"\xc3(" * (_Size.bytes // 2),
    "UTF-16": lambda: b"\xff\xfe" + filled("xx")[::2].encode("utf-16-le"),
    "NUL": lambda: b"\0" * _Size.bytes,
    "characters that a terminal obeys": _toml(lambda: numbered('"\u202e{0}" = 1\n')),
}


def _parts(text: bytes) -> dict[str, object]:
    found: dict[str, object] = json.loads(text)
    return found


def _json(base: dict[str, object], **changed: Callable[[], str]) -> Callable[[], bytes]:
    """A document of which some keys hold other JSON."""

    def make() -> bytes:
        texts = {key: json.dumps(value) for key, value in base.items()} | {key: put() for key, put in changed.items()}
        return ("{" + ",\n".join(f'"{key}": {text}' for key, text in texts.items()) + "}").encode()

    return make


def _list(form: str, *, first: str = "") -> Callable[[], str]:
    return lambda: f"[{first}{numbered(form)[:-1]}]"


NESTED = {
    "lists in lists": lambda: _nested("[", "]").encode(),
    "objects in objects": lambda: (_nested('{"a":', "}").replace(":}", ":1}", 1)).encode(),
    "lists that are not closed": lambda: filled("[").encode(),
    "one text": lambda: f'"{filled("x")}"'.encode(),
    "one text of escapes": lambda: f'"{filled(chr(92) + "ud800")}"'.encode(),
    "a huge number": lambda: filled("9").encode(),
    "a huge float": lambda: f"0.{filled('9')}".encode(),
    "numbers": lambda: f"[{filled('1,')}1]".encode(),
    "many keys": lambda: ("{" + numbered('"k{0}": 1,') + '"k": 1}').encode(),
    "one key again and again": lambda: ("{" + filled('"k": 1,') + '"k": 1}').encode(),
    "empty lists": lambda: f"[{filled('[],')}[]]".encode(),
    "empty objects": lambda: f"[{filled('{},')}[]]".encode(),
    "blanks": lambda: filled(" ").encode(),
    "no JSON": lambda: filled("x").encode(),
    "no UTF-8": lambda: b"\xff" * _Size.bytes,
    "UTF-16": lambda: b"\xff\xfe" + filled("xx")[::2].encode("utf-16-le"),
}
"""What is no document of ours at all."""

_LEDGER = _parts(ledger.encode(Ledger(MACHINE)))
_ROW = '["tcp/ipv4", "{1}", "exclusion", "persistent", "b", "p", "t", "l{0}", ""]'
_HEADS = {name: json.dumps(value[0]) + "," for name, value in _LEDGER.items() if isinstance(value, list) and value}
_PROTECTED = '["p", "e{0}", "exclusion", "tcp/ipv4", "1-65535", "persistent", true, "f", 1],'
_CLAIM = '["p", "e{0}", "exclusion", "tcp/ipv4", "{1}", "persistent", false, "f", 1],'


def _ledger_rows() -> str:
    lanes = ("tcp/ipv4", "tcp/ipv6", "udp/ipv4", "udp/ipv6")
    rows = (
        f'["{lane}", "{port}", "exclusion", "persistent", "b", "p", "t", "l", ""]'
        for lane in lanes
        for port in range(1, 65536)
    )
    return f"[{_HEADS['rows']}{','.join(_up_to_size(rows))}]"


def _below(name: str, texts: Iterator[str]) -> str:
    """A table of the ledger, as far as there is room; each text ends with a comma."""
    return f"[{(_HEADS[name] + ''.join(_up_to_size(texts)))[:-1]}]"


def _claims(form: str, step: int = 1) -> Callable[[], str]:
    """As many as a ledger may have."""

    def make() -> str:
        texts = (form.format(number, number * step % 65535 + 1) for number in range(MOST_CLAIMED))
        return _below("claims", texts)

    return make


def _half_of_the_rows() -> str:
    rows = (
        f'["tcp/ipv4", "{port}", "exclusion", "persistent", "b", "p", "t", "l", ""],' for port in range(1, 65536, 2)
    )
    return _below("rows", rows)


def _half_of_the_ports() -> str:
    rows = (f'["tcp/ipv4", "{port}", "exclusion", "persistent", "l"],' for port in range(1, 65536, 2))
    return _below("to_restore", rows)


def _up_to_size(texts: Iterator[str]) -> Iterator[str]:
    length = 0
    for text in texts:
        length += len(text) + 1
        if length > _Size.bytes:
            return
        yield text


LEDGERS: dict[str, Callable[[], bytes]] = {
    "right rows": _json(_LEDGER, rows=_ledger_rows),
    "right claims": _json(_LEDGER, claims=_list(_CLAIM, first=_HEADS["claims"])),
    "claims of one entry": _json(_LEDGER, claims=_claims(_CLAIM.replace("{0}", ""))),
    "claims of every second port": _json(_LEDGER, claims=_claims(_CLAIM.replace("{0}", ""), 2)),
    "claims of all ports": _json(_LEDGER, claims=_claims(_CLAIM.replace("{1}", "1-65535"))),
    "claims of many wide ranges": _json(_LEDGER, claims=_claims(_CLAIM.replace("{1}", "{1}-65535"))),
    "claims of many files": _json(_LEDGER, claims=_claims(_CLAIM.replace('"f"', '"/f{0}"'))),
    "claims of deep files": _json(_LEDGER, claims=_claims(_CLAIM.replace('"f"', f'"{"/f" * 2000}{{0}}"'))),
    "claims of both protocols": _json(_LEDGER, claims=_claims(_CLAIM.replace("ipv4", "ipv4 udp/ipv6"))),
    "protected claims": _json(_LEDGER, claims=_claims(_PROTECTED), to_restore=_half_of_the_ports),
    "claims over rows to restore": _json(
        _LEDGER, claims=_claims(_CLAIM.replace("{1}", "1-65535")), to_restore=_half_of_the_ports
    ),
    "claims out of scope over rows to restore": _json(
        _LEDGER,
        claims=_claims(_CLAIM.replace("{1}", "1-65535").replace('"p"', '"q"')),
        to_restore=_half_of_the_ports,
    ),
    "claims over rows that are gone": _json(
        _LEDGER, claims=_claims(_CLAIM.replace("{1}", "1-65535")), rows=_half_of_the_rows
    ),
    "one claim of many ports": _json(
        _LEDGER,
        claims=lambda: (
            f'[{_HEADS["claims"]}["p", "e", "exclusion", "tcp/ipv4", "{numbered("{1} ")[:-1]}", '
            '"persistent", false, "f", 1]]'
        ),
    ),
    "calls of unknown outcome": _json(
        _LEDGER,
        intents=_list(
            '["create", "exclusion", "tcp/ipv4", "{1}", "persistent", "", "b", "p", "t", "l"],',
            first=_HEADS["intents"],
        ),
    ),
    "rows to restore": _json(
        _LEDGER,
        to_restore=_list('["tcp/ipv4", "{1}", "exclusion", "persistent", "l{0}"],', first=_HEADS["to_restore"]),
    ),
    "used plans": _json(_LEDGER, applied=_list('"p{0}",')),
    "wrong rows": _json(_LEDGER, rows=_list('["x{0}"],', first=_HEADS["rows"])),
    "one machine": _json(_LEDGER, machine=lambda: f'"{filled("m")}"'),
    "lists in a row": _json(_LEDGER, rows=lambda: _nested("[", "]")),
}

_CHANGED = (
    '{{"rows": [["tcp/ipv4", "{1}", "exclusion", "persistent", "b", "p", "t", "l{0}", ""]], "gone": [], "settled": [], '
    '"intents": [], "to_restore": [], "restored": []}}\n'
)
JOURNALS: dict[str, Callable[[], bytes]] = {
    "right changes": lambda: ledger.journal_head("") + numbered(_CHANGED).encode(),
    "changes of one row": lambda: ledger.journal_head("") + filled(_CHANGED.format(0, 80)).encode(),
    "empty lines": lambda: ledger.journal_head("") + filled("\n").encode(),
    "another ledger's": lambda: ledger.journal_head("other") + numbered(_CHANGED).encode(),
    "one line": lambda: ledger.journal_head("") + filled("x").encode(),
}

AUDIT_LOGS: dict[str, Callable[[], bytes]] = {
    "starts of nothing": lambda: numbered('{{"event": "started", "plan": "{0}", "format_version": 2}}\n').encode(),
    "steps of no apply": lambda: filled('{"event": "step", "plan": "0"}\n').encode(),
    "empty lines": lambda: filled("\n").encode(),
}

_HOST = _parts(simulated.dump(services.new_state(services.Setup(machine=MACHINE))))


def _all_ports() -> str:
    rows = (f'["{port}", "block", "persistent", "both"]' for port in range(1, 65536))
    tables = f"[{','.join(rows)}]"
    return f'{{"tcp": {tables}, "udp": {tables}}}'


HOSTS: dict[str, Callable[[], bytes]] = {
    "full tables": _json(_HOST, tables=_all_ports),
    "reservations of all ports": _json(
        _HOST,
        tables=lambda: '{"tcp": [], "udp": []}',
        reservations=lambda: '{{"tcp": [{0}], "udp": [{0}]}}'.format(",".join(f'"{port}"' for port in range(1, 65536))),
    ),
    "sockets": _json(_HOST, sockets=_list('["tcp/ipv4", {1}, "x{0}.exe", {0}],')),
    "sockets without a process": _json(_HOST, sockets=_list('["tcp/ipv4", {1}, null, null],')),
    "closing sockets": _json(_HOST, sockets=_list('["tcp/ipv4", {1}, "closing"],')),
    "one row again and again": _json(_HOST, tables=lambda: f'{{"tcp": [{_same_rows()}], "udp": []}}'),
    "one name": _json(_HOST, name=lambda: f'"{filled("x")}"'),
    "unknown tables": _json(_HOST, tables=lambda: "{" + numbered('"t{0}": [],')[:-1] + "}"),
}


def _same_rows() -> str:
    return filled('["80", "block", "persistent", "both"],')[:-1]


LISTINGS: dict[str, Callable[[], bytes]] = {
    "rows of one port": lambda: _listing(numbered("{1:>10} {1:>10}\r\n")),
    "rows of all ports": lambda: _listing(filled("         1      65535\r\n")),
    "no legend": lambda: LISTING.format(numbered("{1:>10} {1:>10}\r\n")).encode(),
    "only rows": lambda: filled("      5357      5357\r\n").encode(),
    "dashes": lambda: filled("-").encode(),
    "rules": lambda: filled("---- ----\n").encode(),
    "dashes and blanks": lambda: filled("--- ").encode(),
    "a rule of blanks": lambda: f"---{filled(' ')}---".encode(),
    "blanks": lambda: filled(" ").encode(),
    "blanks between numbers": lambda: f"1{filled(' ')}1".encode(),
    "blanks in UTF-16": lambda: b"\xff\xfe" + f"1 1{filled(' ')}x".encode(),
    "numbers in UTF-16": lambda: b"\xff\xfe" + filled("1 ").encode(),
    "numbers": lambda: filled("1 ").encode(),
    "one number": lambda: filled("1").encode(),
    "one number in a row": lambda: _listing(f"{filled('1')} 2\r\n"),
    "blanks in a row": lambda: _listing(f"1{filled(' ')}2{filled(' ')}\r\n"),
    "stars": lambda: _listing(filled("* - x\r\n")),
    "titles": lambda: filled("Protocol tcp Port Exclusion Ranges\r\n").encode(),
    "number lines": lambda: filled("Start Port : 1\r\n").encode(),
    "colons": lambda: filled(":").encode(),
    "rules of a dynamic range": lambda: filled("tcp\n-----\n").encode(),
    "dynamic ranges": lambda: filled("tcp\n-----\na : 1025\nb : 255\n\n").encode(),
    "one line": lambda: filled("x").encode(),
    "empty lines": lambda: filled("\n").encode(),
    "carriage returns": lambda: filled("\r").encode(),
    "ampersands": lambda: filled("&").encode(),
    "an entity without an end": lambda: f"&{filled('a')}".encode(),
    "NUL": lambda: b"\0" * _Size.bytes,
    "Latin-1": lambda: b"\xe4" * _Size.bytes,
    "words": lambda: filled("netsh interface ipv4 show excludedportrange tcp\n").encode(),
}


def _listing(rows: str) -> bytes:
    return (LISTING.format(rows) + LEGEND).encode()


SYSCTL: dict[str, Callable[[], bytes]] = {
    "one list": lambda: f"net.ipv4.ip_local_reserved_ports = {numbered('{1},')[:-1]}\n".encode(),
    "lines": lambda: filled("net.ipv4.ip_local_reserved_ports = 80\n").encode(),
    "one line": lambda: filled("x").encode(),
    "equals signs": lambda: filled("=").encode(),
    "minus signs": lambda: filled("-").encode(),
    "commas": lambda: f"net.ipv4.ip_local_reserved_ports = {filled(',')}\n".encode(),
    "NUL": lambda: b"\0" * _Size.bytes,
    "no UTF-8": lambda: b"\xff" * _Size.bytes,
}

_FIELD = '"e{0}": {{"a": {0}}},'


def _plan(section: str, texts: Callable[[], str]) -> Callable[[], bytes]:
    """A saved plan in whose inputs one section is so full."""

    def make() -> bytes:
        options = '{"options": {"retire": "none", "unprotect": "none", "force": "none", "release-winnat": false}}'
        inputs = dict.fromkeys(SECTIONS, "{}") | {"options": options} | {section: texts()}
        whole = ", ".join(f'"{name}": {text}' for name, text in inputs.items())
        return (_PLAN % ("p.toml", "{}", whole, "[]")).encode()

    return make


_PLAN = """{"kind": "saved-plan", "format_version": 1,
"request": {"folder": ".", "paths": ["%s"], "tags": [], "host": "sim:h.json"},
"plan": {"id": "x", "steps": [], "options": {"retire": [], "unprotect": [], "force": [], "release_winnat": false},
"more": %s},
"inputs": {%s}, "applied": %s}"""

_INPUTS = ", ".join(
    f'"{name}": {"{}" if name != "options" else "{" + chr(34) + "options" + chr(34) + ": {}}"}' for name in SECTIONS
)

PLANS: dict[str, Callable[[], bytes]] = {
    "many entries": _plan("entries", lambda: "{" + numbered(_FIELD)[:-1] + "}"),
    "many rows": _plan("rows", lambda: "{" + numbered(_FIELD)[:-1] + "}"),
    "many claims": _plan("claims", lambda: "{" + numbered('"p/e{0}": {{"place": "x{0}"}},')[:-1] + "}"),
    "one entry of many fields": _plan("entries", lambda: '{"e": {' + numbered('"f{0}": 1,')[:-1] + "}}"),
    "one entry of one text": _plan("entries", lambda: f'{{"e": {{"ports": "{filled("8000, ")}"}}}}'),
    "many paths": lambda: (_PLAN % (numbered('q{0}", "') + "p.toml", "{}", _INPUTS, "[]")).encode(),
    "many used plans": lambda: (
        _PLAN % ("p.toml", "{}", _INPUTS, f"[{numbered(chr(34) + '{0}' + chr(34) + ',')[:-1]}]")
    ).encode(),
    "more in the plan": lambda: (
        _PLAN % ("p.toml", "{" + numbered('"k{0}": [{0}],')[:-1] + "}", _INPUTS, "[]")
    ).encode(),
    "deep in the plan": lambda: (_PLAN % ("p.toml", _nested("[", "]"), _INPUTS, "[]")).encode(),
}
