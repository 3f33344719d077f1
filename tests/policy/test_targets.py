from __future__ import annotations

import pytest

from reconciler.policy.document import Target
from reconciler.policy.merge import HostWords, matches, scopes
from tests.policy.texts import exclusion, good, policy

HOST = HostWords("windows", "AKS-pool-01", frozenset({"node", "prod"}))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(), True),
        (Target(os=("windows",)), True),
        (Target(os=("linux",)), False),
        (Target(os=("linux", "windows")), True),
        (Target(hosts=("aks-*",)), True),
        (Target(hosts=("AKS-POOL-0?",)), True),
        (Target(hosts=("aks-pool-0[2-9]", "sql-*")), False),
        (Target(hosts=("aks-pool",)), False),
        (Target(tags=("node",)), True),
        (Target(tags=("Node",)), False),
        (Target(tags=("db", "prod")), True),
        (Target(("windows",), ("aks-*",), ("node",)), True),
        (Target(("linux",), ("aks-*",), ("node",)), False),
        (Target(("windows",), ("sql-*",), ("node",)), False),
        (Target(("windows",), ("aks-*",), ("db",)), False),
    ],
)
def test_every_key_given_must_match(target: Target, expected: bool) -> None:
    assert matches(target, HOST) is expected


def test_a_host_without_tags_is_meant_by_no_tag() -> None:
    assert not matches(Target(tags=("node",)), HostWords("windows", "a"))


def meetings(*targets: str) -> set[str]:
    """Which of the files 0, 1, ... meet, such as {"01", "2"}."""
    documents = [good(policy(f"[target]\n{target}\n"), str(index)) for index, target in enumerate(targets)]
    return {"".join(document.file for document in scope.documents) for scope in scopes(documents) or ()}


def test_files_meet_where_their_targets_say_so() -> None:
    assert meetings("") == {"0"}
    assert meetings("", 'hosts = ["aks-*"]') == {"0", "01"}
    assert meetings('hosts = ["*"]', 'hosts = ["aks-*"]') == {"0", "01"}
    assert meetings('hosts = ["sql-*"]', 'hosts = ["aks-*"]') == {"0", "1"}
    assert meetings('hosts = ["[ab]-*"]', 'hosts = ["[AB]-*", "c"]') == {"01", "1"}
    assert meetings('os = ["linux"]', 'os = ["windows"]', "") == {"02", "12"}
    assert meetings('tags = ["db"]', 'tags = ["web"]', 'tags = ["db", "web"]', "") == {"023", "123", "3"}


def test_each_meeting_is_reported_once() -> None:
    documents = [good(policy(), str(index)) for index in range(3)]
    assert [len(scope.documents) for scope in scopes(documents) or ()] == [3]
    assert scopes([]) == ()


def test_a_meeting_knows_the_systems_on_which_it_is_one() -> None:
    texts = ("", '[target]\nos = ["linux"]\n', '[target]\ntags = ["db"]\n')
    documents = [good(policy(text), str(index)) for index, text in enumerate(texts)]
    found = {"".join(document.file for document in files): systems for files, systems in scopes(documents) or ()}
    assert found == {"0": {"windows"}, "01": {"linux"}, "02": {"windows"}, "012": {"linux"}}


def many(form: str, count: int) -> str:
    return "[" + ", ".join(f'"{form.format(number)}"' for number in range(count)) + "]"


def test_a_thousand_names_of_hosts_and_tags_are_looked_at_quickly() -> None:
    wide = good(policy(f"[target]\nhosts = {many('h{}', 700)}\ntags = {many('t{}', 700)}\n"), "0")
    patterns = good(policy(f"[target]\nhosts = {many('h{}*', 500)}\n"), "1")
    found = scopes([wide, patterns])
    assert found is not None
    assert {"".join(item.file for item in scope.documents) for scope in found} == {"1", "01"}


@pytest.mark.parametrize(
    "target",
    [f"hosts = {many('h{}', 1000)}\ntags = {many('t{}', 501)}", f"hosts = {many('h{}*', 1000)}"],
    ids=["hosts with tags", "patterns"],
)
def test_of_too_many_hosts_none_is_looked_at(target: str) -> None:
    files = [good(policy(f"[target]\n{target}\n")), good(policy('[target]\nhosts = ["x*"]\n'), "1")]
    assert scopes(files) is None


def test_files_that_meet_in_too_many_ways_are_not_looked_at() -> None:
    base = good(policy("".join(exclusion(f"e{number}", "80") for number in range(2500))), "base")
    others = [good(policy(f'[target]\nhosts = ["h{number}"]\n'), str(number)) for number in range(80)]
    assert scopes([base, *others[:70]]) is not None
    assert scopes([base, *others]) is None
