from __future__ import annotations

import tracemalloc

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy import document as document_module
from reconciler.policy.document import Target, read_document
from reconciler.policy.entries import DynamicRange, Exclusion, Place, Reservation, Unmanaged
from reconciler.policy.problems import MOST_PROBLEMS
from reconciler.policy.scanner import MOST_PARTS
from reconciler.ports import PortRange
from tests.policy.texts import FILE, errors, exclusion, good, policy, reservation

WHOLE = """\
version = 1
disable = ["old"]

[policy]
name = "aks-node"
description = "Ports of a Windows Kubernetes node"
formerly = ["aks"]

[target]
os = ["windows"]
hosts = ["aks-*"]
tags = ["node"]

[limits]
max_deletes = 20
max_delete_percent = 30
min_dynamic_ports = 4096

[unmanaged]
action = "delete"
ports = ["1024-49151"]

[dynamic_range]
tcp = "49152-65535"
udp = "50000-65535"

[[exclusion]]
name = "nodeports"
ports = "30000-32767"
protocol = ["tcp", "udp"]
family = "ipv4"
store = "active"
reason = "NodePorts"
busy = "fill"
protect = true
state = "present"
allow = ["R101"]

[[reservation]]
name = "erp"
ports = "12000-12009"
protocol = "tcp"
bound_by = "ERP service, LocalSystem"
reason = "ERP cluster"
protect = true
allow = ["R102"]
"""


def test_every_key_of_a_file_is_taken_in() -> None:
    document = good(WHOLE)
    assert document.file == FILE
    assert document.policy == "aks-node"
    assert document.place == Place(FILE, 4)
    assert document.description == "Ports of a Windows Kubernetes node"
    assert document.formerly == ("aks",)
    assert document.target == Target(("windows",), ("aks-*",), ("node",))
    assert document.limits == {"max_deletes": 20, "max_delete_percent": 30, "min_dynamic_ports": 4096}
    assert document.unmanaged == Unmanaged("delete", (PortRange(1024, 49151),), "aks-node", Place(FILE, 19))
    assert document.dynamic_range == DynamicRange(
        {"tcp": PortRange(49152, 65535), "udp": PortRange(50000, 65535)}, "aks-node", Place(FILE, 23)
    )
    assert (document.disable, document.disable_place) == (("old",), Place(FILE, 2))
    assert document.exclusions == (
        Exclusion(
            "aks-node",
            "nodeports",
            Place(FILE, 27),
            (PortRange(30000, 32767),),
            ("tcp", "udp"),
            ("ipv4",),
            "active",
            "NodePorts",
            "fill",
            True,
            "present",
            ("R101",),
        ),
    )
    assert document.reservations == (
        Reservation(
            "aks-node",
            "erp",
            Place(FILE, 39),
            PortRange(12000, 12009),
            "tcp",
            "ERP service, LocalSystem",
            "ERP cluster",
            True,
            ("R102",),
        ),
    )
    assert [entry.name for entry in document.entries()] == ["nodeports", "erp"]


def test_what_is_left_out_has_its_default() -> None:
    document = good(policy(exclusion("web", "80")))
    assert document.target == Target()
    assert document.limits == {}
    assert document.unmanaged is None
    assert document.dynamic_range is None
    (entry,) = document.exclusions
    assert entry == Exclusion("p", "web", Place(FILE, 4), (PortRange(80, 80),), ("tcp", "udp"), ("ipv4", "ipv6"))
    (reserved,) = good(policy(reservation("erp", "80"))).reservations
    assert reserved == Reservation("p", "erp", Place(FILE, 4), PortRange(80, 80), "tcp")


def test_a_file_without_entries_wants_nothing() -> None:
    document = good(policy())
    assert list(document.entries()) == []
    assert document.complete


def test_the_other_protocol_keeps_its_ephemeral_range() -> None:
    stated = good(policy('[dynamic_range]\nudp = "49152-65535"\n')).dynamic_range
    assert stated is not None
    assert dict(stated.ranges) == {"udp": PortRange(49152, 65535)}


@pytest.mark.parametrize(
    "body",
    [
        'exclusion = [{ name = "a", ports = 80 }]\n',
        "exclusion = []\nreservation = []\n",
    ],
)
def test_entries_may_stand_in_one_line(body: str) -> None:
    document = good(body + policy())
    assert [entry.place.line for entry in document.exclusions] == [1] * len(document.exclusions)


def test_dotted_and_quoted_keys_are_as_good_as_any() -> None:
    document = good('version = 1\npolicy.name = "p"\n\n[["exclusion"]]\n"name" = "a"\nports = 80\n')
    assert document.exclusions[0].place == Place(FILE, 4)
    assert document.place == Place(FILE, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "version = \n",
            "some.toml:1:11: this is not TOML: the value is missing or none of TOML; a text is written in quotes",
        ),
        (
            "version = 1\nversion = 2\n",
            "some.toml:2:12: this is not TOML: the key 'version' is there already; give each key once",
        ),
        ("[policy\n", "some.toml:1:8: this is not TOML: the name of a table is not closed; end it with ]"),
        ("a = 1\n\nb = " + "9" * 5000, "some.toml:3: an integer has too many digits; the largest port is 65535"),
        (
            "a = " + "[" * 5000,
            "some.toml: arrays, tables or keys are nested too deeply; no policy needs more than 3 levels",
        ),
        (
            "a = " + "{a=" * 5000,
            "some.toml: arrays, tables or keys are nested too deeply; no policy needs more than 3 levels",
        ),
    ],
)
def test_what_tomli_refuses_is_one_problem(text: str, message: str) -> None:
    assert errors(text) == [message]
    assert read_document(text, FILE)[0] is None


def test_an_error_of_tomli_that_names_no_digits_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise ValueError("something else about an integer")

    monkeypatch.setattr(tomli, "loads", refuse)
    assert errors("") == ["some.toml: an integer has too many digits; the largest port is 65535"]


def test_deep_nesting_that_tomli_reads_is_a_wrong_value_like_any_other() -> None:
    assert "expected a port or a range, found an array" in errors(policy(exclusion("a", "[" * 300 + "]" * 300)))[0]
    assert "unknown key 'x'" in errors(".".join("x" * MOST_PARTS) + " = 1\n" + policy())[0]


def test_a_very_long_dotted_key_is_refused_and_a_comment_is_none() -> None:
    assert errors(policy("a." * 6000 + "a = 1")) == [
        "some.toml:4: arrays, tables or keys are nested too deeply; no policy needs more than 3 levels"
    ]
    assert not errors(policy("# " + "a." * 6000))


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize("form", ["{} = 1", "[{}]", "[[{}]]"])
def test_a_key_of_many_parts_is_refused_before_it_is_read(form: str) -> None:
    keys = (form.format(f"k{number}." + ".".join("a" * 900)) + "\n" for number in range(10))
    assert errors(policy("".join(keys))) == [
        "some.toml:4: arrays, tables or keys are nested too deeply; no policy needs more than 3 levels"
    ]


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of what a file may have; and nothing is read by tomli."""

    def loads(text: str) -> None:
        raise AssertionError("it was read")

    for name, limit in (("MOST_ENTRIES", 200), ("MOST_VALUES", 2500), ("_MOST_HEADERS", 4000), ("_MOST_LINES", 5000)):
        monkeypatch.setattr(document_module, name, limit)
    monkeypatch.setattr(tomli, "loads", loads)


ENTRIES = "entries; a policy file may have 200: split it into several files"
TOO_MANY = "tables, keys and values; a policy file may have 2,500: write ranges, or split it into several files"


@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("[[exclusion]]\n" * 201, f"the file has 201 {ENTRIES}"),
        ("exclusion = [" + "{}, " * 101 + "]\n" + "[[reservation]]\n" * 101, f"the file has 202 {ENTRIES}"),
        ("[[t]]\n" * 2600, f"the file has about 2,604 {TOO_MANY}"),
        ("[[t]]\n" * 4001, f"the file has about 4,001 {TOO_MANY}"),
        (exclusion("a", "[" + "1, " * 2600 + "]"), f"the file has about 2,600 {TOO_MANY}"),
        ("\n" * 5000, "the file has 5,000 lines or more: split it into several files"),
    ],
    ids=["entries", "entries of both kinds", "tables", "very many tables", "values", "lines"],
)
def test_a_file_of_too_much_is_refused_before_it_is_read(body: str, message: str) -> None:
    text = "version = 1\n" + body if body.startswith("exclusion =") else policy(body)
    assert errors(text) == [f"some.toml: {message}"]


@pytest.mark.parametrize(
    ("body", "subject"),
    [
        ("{}", "[policy]: "),
        ("[[exclusion]]\n{}", "exclusion number 1: "),
        ("[[exclusion]]\nname = 'a'\n[[exclusion]]\n{}", "exclusion number 2: "),
        ("[t]\n{}", ""),
    ],
)
def test_very_many_unknown_keys_are_found_in_every_table(body: str, subject: str) -> None:
    keys = "".join(f"k{number} = 1\n" for number in range(10_100))
    tables = "".join(f"[t{number}]\n" for number in range(10_100)) if not subject else ""
    found = errors(policy(body.format("" if tables else keys) + tables))
    assert len(found) == MOST_PROBLEMS + 1
    assert f"{subject}unknown key '" in found[0]
    assert found[-1] == f"some.toml: and {10_001 if tables else 10_000:,} more"


def test_huge_integers_are_reported_in_short() -> None:
    assert errors(policy(exclusion("a", "0x" + "f" * 10_000))) == [
        "some.toml:6: exclusion 'a': ports: a huge integer is not a port; ports are 1-65535"
    ]
    assert errors(policy("[limits]\nmax_delete_percent = " + "9" * 4000)) == [
        "some.toml:5: [limits] max_delete_percent: a huge integer is too large; the most is 100"
    ]
    assert good(policy("[limits]\nmax_deletes = 99999999999999999999\n")).limits == {"max_deletes": 10**20 - 1}


def test_of_a_newer_file_only_the_version_is_complained_of() -> None:
    text = policy("something = 1\n[new_table]\n", version="2")
    assert errors(text) == [
        (
            "some.toml:1: version: 2 (an integer) is unknown here, this program reads version 1; "
            "a newer port-reconciler may know it"
        )
    ]


def test_what_tomli_reads_is_read() -> None:
    """Inline tables of several lines, and escapes: newer TOML than 1.0, and a tomli of 2.4 knows it."""
    document = good(
        'exclusion = [{ name = "a",\nports = 80, reason = "\\x41" },\n{ name = "b", ports = 81 }]\n' + policy()
    )
    assert [(entry.name, entry.place.line) for entry in document.exclusions] == [("a", 1), ("b", 3)]
    assert document.exclusions[0].reason == "A"


@pytest.mark.parametrize(
    "body",
    [
        "".join(f"[t{number}]\n" for number in range(150)),
        "".join(f"[t{number}]\n" for number in range(20_000)),
        "".join(f"k{number} = 1\n" for number in range(150)),
        "[[exclusion]]\n" * 75,
        "[[exclusion]]\nname = 'a'\nports = [" + "0, " * 150 + "]\n",
    ],
    ids=["tables", "very many tables", "keys", "entries", "values"],
)
def test_of_many_problems_the_first_are_given_and_the_number_of_the_others(body: str) -> None:
    document, problems = read_document(policy(body), FILE)
    assert document is None
    assert len(problems) == MOST_PROBLEMS + 1
    assert problems[-1].message == ("and 19,900 more" if "[t151]" in body else "and 50 more")


def test_of_very_many_wrong_entries_the_first_are_looked_at_and_all_are_counted() -> None:
    _, problems = read_document(policy("[[exclusion]]\n" * 1200), FILE)
    assert [problem.place.line for problem in problems[:3]] == [4, 4, 5]
    assert problems[-1].message == "and 2,300 more"


def test_many_problems_behind_many_right_entries_are_found() -> None:
    right = "".join(f"[[exclusion]]\nname = 'e{number}'\nports = 80\n" for number in range(1000))
    document, problems = read_document(policy(right + "[[exclusion]]\nports = 80\n" * 1001), FILE)
    assert document is None
    assert problems[0].place.line == 3004
    assert problems[-1].message == "and 901 more"


def test_30_000_unknown_tables_take_no_memory_that_counts() -> None:
    text = policy("".join(f"[t{number}]\n" for number in range(30_000)))
    tracemalloc.start()
    read_document(text, FILE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15 * 2**20


def test_what_is_right_in_a_wrong_file_remains() -> None:
    text = policy(
        "[limits]\nmax_deletes = -1\n"
        + exclusion("a", "80-")
        + exclusion("b", '"80-"')
        + exclusion("c", "82")
        + "[[exclusion]]\nname = 3\n"
        + reservation("d", "0")
        + reservation("e", "84")
    ).replace("80-\n", "80\n", 1)
    document, problems = read_document(text, FILE)
    assert document is not None
    assert not document.complete
    assert [(entry.name, entry.place.line) for entry in document.entries()] == [("a", 6), ("c", 14), ("e", 24)]
    assert document.lost == (("b", Place(FILE, 10)), ("d", Place(FILE, 20)))
    assert document.limits == {}
    assert len(problems) == 5


@pytest.mark.parametrize(
    "text", [policy(name="?"), policy("[target]\nos = []\n"), "version = true\n[policy]\nname = 'p'\n"]
)
def test_of_a_file_whose_name_or_target_is_wrong_nothing_remains(text: str) -> None:
    document, problems = read_document(text, FILE)
    assert document is None
    assert len(problems) == 1


VALUES = st.recursive(
    st.none().map(lambda _: "1979-05-27")
    | st.booleans().map(lambda value: str(value).lower())
    | st.integers(-10, 70000).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda value: f"{value:.3f}")
    | st.sampled_from(['"tcp"', '"80-90"', '"delete"', '"windows"', '"a"', '""', '"absent"', '"\\u0000"']),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | inner.map(lambda item: f"{{ name = {item} }}")
    ),
    max_leaves=4,
)
KEYS = st.sampled_from(
    ["name", "ports", "protocol", "family", "store", "busy", "protect", "state", "allow", "reason", "tcp", "os", "x"]
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=4).map(lambda keys: "".join(f"{k} = {v}\n" for k, v in keys.items()))
HEADS = st.sampled_from(["[[exclusion]]\n", "[[reservation]]\n", "[target]\n", "[unmanaged]\n", "[dynamic_range]\n"])


@given(st.lists(st.tuples(HEADS, BODIES), max_size=4, unique_by=lambda item: (item[0], item[0][1] != "[" or item[1])))
def test_whatever_a_file_says_it_is_read_or_reported(tables: list[tuple[str, str]]) -> None:
    seen: set[str] = set()
    text = policy()
    for head, body in tables:
        if head not in seen or head.startswith("[["):
            text += head + body
        seen.add(head)
    tomli.loads(text)
    document, problems = read_document(text, FILE)
    assert document is not None or problems
    last = text.count("\n") + 1
    for problem in problems:
        assert 1 <= problem.place.line <= last
        assert problem.message.isprintable()


def test_an_array_of_more_ports_than_can_stand_apart_is_one_error() -> None:
    body = exclusion("a", "[" + "1, " * 32_769 + "]")
    assert errors(policy(body)) == [
        "some.toml:6: exclusion 'a': ports: the array has 32,769 values; write ranges, at most 32,768"
    ]
    assert not errors(policy(body.replace("1, ", "", 1)))


def test_an_array_of_more_words_than_anybody_writes_is_one_error() -> None:
    for keys in ("[target]\nhosts", "[target]\ntags", "formerly", "[[exclusion]]\nname = 'a'\nports = 80\nallow"):
        found = errors(policy(f"{keys} = [{'0, ' * 1001}]\n"))
        assert len(found) == 1
        assert found[0].endswith(": the array has 1,001 values; the most is 1,000")
