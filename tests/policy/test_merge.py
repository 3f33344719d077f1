from __future__ import annotations

import pytest

from reconciler.policy.document import Document, read_document
from reconciler.policy.entries import Limits, PolicySet
from reconciler.policy.merge import merge, name_problems, scope_problems
from reconciler.ports import PortRange
from tests.policy.texts import exclusion, good, plain, policy, reservation


def docs(*texts: str) -> list[Document]:
    return [good(text, f"{index}.toml") for index, text in enumerate(texts)]


def name_errors(*documents: Document, whole: bool = True) -> list[str]:
    return [plain(problem) for problem in name_problems(documents, whole=whole)]


def scope_errors(*documents: Document) -> list[str]:
    return [plain(problem) for problem in scope_problems(merge(documents, documents), documents)]


def merged(documents: list[Document], *active: int) -> PolicySet:
    return merge(documents, [documents[index] for index in active])


def test_files_of_one_name_form_one_policy() -> None:
    documents = docs(
        policy('formerly = ["old"]\n' + exclusion("a", "80"), name="x"),
        policy(exclusion("b", "81"), name="w"),
        policy('description = "why"\nformerly = ["older", "old"]\n' + reservation("c", "82"), name="x"),
    )
    policies = merged(documents, 0, 1, 2)
    assert [policy.name for policy in policies.policies] == ["w", "x"]
    both = policies.policies[1]
    assert [entry.name for entry in both.exclusions] == ["a"]
    assert [entry.name for entry in both.reservations] == ["c"]
    assert both.files == ("0.toml", "2.toml")
    assert both.formerly == ("old", "older")
    assert both.description == "why"
    assert policies.in_scope() == policies.policies


def test_each_file_says_for_its_own_entries_what_becomes_of_them() -> None:
    documents = docs(
        policy('on_remove = "release"\n' + exclusion("a", "80"), name="x"),
        policy('on_remove = "delete"\n' + exclusion("b", "81"), name="x"),
        policy('on_remove = "release"\n' + exclusion("c", "82"), name="x"),
    )
    policies = merged(documents, 0, 1)
    assert policies.releasing == {"0.toml"}
    assert [policies.on_remove(entry) for entry in policies.policies[0].exclusions] == ["release", "delete"]


def test_entries_of_files_for_other_hosts_are_elsewhere() -> None:
    documents = docs(
        policy(exclusion("a", "80")), policy(exclusion("b", "81") + reservation("c", "82")), policy(name="q")
    )
    here, other = merged(documents, 0).policies
    assert [entry.name for entry in here.exclusions] == ["a"]
    assert here.elsewhere == {"b", "c"}
    assert here.in_scope
    assert not other.in_scope


def test_a_policy_out_of_scope_keeps_its_names() -> None:
    (policy_,) = merged(docs(policy(exclusion("a", "80")))).policies
    assert not policy_.in_scope
    assert policy_.exclusions == ()
    assert policy_.elsewhere == {"a"}


def test_disable_switches_off_here_and_gives_up_elsewhere() -> None:
    documents = docs(
        policy(exclusion("a", "80") + exclusion("b", "81") + reservation("c", "82")),
        'disable = ["a", "c", "d"]\n' + policy(),
        policy(exclusion("d", "83")),
    )
    (policy_,) = merged(documents, 0, 1).policies
    assert [entry.name for entry in policy_.exclusions] == ["b"]
    assert policy_.reservations == ()
    assert policy_.elsewhere == frozenset()
    (policy_,) = merged(documents, 0).policies  # the file that disables is for other hosts
    assert [entry.name for entry in policy_.exclusions] == ["a", "b"]
    assert [entry.name for entry in policy_.reservations] == ["c"]
    assert policy_.elsewhere == {"d"}


def test_disable_is_for_one_policy_only() -> None:
    documents = docs(policy(exclusion("a", "80")), 'disable = ["a"]\n' + policy(exclusion("a", "81"), name="q"))
    first, second = merged(documents, 0, 1).policies
    assert len(first.exclusions) == 1
    assert second.exclusions == ()


def test_the_strictest_limits_of_the_files_in_scope_hold() -> None:
    documents = docs(
        policy("[limits]\nmax_deletes = 50\nmin_dynamic_ports = 100\n"),
        policy("[limits]\nmax_deletes = 40\nmax_delete_percent = 90\n", name="q"),
        policy("[limits]\nmin_dynamic_ports = 200\n", name="r"),
        policy("[limits]\nmax_deletes = 0\nmin_dynamic_ports = 9999\n", name="s"),
    )
    assert merged(documents, 0, 1, 2).limits == Limits(40, 90, 200)
    assert merged(documents, 0).limits == Limits(50, 30, 100)
    assert merged(documents).limits == Limits()


def test_the_settings_of_a_file_out_of_scope_do_not_count() -> None:
    documents = docs(
        policy("[unmanaged]\naction = 'report'\n"), policy("[dynamic_range]\ntcp = '20000-30000'\n", name="q")
    )
    policies = merged(documents, 0)
    assert policies.unmanaged is not None
    assert policies.unmanaged.action == "report"
    assert policies.dynamic_range is None
    stated = merged(documents, 1).dynamic_range
    assert stated is not None
    assert (stated.policy, stated.ranges) == ("q", {"tcp": PortRange(20000, 30000)})


def test_an_entry_name_stands_once_in_a_policy() -> None:
    documents = docs(
        policy(exclusion("a", "80") + exclusion("a", "81")),
        policy(reservation("a", "90")),
        policy(exclusion("a", "1"), name="q"),
    )
    message = (
        "entry 'a' stands already at 0.toml:4; rename one: in policy 'p' each name is given once, "
        "exclusions and reservations together"
    )
    assert name_errors(*documents) == [f"0.toml:8: {message}", f"1.toml:4: {message}"]


def test_a_name_counts_although_its_entry_is_wrong() -> None:
    wrong, _ = read_document(policy(exclusion("a", "0")), "wrong.toml")
    assert wrong is not None
    assert name_errors(*docs(policy(exclusion("a", "80"))), wrong)[0].startswith(
        "wrong.toml:4: entry 'a' stands already"
    )


def test_disabled_names_must_be_known() -> None:
    documents = docs(
        policy(exclusion("nodeports", "80")),
        'disable = ["nodeport", "zzz", "nodeports"]\n' + policy(),
        policy(exclusion("zzz", "81"), name="q"),
    )
    assert name_errors(*documents) == [
        "1.toml:1: disable: policy 'p' has no entry 'nodeport'; did you mean 'nodeports'?",
        "1.toml:1: disable: policy 'p' has no entry 'zzz'; name an entry of this policy, or take it out",
    ]
    assert name_errors(*documents, whole=False) == []  # the missing file may have the names


@pytest.mark.parametrize(
    "wrong",
    [
        "[limits]\nmax_deletes = -1\n",
        "[unmanaged]\naction = 1\n",
        "[dynamic_range]\n",
        exclusion("a", "0"),
        reservation("a", "[80]"),
    ],
)
def test_what_is_wrong_elsewhere_does_not_hide_an_unknown_disabled_name(wrong: str) -> None:
    document, problems = read_document('disable = ["a", "b"]\n' + policy(wrong + exclusion("c", "90")), "0.toml")
    assert document is not None
    assert len(problems) == 1
    known = ["a", "b"] if "name" not in wrong else ["b"]
    assert [message.split("; ")[0] for message in name_errors(document)] == [
        f"0.toml:1: disable: policy 'p' has no entry '{name}'" for name in known
    ]


@pytest.mark.parametrize(
    "wrong", ["[exclusion]\nname = 'a'\n", "[[exclusions]]\nname = 'a'\n", "[[exclusion]]\nname = 3\nports = 80\n"]
)
def test_disabled_names_are_not_held_against_a_policy_whose_entries_are_not_all_known(wrong: str) -> None:
    document, problems = read_document(policy(wrong), "0.toml")
    assert document is not None
    assert problems
    assert name_errors(document, *docs('disable = ["a"]\n' + policy())) == []
    assert name_errors(*docs('disable = ["a"]\n' + policy()), whole=False) == []


def test_thousands_of_unknown_disabled_names_are_reported_at_once() -> None:
    entries = "".join(exclusion(f"entry-{number}", str(number)) for number in range(1, 1001))
    disable = ", ".join(f'"entri-{number}"' for number in range(1, 1001))
    document = good(f"disable = [{disable}]\n" + policy(entries))
    messages = name_errors(document)
    assert len(messages) == 1000
    assert sum("did you mean 'entry-" in message for message in messages) == 10


def test_a_policy_was_formerly_another_that_is_gone() -> None:
    place = "2.toml:4: [policy] formerly:"
    assert name_errors(*docs(policy('formerly = ["old"]\n'), policy('formerly = ["old"]\n'))) == []
    first, second = docs(policy(name="old"), policy('formerly = ["older"]\n', name="b"))
    renamed = good(policy('formerly = ["old", "older", "new"]\n', name="new"), "2.toml")
    assert name_errors(first, second, renamed) == [
        f"{place} names 'old', but a policy of that name is at 0.toml:2; take the name out, or that policy's files",
        f"{place} names 'older', and so does policy 'b' at 1.toml:4; only one policy can inherit what is owned",
        f"{place} names this very policy; take 'new' out",
    ]


def test_settings_of_one_host_may_not_differ() -> None:
    first = "[unmanaged]\naction = 'report'\nports = [80, '90-99']\n"
    same = "[unmanaged]\nports = ['90-99', 80]\naction = 'report'\n"
    ranges = "[dynamic_range]\ntcp = '20000-30000'\n"
    assert scope_errors(*docs(policy(first + ranges), policy(same + ranges, name="q"))) == []
    others = docs(
        policy(first + ranges),
        policy("[unmanaged]\n", name="q"),
        policy(ranges + "udp = '20000-30000'\n"),
    )
    assert scope_errors(*others) == [
        "1.toml:4: [unmanaged] differs from the one at 0.toml:4; a host has only one: make them alike",
        "2.toml:4: [dynamic_range] differs from the one at 0.toml:7; a host has only one: make them alike",
    ]


def test_conflicts_are_sought_in_all_policies_but_not_in_what_is_disabled() -> None:
    documents = docs(policy(exclusion("a", "80")), policy(reservation("b", "80"), name="q"))
    assert len(scope_errors(*documents)) == 1
    assert scope_errors(*documents, good('disable = ["a"]\n' + policy(), "2.toml")) == []
