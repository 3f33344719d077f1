"""Keys in the wrong place or in the words of netsh: one message for one mistake, with what to write."""

from __future__ import annotations

import pytest

from reconciler.policy.document import read_document
from tests.policy.texts import FILE, errors, exclusion, policy, reservation


def entry(keys: str) -> str:
    return policy(f'[[exclusion]]\nname = "web"\n{keys}\n')


TOP = "it stands at the top of the file, above all tables; move it there"
OWN = "it stands beside [{}], not below it; write {}"
START = "some.toml:6: exclusion 'web': unknown keys 'start' and"


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("start = 8000\ncount = 100", f"{START} 'count'; write ports = \"8000-8099\""),
        ('start = "8000"\nend = "8099"', f"{START} 'end'; write ports = \"8000-8099\""),
        ("start = 80\ncount = 1", f"{START} 'count'; write ports = 80"),
        (
            "startport = 8000\nNumberOfPorts = 2",
            "some.toml:6: exclusion 'web': unknown keys 'startport' and 'NumberOfPorts'; write ports = \"8000-8001\"",
        ),
        ("port = 8080", "some.toml:6: exclusion 'web': unknown key 'port'; write ports = 8080"),
        ("port = [80, 81]", "some.toml:6: exclusion 'web': unknown key 'port'; did you mean 'ports'?"),
        ("range = '80-81'", "some.toml:6: exclusion 'web': unknown key 'range'; did you mean 'ports'?"),
    ],
)
def test_the_words_of_netsh_are_put_into_ports(keys: str, message: str) -> None:
    assert errors(entry(keys)) == [message]


@pytest.mark.parametrize(
    "keys", ["start = 0\ncount = 3", "start = 65535\ncount = 2", "count = 3", "start = 9\nend = 8"]
)
def test_numbers_that_are_no_range_are_not_put_into_one(keys: str) -> None:
    assert not any('write ports = "' in line and "example" not in line for line in errors(entry(keys)))
    assert any("ports is missing" in line for line in errors(entry(keys)))


def test_beside_ports_the_words_of_netsh_are_unknown_keys() -> None:
    assert len(errors(entry("ports = 80\nstart = 80\ncount = 1"))) == 2


def test_one_entry_in_the_words_of_netsh_leaves_the_others_alone() -> None:
    text = entry("start = 80\ncount = 2") + exclusion("b", "0") + "[[exclusion]]\nname = 'c'\nzzz = 1\n"
    told = [line.split(": ")[1] for line in errors(text)]
    assert sorted(told) == ["exclusion 'b'", "exclusion 'c'", "exclusion 'c'", "exclusion 'web'"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            policy('disable = ["web"]\n'),
            f"some.toml:4: [policy]: unknown key 'disable'; {TOP}",
        ),
        (
            policy("version = 1\n"),
            f"some.toml:4: [policy]: unknown key 'version'; {TOP}",
        ),
        (
            entry("ports = 80\ndisable = true"),
            "some.toml:7: exclusion 'web': unknown key 'disable'; an entry is switched off by its name, at the top of "
            'the file: disable = ["web"]',
        ),
        (
            policy("[[exclusion]]\nname = 'a\"'\nports = 80\nenabled = false\n"),
            "some.toml:7: exclusion 'a\"': unknown key 'enabled'; an entry is switched off by its name, at the top of "
            'the file: disable = ["web"]',
        ),
        (
            policy('[[policy.exclusion]]\nname = "web"\nports = 80\n'),
            f"some.toml:4: [policy]: unknown key 'exclusion'; {OWN.format('policy', '[[exclusion]]')}",
        ),
        (
            policy("[policy.limits]\nmax_deletes = 1\n"),
            f"some.toml:4: [policy]: unknown key 'limits'; {OWN.format('policy', '[limits]')}",
        ),
        (
            'name = "web"\n' + policy(),
            "some.toml:1: unknown key 'name'; it belongs under [[exclusion]], [[reservation]] or [policy]",
        ),
        (policy('tags = ["web"]\n'), "some.toml:4: [policy]: unknown key 'tags'; it belongs under [target]"),
        (
            entry('ports = 80\ndescription = "x"'),
            "some.toml:7: exclusion 'web': unknown key 'description'; did you mean 'reason'?",
        ),
        (
            policy(reservation("erp", "80", 'protocol = "tcp"\nbusy = "fill"')),
            "some.toml:8: reservation 'erp': unknown key 'busy'; it belongs under [[exclusion]]",
        ),
    ],
)
def test_a_key_in_the_wrong_place_is_told_its_own(text: str, message: str) -> None:
    assert message in errors(text)


def test_of_very_many_mistakes_those_that_are_told_in_one_are_counted_once() -> None:
    text = policy("".join(f'[[exclusion]]\nname = "e{number}"\nstart = 80\ncount = 2\n' for number in range(130)))
    _, problems = read_document(text, FILE)
    assert problems[-1].message == "and 30 more"


def test_a_file_with_too_many_unknown_keys_is_told_without_its_values() -> None:
    text = policy('[[exclusion]]\nname = "a"\ndisable = 1\n' + "".join(f"k{number} = 1\n" for number in range(10_001)))
    assert errors(text)[0].endswith('disable = ["web"]')
