"""`keep`: the entries that a file needs, put at its end, in which no rule finds anything."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PolicyError, ReconcilerError
from reconciler.policy.document import Document, read_document
from reconciler.policy.files import check_policies
from reconciler.policy.keeping import Kept, entries_to_keep, keep, policy_name
from reconciler.policy.lint import ALL_RULES, Finding, lint_all
from reconciler.ports import FAMILIES, PROTOCOLS, Asked, PortRange, PortSet, Protocol

HEAD = 'version = 1\n\n[policy]\nname = "p"\n'
WEB = '\n[[exclusion]]\nname = "web"\nports = "8000-8099"\nprotocol = "tcp"\nreason = "Web servers"\n'


def asked(*words: str) -> list[Asked]:
    return [Asked.parse(word, ("tcp",)) for word in words]


def kept(text: str, *words: str) -> Kept:
    return keep(text, "p.toml", asked(*words))


def said(found: Kept) -> list[tuple[str, str, str]]:
    return [(entry.name, ", ".join(map(str, entry.ports)), "+".join(entry.protocols)) for entry in found.added]


def already(found: Kept) -> list[tuple[str, str, str]]:
    return [(item.entry.name, str(item.ports), "+".join(item.protocols)) for item in found.already]


def checked(text: str) -> tuple[dict[Protocol, PortSet], list[Finding]]:
    """What a file with this text keeps, and what check finds in it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "p.toml")
        file.write_bytes(text.encode())
        found = check_policies([file])
    (policy,) = found.everything.policies
    assert all(entry.families == FAMILIES and entry.store == "persistent" for entry in policy.exclusions)
    covers = {
        protocol: PortSet.of(
            ports for entry in policy.exclusions if protocol in entry.protocols for ports in entry.ports
        )
        for protocol in PROTOCOLS
    }
    return covers, list(lint_all(found.meetings, ALL_RULES))


EDGES = st.sampled_from(
    [1, 53, 80, 443, 3389, 5357, 5985, 8080, 30000, 32767, 49152, 50000, 50059, 52311, 60000, 65535]
)
PORT = st.one_of(EDGES, st.integers(1, 65535))


@st.composite
def requests(draw: st.DrawFn) -> list[Asked]:
    def one() -> Asked:
        first = draw(PORT)
        last = min(65535, first + draw(st.sampled_from([0, 0, 1, 9, 100, 4096, 20000])))
        return Asked(PortRange(first, last), draw(st.sampled_from([("tcp",), ("udp",), PROTOCOLS])))

    return [one() for _ in range(draw(st.integers(1, 5)))]


def of(items: list[Asked], protocol: Protocol) -> PortSet:
    return PortSet.of(item.ports for item in items if protocol in item.protocols)


@given(requests(), requests())
def test_what_is_kept_loads_covers_exactly_those_ports_and_has_no_findings(
    first: list[Asked], second: list[Asked]
) -> None:
    """In a new file, and again where the file is there already."""
    text = keep("", "desired/kept.toml", first).text
    covers, findings = checked(text)
    assert (covers, findings) == ({protocol: of(first, protocol) for protocol in PROTOCOLS}, [])
    more = keep(text, "desired/kept.toml", second)
    covers, findings = checked(text + more.text)
    assert (covers, findings) == ({protocol: of(first + second, protocol) for protocol in PROTOCOLS}, [])
    again = keep(text + more.text, "desired/kept.toml", first + second)
    assert (again.text, again.added) == ("", ())
    for protocol in PROTOCOLS:
        named = PortSet.of(item.ports for item in again.already if protocol in item.protocols)
        assert named == of(first + second, protocol)


def test_a_new_file_is_a_policy_with_the_name_of_the_file() -> None:
    found = keep("", "desired/web ports.toml", asked("8080"))
    assert found.text.endswith(
        'version = 1\n\n[policy]\nname = "web-ports"\n\n[[exclusion]]\nname = "port-8080"\nports = 8080\n'
        'protocol = "tcp"\nreason = "Asked for by reconciler keep 8080; say here what binds it"\n'
    )
    assert found.added[0].place.line == 7
    names = ["a/b/c.toml", "C:\\x\\y.toml", "-.toml", "x" * 70, "é.toml"]
    assert list(map(policy_name, names)) == ["c", "y", "kept", "x" * 64, "kept"]
    assert keep(" \n", "p.toml", asked("8080")).text == keep("", "p.toml", asked("8080")).text


def test_what_is_added_stands_after_everything_that_is_there_with_its_line_ends() -> None:
    for text, begin in ((HEAD, "\n[["), (HEAD.rstrip(), "\n\n[["), (HEAD.replace("\n", "\r\n"), "\r\n[[")):
        found = kept(text, "9000")
        assert found.text.startswith(begin)
        assert ("\r\n" in found.text) == ("\r\n" in text)
        assert checked(text + found.text)[0]["tcp"] == PortSet.of([PortRange(9000, 9000)])


def test_names_say_ports_and_protocols_and_are_not_taken() -> None:
    found = kept("", "8000-8099", "53/udp", "5060/tcp+udp", "8080/udp")
    assert said(found) == [
        ("ports-8000-8099", "8000-8099", "tcp"),
        ("port-53-udp", "53", "udp"),
        ("port-5060-tcp-udp", "5060", "tcp+udp"),
        ("port-8080-udp", "8080", "udp"),
    ]
    taken = HEAD + '[[exclusion]]\nname = "port-8080"\nports = 1\n[[exclusion]]\nname = "port-8080-2"\nports = 3\n'
    assert said(kept(taken, "8080")) == [("port-8080-3", "8080", "tcp")]


def test_what_is_asked_twice_or_lies_inside_another_is_written_once() -> None:
    assert said(kept("", "8080/tcp", "8080/udp")) == [("port-8080-tcp-udp", "8080", "tcp+udp")]
    assert said(kept("", "8080", "8000-8099")) == [("ports-8000-8099", "8000-8099", "tcp")]
    assert said(kept("", "8000-8099", "8090-8109/tcp+udp")) == [
        ("ports-8000-8099", "8000-8099", "tcp"),
        ("ports-8100-8109", "8100-8109", "tcp"),
        ("ports-8090-8109-udp", "8090-8109", "udp"),
    ]


def test_what_the_file_keeps_already_is_told_and_only_the_rest_is_written() -> None:
    text = HEAD + WEB
    assert (kept(text, "8080").text, already(kept(text, "8080"))) == ("", [("web", "8080", "tcp")])
    found = kept(text, "8090-8109/tcp+udp")
    assert already(found) == [("web", "8090-8099", "tcp")]
    assert [item[1:] for item in said(found)] == [("8100-8109", "tcp"), ("8090-8109", "udp")]
    both = HEAD + WEB.replace('protocol = "tcp"\n', "")
    assert already(kept(both, "8080/tcp+udp")) == [("web", "8080", "tcp+udp")]
    erp = '\n[[reservation]]\nname = "erp"\nports = 9000\nprotocol = "tcp"\nbound_by = "erp.exe"\nreason = "ERP"\n'
    assert already(kept(HEAD + erp, "9000")) == [("erp", "9000", "tcp")]


@pytest.mark.parametrize("line", ['store = "active"', 'family = "ipv4"', 'state = "absent"', 'protocol = "udp"'])
def test_what_does_not_keep_the_port_for_good_is_no_reason_to_leave_it_out(line: str) -> None:
    text = HEAD + WEB.replace('protocol = "tcp"', line)
    assert already(kept(text, "8080")) == []
    assert said(kept(text, "8080")) == [("port-8080", "8080", "tcp")]


def test_an_entry_that_the_file_switches_off_keeps_nothing() -> None:
    erp = '[[reservation]]\nname = "erp"\nports = 9000\nprotocol = "tcp"\nbound_by = "erp.exe"\nreason = "ERP"\n'
    text = f'version = 1\ndisable = ["web", "erp"]\n[policy]\nname = "p"\n{erp}{WEB}'
    assert [name for name, _, _ in said(kept(text, "8080", "9000"))] == ["port-8080", "port-9000"]


def test_what_a_rule_would_find_is_told_and_allowed() -> None:
    found = kept("", "80", "8080")
    assert [(finding.rule, finding.entry) for finding in found.findings] == [("R101", "port-80")]
    assert [entry.allow for entry in found.added] == [("R101",), ()]
    large = HEAD + WEB.replace("8000-8099", "50060-58000")  # half of the range is not there yet
    more = kept(large, "59000-62000")
    assert [(finding.rule, finding.entry) for finding in more.findings] == [("R402", "web"), ("R403", "web")]
    assert more.added[0].allow == ("R402", "R403")
    assert checked(large + more.text)[1] == []


def test_findings_that_are_there_already_are_left_to_check() -> None:
    text = HEAD + '[[exclusion]]\nname = "old"\nports = 80\n'
    found = kept(text, "9000")
    assert (found.findings, found.added[0].allow) == ((), ())
    assert {finding.entry for finding in checked(text + found.text)[1]} == {"old"}


def test_a_file_with_problems_is_not_extended() -> None:
    with pytest.raises(PolicyError):
        kept(HEAD + "[[exclusion]]\n", "9000")
    both = 'state = "absent"'
    with pytest.raises(PolicyError, match="absent"):
        kept(HEAD + WEB.replace("8000-8099", "8080").replace('protocol = "tcp"', both), "8080")


def beside(text: str, file: str = "desired/other.toml") -> Document:
    document, problems = read_document(text, file)
    assert document is not None
    assert not problems
    return document


def test_what_other_files_of_the_folder_say_of_the_ports_is_told_and_allowed() -> None:
    other = beside(HEAD.replace('"p"', '"q"') + WEB)
    found = keep("", "desired/z.toml", asked("8080", "9000"), [other])
    assert [(finding.rule, finding.entry) for finding in found.findings] == [("R301", "port-8080")]
    assert "overlaps 8000-8099 of q/web at desired/other.toml:6" in found.findings[0].message
    first = keep("", "desired/a.toml", asked("8080", "9000"), [other])
    assert [(finding.rule, finding.entry) for finding in first.findings] == [("R301", "web")]
    for each in (found, first):
        assert [entry.allow for entry in each.added] == [("R301",), ()]


def test_names_that_another_file_of_the_policy_has_are_taken() -> None:
    other = beside(HEAD.replace('"p"', '"kept"') + WEB.replace("web", "port-9000"))
    assert [entry.name for entry in keep("", "desired/kept.toml", asked("9000"), [other]).added] == ["port-9000-2"]


def test_only_problems_that_are_new_are_in_the_way() -> None:
    erp = '\n[[reservation]]\nname = "erp"\nports = "8000-8009"\nprotocol = "tcp"\nbound_by = "x"\nreason = "ERP"\n'
    wrong = beside(HEAD.replace('"p"', '"q"') + WEB + erp)
    assert keep("", "desired/kept.toml", asked("9000"), [wrong]).added
    with pytest.raises(PolicyError, match="erp"):
        keep("", "desired/kept.toml", asked("8005"), [beside(HEAD.replace('"p"', '"q"') + erp)])
    with pytest.raises(PolicyError, match="erp"):
        kept(HEAD + WEB + erp, "9000")


def test_entries_in_one_array_cannot_be_followed_by_others() -> None:
    text = 'version = 1\nexclusion = [{name = "a", ports = 1}]\n[policy]\nname = "p"\n'
    with pytest.raises(ReconcilerError, match=r"nothing can be put at the end of this file .*\[\[exclusion\]\]"):
        kept(text, "9000")


def test_the_entries_alone_are_those_of_a_new_file() -> None:
    assert entries_to_keep(asked("80", "8080")) == keep("", "", asked("80", "8080")).added
