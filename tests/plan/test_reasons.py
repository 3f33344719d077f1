"""Every sentence of a plan, once: what it says, that its id is its own, and that it is plain English."""

from __future__ import annotations

import inspect
import re
from itertools import combinations

import pytest

from reconciler.plan import reasons
from reconciler.plan.model import DECLARED, Blocker, Reason, Remedy
from tests.plan.sentences import CLOSING, HIDDEN, NAMELESS, NGINX, SYSTEM, examples, forms

HELPERS = {"kept_for", "unclaim", "unprotect"}
"""Functions of the module that make words, and no reason or remedy."""
SAME = {
    frozenset({"boot_file_elsewhere", "boot_file_may_not_count"}),
    frozenset({"absent_but", "SYSTEM_ROW"}),
    frozenset({"free_ports", "WAIT_FOR_CLOSING"}),
}
"""Those that say the same of two things, and so have one id."""
FORBIDDEN = re.compile(r"\b(told|owed|owes|culprits?|unstarred|starred|star|obstacles?|demands?|wish(es)?|draft)\b")


def sentences() -> list[str]:
    return [example.text for example, _, _ in examples().values()] + [example.text for example, _ in forms()]


def test_every_reason_and_remedy_has_its_example() -> None:
    mine = {
        name
        for name, value in vars(reasons).items()
        if isinstance(value, Reason | Remedy)
        or (inspect.isfunction(value) and value.__module__ == reasons.__name__ and not name.startswith("_"))
    }
    assert mine - HELPERS == set(examples())


@pytest.mark.parametrize("name", examples())
def test_each_says_its_sentence(name: str) -> None:
    said, identity, text = examples()[name]
    assert (said.id, said.text) == (identity, text)


def test_a_sentence_says_what_there_is() -> None:
    for said, text in forms():
        assert said.text == text


def test_no_two_share_an_id() -> None:
    for (one, (first, _, _)), (other, (second, _, _)) in combinations(examples().items(), 2):
        if type(first) is type(second) and {one, other} not in SAME:
            assert first.id != second.id, (one, other)


def test_an_id_is_of_small_letters_and_hyphens() -> None:
    """So that ids can be joined by `+`."""
    for said in (DECLARED, *(example for name, (example, _, _) in examples().items() if name != "together")):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", said.id)


def test_a_sentence_has_no_full_stop_and_no_words_of_ours_alone() -> None:
    for text in sentences():
        assert text == text.strip()
        assert not text.endswith(".")
        assert not FORBIDDEN.search(text), text


@pytest.mark.parametrize(
    ("sockets", "elevated", "remedy"),
    [
        ([CLOSING, CLOSING], False, "wait-for-closing"),
        ([CLOSING, NGINX], False, "stop-program"),
        ([NAMELESS, SYSTEM, HIDDEN], False, "stop-program+stop-service+find-program"),
        ([NAMELESS, SYSTEM, HIDDEN], True, "stop-program+stop-service"),
        ([NAMELESS, SYSTEM], False, "stop-service+find-program"),
        ([CLOSING, NAMELESS], False, "find-program"),
        ([CLOSING, NAMELESS], True, "stop-service"),
    ],
)
def test_the_remedy_for_sockets_is_what_their_users_need(sockets: list[Blocker], elevated: bool, remedy: str) -> None:
    """Nobody stops the system, looks for a program with rights that are there, or for one that is gone."""
    assert reasons.free_ports(sockets, elevated=elevated).id == remedy


def test_of_several_remedies_each_says_its_own_sentence_after_a_try() -> None:
    both = reasons.together([reasons.WINNAT_STEPS_ASIDE, reasons.WAIT_FOR_CLOSING])
    assert both.after == f"{reasons.WINNAT_STEPS_ASIDE.after}; besides, {reasons.WAIT_FOR_CLOSING.text}"
    assert reasons.together([reasons.WAIT_FOR_CLOSING, reasons.ASK_THE_OWNER]).after == ""


def test_what_is_declared_needs_no_words() -> None:
    assert Reason("declared", "") == DECLARED


def test_a_row_of_ours_says_for_whom() -> None:
    assert reasons.kept_for(["p/web", "p/api", "p/web"]) == "which we keep for p/api and p/web"
