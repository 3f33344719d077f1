"""Every wrong value of a policy file: one clear message in the right place, in our own words."""

from __future__ import annotations

import pytest

from reconciler.errors import PolicyError, PolicyProblem, ReconcilerError, StaleError
from tests.policy.texts import errors, exclusion, policy, reservation

NAME_RULE = (
    "is not a name; a name has 1 to 64 letters, digits, dots, underscores or hyphens and begins with a letter or digit"
)
PLAIN_RULE = "has a character that is not for a terminal, such as a line break or a tab; write one line of plain text"
WORD_RULE = "is not one word; write 1 to 255 characters without blanks and commas"
ENTRY_KEYS = "name, ports, protocol, family, store, reason, busy, protect, state, allow"
KNOWN = "version, policy, target, limits, unmanaged, dynamic_range, disable, exclusion, reservation"

WIN = "[target] os: expected an array, found '{}' (a string); write [\"{}\"]"
BOTH = "is not one of 'tcp' or 'udp'; leave the key out to mean both, or write [\"tcp\", \"udp\"]"
EACH = "write a [[reservation]] for each"


def entry(keys: str) -> str:
    """An exclusion whose name stands in line 5, ports in 6, and `keys` in 7."""
    return policy(exclusion("web", "80", keys))


CASES = [
    # the top of the file
    ("", 1, "version is missing; write version = 1 above all tables"),
    ("version = 1\n", 1, '[policy] is missing; write [policy] and under it name = "..."'),
    (policy("[tagret]\n"), 4, "unknown key 'tagret'; did you mean 'target'?"),
    (policy("[zzz]\n"), 4, f"unknown key 'zzz'; known are {KNOWN}"),
    (policy('["a\\nb"]\n'), 4, f"unknown key 'a\\nb'; known are {KNOWN}"),
    (
        policy("[[policy]]\n").replace("[policy]\nname", "[[policy]]\nname", 1),
        2,
        "[policy]: expected a table, found an array; write it once, under [policy] in one bracket",
    ),
    ("disable = 1\n" + policy(), 1, 'disable: expected an array, found an integer; write for example ["nodeports"]'),
    ("disable = [1]\n" + policy(), 1, 'disable: expected a string, found 1 (an integer); write "1"'),
    ('disable = ["-"]\n' + policy(), 1, f"disable: '-' {NAME_RULE}"),
    (
        policy('[exclusion]\nname = "a"\n'),
        4,
        "[[exclusion]]: an entry has two brackets, not one; write [[exclusion]]",
    ),
    (
        "exclusion = 8080\n" + policy(),
        1,
        "[[exclusion]]: expected an array, found an integer; write each entry under [[exclusion]], in two brackets",
    ),
    ("exclusion = [1]\n" + policy(), 1, "exclusion number 1: expected a table, found 1 (an integer)"),
    # [policy]
    ("version = 1\n[policy]\n", 2, '[policy] name is missing; write for example name = "aks-node"'),
    (policy(name="-a"), 3, f"[policy] name: '-a' {NAME_RULE}"),
    (policy(name="a" * 65), 3, f"[policy] name: '{'a' * 60}...' {NAME_RULE}"),
    (policy(name="a b"), 3, f"[policy] name: 'a b' {NAME_RULE}; write \"a-b\""),
    (policy('formerly = ["a b?"]\n'), 4, f"[policy] formerly: 'a b?' {NAME_RULE}"),
    (policy(name="ä"), 3, f"[policy] name: 'ä' {NAME_RULE}"),
    (policy(name="a\\n"), 3, f"[policy] name: 'a\\n' {NAME_RULE}"),
    (policy("nmae = 1\n"), 4, "[policy]: unknown key 'nmae'; did you mean 'name'?"),
    (policy('description = "a\\tb"\n'), 4, f"[policy] description: 'a\\tb' {PLAIN_RULE}"),
    (policy('description = """a\nb"""\n'), 4, f"[policy] description: 'a\\nb' {PLAIN_RULE}"),
    (policy('description = "\\u001b[2J"\n'), 4, f"[policy] description: '\\x1b[2J' {PLAIN_RULE}"),
    (policy('description = "\\u202e"\n'), 4, f"[policy] description: '\\u202e' {PLAIN_RULE}"),
    (policy('formerly = "a"\n'), 4, "[policy] formerly: expected an array, found 'a' (a string); write [\"a\"]"),
    # [target]
    (
        policy('[target]\nos = "windows"\n'),
        5,
        "[target] os: expected an array, found 'windows' (a string); write [\"windows\"]",
    ),
    (
        policy('[target]\nos = ["Windows"]\n'),
        5,
        "[target] os: 'Windows' is not one of 'windows' or 'linux'; did you mean 'windows'?",
    ),
    (
        policy('[target]\nos = ["WinNT"]\n'),
        5,
        "[target] os: 'WinNT' is not one of 'windows' or 'linux'; did you mean 'windows'?",
    ),
    (
        policy("[target]\nos = [1]\n"),
        5,
        "[target] os: 1 is not one of 'windows' or 'linux'",
    ),
    (
        policy("[target]\nhosts = []\n"),
        5,
        "[target] hosts: the array is empty; name at least one, or leave the key out to mean every host",
    ),
    (policy('[target]\nhosts = ["a b"]\n'), 5, f"[target] hosts: 'a b' {WORD_RULE}"),
    (policy('[target]\ntags = ["a,b"]\n'), 5, f"[target] tags: 'a,b' {WORD_RULE}"),
    (policy('[target]\ntags = [""]\n'), 5, f"[target] tags: '' {WORD_RULE}"),
    (policy('[target]\ntag = ["a"]\n'), 5, "[target]: unknown key 'tag'; did you mean 'tags'?"),
    (
        policy("[target]\nhosts = 5\n"),
        5,
        '[target] hosts: expected an array, found 5 (an integer); write for example ["aks-*"]',
    ),
    (
        policy(f'[target]\nhosts = "{"x" * 61}"\n'),
        5,
        f"[target] hosts: expected an array, found '{'x' * 60}...' (a string); write for example [\"aks-*\"]",
    ),
    (policy('[target]\nos = "Win32"\n'), 5, WIN.format("Win32", "windows")),
    (policy('[target]\nos = "linux-gnu"\n'), 5, WIN.format("linux-gnu", "linux")),
    (
        policy('[target]\nos = "mac"\n'),
        5,
        "[target] os: expected an array, found 'mac' (a string); write for example [\"windows\"]",
    ),
    # [limits]
    (
        policy('[limits]\nmax_delete_percent = "30 %"\n'),
        5,
        "[limits] max_delete_percent: expected an integer, found '30 %' (a string); write 30",
    ),
    (policy("[limits]\nmax_deletes = -1\n"), 5, "[limits] max_deletes: -1 is too small; the least is 0"),
    (
        policy("[limits]\nmax_deletes = 1.0\n"),
        5,
        "[limits] max_deletes: expected an integer, found 1.0 (a float); write 1",
    ),
    (
        policy("[limits]\nmax_deletes = true\n"),
        5,
        "[limits] max_deletes: expected an integer, found true (a boolean); write for example 5",
    ),
    (
        policy("[limits]\nmax_delete_percent = 101\n"),
        5,
        "[limits] max_delete_percent: 101 is too large; the most is 100",
    ),
    (
        policy("[limits]\nmin_dynamic_ports = 65536\n"),
        5,
        "[limits] min_dynamic_ports: 65536 is too large; the most is 65535",
    ),
    (
        policy('[limits]\nmax_deletes = "20"\n'),
        5,
        "[limits] max_deletes: expected an integer, found '20' (a string); write 20",
    ),
    (
        policy('[limits]\nmax_deletes = "many"\n'),
        5,
        "[limits] max_deletes: expected an integer, found 'many' (a string); write for example 5",
    ),
    # [unmanaged]
    (
        policy('[unmanaged]\naction = "delete"\n'),
        4,
        '[unmanaged]: action = "delete" needs ports; write for example ports = ["1024-49151"]',
    ),
    (
        policy('[unmanaged]\naction = "remove"\n'),
        5,
        "[unmanaged] action: 'remove' is not one of 'ignore', 'report' or 'delete'",
    ),
    (policy("[unmanaged]\nports = []\n"), 5, "[unmanaged] ports: the array is empty; name at least one port or range"),
    # [dynamic_range]
    (
        policy("[dynamic_range]\n"),
        4,
        '[dynamic_range]: the table is empty; write for example tcp = "49152-65535", or leave it out',
    ),
    (
        policy('[dynamic_range]\nudp = "1024-65535"\n'),
        5,
        "[dynamic_range] udp: 1024-65535 begins below 1025, the lowest that Windows accepts; "
        'write for example "49152-65535"',
    ),
    (
        policy('[dynamic_range]\ntcp = "2000-2253"\n'),
        5,
        "[dynamic_range] tcp: 2000-2253 is 254 ports; Windows wants a range of at least 255; "
        'write for example "49152-65535"',
    ),
    (
        policy("[dynamic_range]\ntcp = 49152\n"),
        5,
        "[dynamic_range] tcp: 49152 is one port; Windows wants a range of at least 255; "
        'write for example "49152-65535"',
    ),
    (
        policy('[dynamic_range]\ntcp = ["49152-65535"]\n'),
        5,
        '[dynamic_range] tcp: expected a port or a range, found an array; write for example "49152-65535"',
    ),
    # [[exclusion]]
    (
        policy("[[exclusion]]\nports = 80\n"),
        4,
        'exclusion number 1: name is missing; write for example name = "nodeports"',
    ),
    (
        policy('[[exclusion]]\nname = "web"\n'),
        4,
        "exclusion 'web': ports is missing; write for example ports = \"8000-8099\"",
    ),
    (policy(exclusion("", "80")), 5, f"exclusion '': name: '' {NAME_RULE}"),
    (
        policy("[[exclusion]]\nname = 5\nports = 80\n"),
        5,
        'exclusion number 1: name: expected a string, found 5 (an integer); write "5"',
    ),
    (policy(exclusion("web", '"90-80"')), 6, "exclusion 'web': ports: '90-80' runs backwards; write \"80-90\""),
    (
        entry('protocol = "tpc"'),
        7,
        "exclusion 'web': protocol: 'tpc' is not one of 'tcp' or 'udp'; did you mean 'tcp'?",
    ),
    (entry("family = []"), 7, "exclusion 'web': family: the array is empty; name at least one of them"),
    (
        entry('store = "persistant"'),
        7,
        "exclusion 'web': store: 'persistant' is not one of 'persistent' or 'active'; did you mean 'persistent'?",
    ),
    (entry('busy = "no"'), 7, "exclusion 'web': busy: 'no' is not one of 'wait' or 'fill'"),
    (
        entry("busy = true"),
        7,
        "exclusion 'web': busy: true is not one of 'wait' or 'fill'",
    ),
    (
        entry('protect = "yes"'),
        7,
        "exclusion 'web': protect: expected true or false, found 'yes' (a string); write true",
    ),
    (
        entry('protect = "OFF"'),
        7,
        "exclusion 'web': protect: expected true or false, found 'OFF' (a string); write false",
    ),
    (entry('protect = "x"'), 7, "exclusion 'web': protect: expected true or false, found 'x' (a string)"),
    (entry("family = 4"), 7, "exclusion 'web': family: 4 is not one of 'ipv4' or 'ipv6'; write \"ipv4\""),
    (entry('family = "v6"'), 7, "exclusion 'web': family: 'v6' is not one of 'ipv4' or 'ipv6'; write \"ipv6\""),
    (entry("protect = 1"), 7, "exclusion 'web': protect: expected true or false, found 1 (an integer)"),
    (
        entry('state = "gone"'),
        7,
        "exclusion 'web': state: 'gone' is not one of 'present' or 'absent'",
    ),
    (
        entry('state = "absent"\nprotect = true'),
        4,
        "exclusion 'web': protect = true and state = \"absent\" contradict each other; drop one of them",
    ),
    (entry("reason = 2026-01-01"), 7, "exclusion 'web': reason: expected a string, found a date or time"),
    (
        entry(f'reason = "{"x" * 501}"'),
        7,
        f"exclusion 'web': reason: '{'x' * 60}...' is too long; a text has at most 500 characters",
    ),
    (
        entry('allow = ["101"]'),
        7,
        "exclusion 'web': allow: '101' is not the id of a lint rule; an id looks like 'R101'",
    ),
    (entry("prots = 80"), 7, "exclusion 'web': unknown key 'prots'; did you mean 'ports'?"),
    (
        entry('bound_by = "me"'),
        7,
        "exclusion 'web': unknown key 'bound_by'; it belongs under [[reservation]]",
    ),
    (entry("zzz = 1"), 7, f"exclusion 'web': unknown key 'zzz'; known are {ENTRY_KEYS}"),
    (entry("[exclusion.ports2]"), 7, "exclusion 'web': unknown key 'ports2'; did you mean 'ports'?"),
    (entry("reason = 1e300"), 7, "exclusion 'web': reason: expected a string, found 1e+300 (a float)"),
    (entry("reason = true"), 7, "exclusion 'web': reason: expected a string, found true (a boolean)"),
    (
        entry('allow = "R101"'),
        7,
        "exclusion 'web': allow: expected an array, found 'R101' (a string); write [\"R101\"]",
    ),
    (entry('protocol = "both"'), 7, f"exclusion 'web': protocol: 'both' {BOTH}"),
    (entry('protocol = "TCP/UDP"'), 7, f"exclusion 'web': protocol: 'TCP/UDP' {BOTH}"),
    (entry('protocol = ["any"]'), 7, f"exclusion 'web': protocol: 'any' {BOTH}"),
    (
        entry('family = "ipv4,ipv6"'),
        7,
        "exclusion 'web': family: 'ipv4,ipv6' is not one of 'ipv4' or 'ipv6'; "
        'leave the key out to mean both, or write ["ipv4", "ipv6"]',
    ),
    (
        policy(exclusion("web", '["8000,8010"]')),
        6,
        "exclusion 'web': ports: '8000,8010' is not a port or a range; write 8000, 8010",
    ),
    # [[reservation]]
    (
        policy(reservation("erp", '"8000,8010"')),
        6,
        f"reservation 'erp': ports: '8000,8010' is not a port or a range; {EACH}",
    ),
    (
        policy(reservation("erp", "80", 'protocol = "both"')),
        7,
        f"reservation 'erp': protocol: 'both' is not one of 'tcp' or 'udp'; a reservation has one protocol: {EACH}",
    ),
    (
        policy(reservation("erp", '["80-89", 99]')),
        6,
        "reservation 'erp': ports: found an array; a reservation has one range: write a [[reservation]] for each",
    ),
    (
        policy(reservation("erp", "80", 'protocol = ["tcp", "udp"]')),
        7,
        "reservation 'erp': protocol: found an array; a reservation has one protocol: write a [[reservation]] for each",
    ),
    (
        policy(reservation("erp", "80", 'protocol = "tpc"')),
        7,
        "reservation 'erp': protocol: 'tpc' is not one of 'tcp' or 'udp'; did you mean 'tcp'?",
    ),
    (
        policy(reservation("erp", "[80]")),
        6,
        "reservation 'erp': ports: found an array; a reservation has one range: write it without brackets",
    ),
    (
        policy(reservation("erp", "80", "")),
        4,
        "reservation 'erp': protocol is missing; write for example protocol = \"tcp\"",
    ),
    (
        policy(reservation("erp", "80", 'protocol = ["tcp"]')),
        7,
        "reservation 'erp': protocol: found an array; a reservation has one protocol: write it without brackets",
    ),
    (
        policy(reservation("erp", "80", 'protocol = "tcp"\nstate = "absent"')),
        8,
        "reservation 'erp': unknown key 'state'; it belongs under [[exclusion]]",
    ),
    (
        policy(reservation("erp", "80", 'protocol = "tcp"\nbound_by = "a\\u0000"')),
        8,
        f"reservation 'erp': bound_by: 'a\\x00' {PLAIN_RULE}",
    ),
]


@pytest.mark.parametrize(("text", "line", "message"), CASES, ids=[case[2][:40] for case in CASES])
def test_a_wrong_value_is_reported_in_its_place(text: str, line: int, message: str) -> None:
    assert f"some.toml:{line}: {message}" in errors(text)
    assert len(errors(text)) == (2 if text == "" else 1)


def test_no_message_speaks_of_the_machinery() -> None:
    everything = "\n".join(line for text, _, _ in CASES for line in errors(text)).lower()
    for word in ("pydantic", "http", "input should", "valid string", "validation", "literal", "none"):
        assert word not in everything


def test_a_complaint_of_a_kind_nobody_foresaw_is_still_reported() -> None:
    from reconciler.policy.messages import translate
    from reconciler.policy.models import Complaint
    from reconciler.policy.scanner import Lines

    complaint = Complaint("from_a_later_pydantic", ("policy", "name"), "x", {})
    (problem,) = translate([complaint], {}, Lines({}), "f")
    assert problem.message == "[policy] name: 'x' is not right here"


def test_a_line_end_in_what_an_error_quotes_begins_no_line() -> None:
    assert ReconcilerError("no\nerror: x", where="a\nb").lines() == ["a\\nb: no\\nerror: x"]
    problems = (PolicyProblem("E101", "one\n", "a"), PolicyProblem("E203", "two", "b\x1b", 3, 4))
    assert PolicyError(problems).lines() == ["a: E101 one\\n", "b\\x1b:3:4: E203 two"]
    assert StaleError("stale:\n  a\r").lines() == ["stale:", "  a\\r"]
