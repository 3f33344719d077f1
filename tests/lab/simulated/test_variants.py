from __future__ import annotations

import re

import pytest

from reconciler.lab.simulated.variants import CHOICES, Variants, every_variant


def test_there_are_768_different_combinations_and_the_default_is_the_first() -> None:
    combinations = list(every_variant())
    assert len(set(combinations)) == 768
    assert combinations[0] == Variants()


def test_a_field_defaults_to_the_first_choice() -> None:
    assert Variants().settings() == {key: values[0] for key, values in CHOICES.items()}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in CHOICES.items() for value in values])
def test_each_value_can_be_set_and_leaves_the_others_alone(key: str, value: str) -> None:
    assert Variants.parse([f"{key}={value}"]).settings() == Variants().settings() | {key: value}


def test_several_are_set_at_once_and_told_in_a_fixed_order() -> None:
    variants = Variants.parse(["lookup=answers-exclusions", "families=split"])
    assert str(variants) == "families=split, lookup=answers-exclusions"
    assert str(Variants()) == "all default"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["families"], "write it as KEY=VALUE"),
        (["famlies=split"], "active-delete; did you mean 'families'?"),
        (["zzz=1"], "'zzz' is not a variant; there are families, second-add"),
        (["families=splitt"], "'splitt' is not a value of families; it is shared or split; did you mean 'split'?"),
        (["lookup="], "'' is not a value of lookup; it is reservations-only or answers-exclusions"),
        (["families=split", "families=shared"], "families is given twice, as split and as shared"),
    ],
)
def test_what_is_no_variant_is_refused_with_what_would_be_one(settings: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Variants.parse(settings)


def test_saying_the_same_twice_is_harmless() -> None:
    assert Variants.parse(["families=split", "families=split"]) == Variants(families="split")
