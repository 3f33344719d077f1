"""The empty policy file: it wants nothing, and every example in it is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import PolicyError
from reconciler.policy.files import check_policies, read_beside, read_to_extend
from reconciler.policy.lint import ALL_RULES, lint_all
from reconciler.policy.template import blank_policy


def test_it_wants_nothing_and_has_no_findings(tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    file.write_text(blank_policy(str(file)), encoding="utf-8")
    found = check_policies([file])
    (policy,) = found.everything.policies
    assert (policy.name, policy.names()) == ("team", frozenset())
    assert lint_all(found.meetings, ALL_RULES) == ()


def test_with_its_examples_it_is_a_policy_as_well(tmp_path: Path) -> None:
    file = tmp_path / "team.toml"
    lines = blank_policy(str(file)).splitlines()
    used = [line.removeprefix("# ") if _is_example(line) else line for line in lines]
    file.write_text("\n".join(used) + "\n", encoding="utf-8")
    (policy,) = check_policies([file]).everything.policies
    assert policy.names() == {"web", "erp"}
    assert policy.description == "Ports of this machine"


def _is_example(line: str) -> bool:
    text = line.removeprefix("# ")
    return text != line and (text.startswith("[") or " = " in text.partition("#")[0])


def test_a_file_to_extend_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    assert read_to_extend(file) == (b"", "")
    file.write_bytes(b"\xef\xbb\xbfversion = 1\r\n")
    assert read_to_extend(file) == (b"\xef\xbb\xbfversion = 1\r\n", "version = 1\r\n")
    for content, said in ((b"\xff\xfev\x00", "UTF-16"), (b"\x80", "is not UTF-8")):
        file.write_bytes(content)
        with pytest.raises(PolicyError, match=said):
            read_to_extend(file)
    with pytest.raises(PolicyError, match="neither a file nor a folder"):
        read_to_extend(tmp_path)


def test_the_files_beside_it_are_those_of_the_folder_that_can_be_read(tmp_path: Path) -> None:
    folder, file = tmp_path / "desired", tmp_path / "desired" / "a.toml"
    assert read_beside(folder, file) == ()
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.toml").write_text(blank_policy(f"{name}.toml"), encoding="utf-8")
    (folder / "c.toml").write_text("wrong", encoding="utf-8")
    assert [document.policy for document in read_beside(folder, file)] == ["b"]
    assert read_beside(folder, tmp_path / "a.toml") == ()
