from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.errors import PolicyError
from reconciler.policy import files, merge
from reconciler.policy.entries import PolicySet
from reconciler.policy.files import LARGEST_FILE, check_policies, load_policies
from tests.policy.texts import exclusion, policy, reservation, shortened

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def load(*paths: Path, os_: str = "windows", host: str = "host", tags: tuple[str, ...] = ()) -> PolicySet:
    return load_policies(paths, os_, host, tags)


def errors(*paths: Path) -> list[str]:
    """What load complains of; check complains of the same."""
    with pytest.raises(PolicyError) as caught:
        load(*paths)
    assert str(check_policies(paths).error) == str(caught.value)
    return shortened(str(caught.value)).splitlines()


def names(policies: PolicySet) -> list[str]:
    return [policy.name for policy in policies.policies]


def test_a_file_and_a_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "desired"
    (folder / "sub").mkdir(parents=True)
    (folder / "odd.toml").mkdir()
    (folder / "b.toml").write_text(policy(name="b"), encoding="utf-8")
    (folder / "a.toml").write_text(policy(name="a"), encoding="utf-8")
    (folder / "sub" / "c.toml").write_text(policy(name="c"), encoding="utf-8")
    (folder / "odd.toml" / "d.toml").write_text(policy(name="d"), encoding="utf-8")
    (folder / "notes.txt").write_text("not read", encoding="utf-8")
    assert names(load(folder)) == ["a", "b", "c", "d"]
    assert names(load(folder / "b.toml")) == ["b"]
    assert names(check_policies([folder / "sub", folder / "a.toml"]).everything) == ["a", "c"]
    (found,) = load(folder / "sub").policies
    assert found.files == (str(folder / "sub" / "c.toml"),)


def test_an_empty_path_is_not_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.toml").write_text(policy(name="a"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match=r"^PATH: E101 a path is empty; write \. if the working folder is meant$"):
        load_policies(["a.toml", ""], "windows", "host", ())
    assert names(load_policies(["."], "windows", "host", ())) == ["a"]


def test_a_file_of_any_name_is_read_when_it_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".policy"
    file.write_text(policy(), encoding="utf-8")
    assert names(load(file)) == ["p"]


def test_what_is_hidden_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.toml").write_text("no policy", encoding="utf-8")
    (tmp_path / ".hidden.toml").write_text("no policy", encoding="utf-8")
    assert errors(tmp_path) == [f"{tmp_path}: no policy file found: this folder holds no *.toml"]


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(policy(exclusion("a", "80")), encoding="utf-8")
    (found,) = load(tmp_path, file, tmp_path / ".." / tmp_path.name / "a.toml").policies
    assert len(found.exclusions) == 1


def test_no_path_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert errors() == ["PATH: no policy file found: name a file or a folder"]
    assert errors(tmp_path / "missing.toml", tmp_path / "empty") == [
        f"{tmp_path / 'empty'}: no policy file found: this folder holds no *.toml",
        f"{tmp_path / 'missing.toml'}: no such file or folder; check the path",
    ]


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    (line,) = errors(tmp_path / "a\0b")
    assert line.startswith(f"{tmp_path}")
    assert line.isprintable()
    assert "cannot be read" in line


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"version = 1\n# caf\xe9\n", 2, "byte 0xe9 at offset 17 is not UTF-8; save the file as UTF-8"),
        (b"\xef\xbb\xbf\n# caf\xe9\n", 2, "byte 0xe9 at offset 9 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_what_is_not_utf_8(tmp_path: Path, content: bytes, line: int, message: str) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(content)
    assert errors(file) == [f"{file}:{line}: {message}"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_bytes(b"\xef\xbb\xbf" + policy(exclusion("a", "80")).encode())
    (found,) = load(file).policies
    assert found.exclusions[0].place.line == 4
    file.write_bytes(b"\xef\xbb\xbfa = \n")
    assert str(check_policies([file]).error).startswith(f"{file}:1:5: E104 this is not TOML")


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("nt", "(Get-Content '{}') | Set-Content '{}' -Encoding UTF8"),
        ("posix", "iconv -f UTF-16 -t UTF-8 '{}' > new.toml && mv new.toml '{}'"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_the_command_that_converts_it(
    system: str, command: str, encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a b.toml"
    file.write_bytes(("\ufeff" + policy()).encode(encoding))
    monkeypatch.setattr(files, "_ON_WINDOWS", system == "nt")
    assert errors(file) == [f"{file}:1: this is UTF-16; convert it to UTF-8: {command.format(file, file)}"]


@pytest.mark.skipif(os.name == "nt" or not shutil.which("iconv"), reason="this system has no iconv")
def test_the_command_converts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "it's.toml"
    file.write_text(policy(exclusion("a", "80")), encoding="utf-16")
    (message,) = errors(file)
    monkeypatch.chdir(tmp_path)
    subprocess.run(message.partition("UTF-8: ")[2], shell=True, check=True)
    assert names(load(file)) == ["p"]


def test_a_policy_of_50_mb_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.toml"
    with file.open("wb") as big:
        big.truncate(50_000_000)
    monkeypatch.setattr(files, "read_plain", lambda *_: pytest.fail("it was opened"))
    assert errors(file) == [f"{file}: the file has 47.7 MiB; a policy file may have 8 MiB: split it into several files"]


def test_a_file_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.toml"
    file.write_text(policy(), encoding="utf-8")
    small = file.stat()
    with file.open("wb") as big:
        big.truncate(LARGEST_FILE + 5)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: small)
    assert errors(file) == [f"{file}: the file has 8.0 MiB; a policy file may have 8 MiB: split it into several files"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    make_pipe = getattr(os, "mkfifo", None)
    if make_pipe is None:
        pytest.skip("this system has no pipes among its files")
    make_pipe(tmp_path / "a.toml")
    (line,) = errors(tmp_path)
    assert line == f"{tmp_path / 'a.toml'}: this is neither a file nor a folder; name a *.toml file or a folder of them"


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root permissions do not hold, so the refusal is made up; `test_no_permission` has a real one."""
    file = tmp_path / "a.toml"
    file.write_text(policy(), encoding="utf-8")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(files, "read_plain", refuse)
    assert errors(file) == [f"{file}: cannot be read (Permission denied); check the path and the permissions"]


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.toml").write_text(policy(), encoding="utf-8")
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert errors(tmp_path) == [
        f"{tmp_path / 'locked'}: cannot be read (Permission denied); check the path and the permissions"
    ]


@pytest.mark.skipif(ROOT or os.name == "nt", reason="root reads everything, and Windows has other permissions")
def test_no_permission(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(policy(), encoding="utf-8")
    file.chmod(0)
    assert "Permission denied" in errors(file)[0]


@pytest.mark.skipif(os.name == "nt", reason="Windows allows no such name")
def test_a_file_name_does_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    file = tmp_path / "\x1b[2J.toml"
    file.write_text(policy(exclusion("a", "80")), encoding="utf-8")
    (found,) = load(file).policies
    assert found.exclusions[0].place.file == f"{tmp_path}/\\x1b[2J.toml"


@pytest.mark.parametrize("name", ["a.TOML", "A.Toml"])
def test_the_suffix_may_be_written_in_capitals(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(policy(name="a"), encoding="utf-8")
    assert names(load(tmp_path)) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege on Windows")
def test_links_to_folders_are_followed(tmp_path: Path) -> None:
    real, folder = tmp_path / "real", tmp_path / "folder"
    (real / "deep").mkdir(parents=True)
    folder.mkdir()
    (real / "deep" / "a.toml").write_text(policy(name="a"), encoding="utf-8")
    (real / "deep" / "up").symlink_to(real)
    (folder / "sub").symlink_to(real)
    (tmp_path / "link").symlink_to(folder)
    (found,) = load(tmp_path / "link").policies
    assert found.files == (str(tmp_path / "link" / "sub" / "deep" / "a.toml"),)


@pytest.mark.skipif(os.name == "nt", reason="making a link needs a privilege on Windows")
def test_a_link_that_leads_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(policy(), encoding="utf-8")
    (tmp_path / "again").symlink_to(tmp_path)
    assert names(load(tmp_path)) == ["p"]
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    (line,) = errors(tmp_path)
    assert line.startswith(f"{tmp_path / 'loop.toml'}: cannot be read")


def test_files_that_do_not_target_the_host_are_out_of_scope(tmp_path: Path) -> None:
    (tmp_path / "all.toml").write_text(policy(exclusion("a", "80")), encoding="utf-8")
    (tmp_path / "nodes.toml").write_text(
        policy("[target]\nos = ['windows']\nhosts = ['aks-*']\ntags = ['node']\n" + exclusion("b", "81")),
        encoding="utf-8",
    )
    (here,) = load(tmp_path, host="AKS-1", tags=("node",)).policies
    assert [entry.name for entry in here.exclusions] == ["a", "b"]
    for scope in (
        load(tmp_path, host="AKS-1"),
        load(tmp_path, host="sql-1", tags=("node",)),
        load(tmp_path, host="AKS-1", tags=("node",), os_="linux"),
    ):
        (here,) = scope.policies
        assert [entry.name for entry in here.exclusions] == ["a"]
        assert here.elsewhere == {"b"}


def test_check_takes_every_file_whatever_it_targets_and_disables(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(policy("[target]\nhosts = ['a']\n" + exclusion("a", "80")), encoding="utf-8")
    (tmp_path / "b.toml").write_text(
        "disable = ['a']\n" + policy("[target]\nhosts = ['b']\n[limits]\nmax_deletes = 3\n" + reservation("b", "80")),
        encoding="utf-8",
    )
    policies = check_policies([tmp_path]).everything
    (everything,) = policies.policies
    assert [entry.name for entry in everything.exclusions] == ["a"]
    assert [entry.name for entry in everything.reservations] == ["b"]
    assert everything.elsewhere == frozenset()
    assert policies.limits.max_deletes == 3


def test_check_tells_a_conflict_only_where_files_meet(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(policy("[target]\nhosts = ['a']\n" + exclusion("a", "80")), encoding="utf-8")
    (tmp_path / "b.toml").write_text(policy("[target]\nhosts = ['b']\n" + reservation("b", "80")), encoding="utf-8")
    assert check_policies([tmp_path]).error is None
    (tmp_path / "b.toml").write_text(policy(reservation("b", "80")), encoding="utf-8")
    complaint = str(check_policies([tmp_path]).error)
    assert f"{tmp_path / 'b.toml'}:4:1: E302 reservation 'b' (80) overlaps exclusion 'a' (80)" in complaint


def test_twenty_errors_of_all_kinds_are_reported_at_once(tmp_path: Path) -> None:
    wrong = ["8080.0", "true", '"80-"', '"90-80"', "0", "65536", "[]", '["x", "y"]', "[[80]]", '"0"', "2026-01-01"]
    entries = "".join(exclusion(f"e{index}", value) for index, value in enumerate(wrong))
    texts = {
        "a.toml": "nonsense = 1\n"
        + policy("[limits]\nmax_deletes = -1\n" + entries + reservation("r", "80") + exclusion("ok", "80")),
        "b.toml": policy(
            '[unmanaged]\naction = "delete"\n' + exclusion("ok", "81") + exclusion("x", "82", 'store = "disk"')
        ),
        "c.toml": "version = 1\n[policy]\nname = \n",
        "d.toml": "\udcff",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    lines = errors(tmp_path)
    assert len(lines) == 20
    kinds = (
        "unknown key 'nonsense'",
        "max_deletes: -1",
        "'x' is not a port",
        "'y' is not a port",
        "overlaps",
        "stands already",
        "needs ports",
        "store: 'disk'",
        "this is not TOML",
        "is not UTF-8",
    )
    for kind in kinds:
        assert sum(kind in line for line in lines) == 1, kind
    for index in range(len(wrong)):
        assert any(f"exclusion 'e{index}': ports: " in line for line in lines)
    places = [line.removeprefix(str(tmp_path)).split(":")[:2] for line in lines]
    assert places == sorted(places, key=lambda place: (place[0], int(place[1])))


def test_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(policy(), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    load(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_ten_thousand_entries_fit(tmp_path: Path) -> None:
    keys = f'protocol = ["tcp", "udp"]\nfamily = "ipv4"\nreason = "{"x" * 400}"'
    body = "".join(
        exclusion(f"service-number-{index}", f'"{index * 6 + 1}-{index * 6 + 3}"', keys) for index in range(10_000)
    )
    file = tmp_path / "a.toml"
    file.write_text(policy(body), encoding="utf-8")
    assert file.stat().st_size < LARGEST_FILE
    (found,) = load(file).policies
    assert len(found.exclusions) == 10_000
    assert found.exclusions[-1].place.line == 4 + 9_999 * 6
    assert files.LARGEST_FILE == 8 * 2**20


def three(folder: Path, text: str) -> list[str]:
    for name in ("a", "b", "c"):
        (folder / f"{name}.toml").write_text(text.replace("NAME", name), encoding="utf-8")
    return errors(folder)


def test_so_many_entries_as_a_run_reads_may_be_in_any_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_ENTRIES_OF_A_RUN", 4)
    text = policy(exclusion("NAME1", "80") + exclusion("NAME2", "81"))
    assert three(tmp_path, text) == [
        f"{tmp_path / 'c.toml'}: with this file there are over 4 entries: name fewer files at a time"
    ]
    assert names(load(tmp_path / "a.toml", tmp_path / "b.toml")) == ["p"]


def test_files_may_not_be_larger_together_than_a_run_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_OF_A_RUN", 2**20)
    assert three(tmp_path, policy("# x\n" * 100_000)) == [
        f"{tmp_path / 'c.toml'}: with this file there are over 1 MiB of policies: name fewer files at a time"
    ]


def test_where_much_is_wrong_no_further_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ENOUGH", 150)
    wrong = three(tmp_path, policy("".join(f"k{number} = 1\n" for number in range(110))))
    assert len(wrong) == 202
    assert wrong[100] == f"{tmp_path / 'a.toml'}: and 10 more"
    assert wrong[101] == f"{tmp_path / 'b.toml'}: so much is wrong that no further file was read"
    assert not any("c.toml" in line for line in wrong)


def test_after_a_large_file_of_which_nothing_is_read_no_further_one_is(tmp_path: Path) -> None:
    wrong = three(tmp_path, policy("# x\n" * 500_000))
    assert wrong == [
        f"{tmp_path / 'a.toml'}: so much is wrong that no further file was read",
        f"{tmp_path / 'a.toml'}: the file has 500,000 lines or more: split it into several files",
    ]


def test_a_fleet_of_very_many_files_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "_MOST_VISITS", 2)
    for name in ("a", "b", "c"):
        text = policy(exclusion("NAME", "80")).replace("NAME", name)
        (tmp_path / f"{name}.toml").write_text(f'{text}[target]\nhosts = ["{name}"]\n', encoding="utf-8")
    assert len(check_policies([tmp_path]).meetings) == 3
    monkeypatch.setattr(merge, "_VISITS_OF_A_FILE", 1)
    assert "stand for too many hosts" in str(check_policies([tmp_path]).error)


def test_the_last_file_is_read_however_much_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ENOUGH", 250)
    wrong = three(tmp_path, policy("".join(f"k{number} = 1\n" for number in range(110))))
    assert not any("no further file" in line for line in wrong)
    assert wrong[-1] == f"{tmp_path / 'c.toml'}: and 10 more"


def test_targets_of_too_many_hosts_are_an_error_of_check_only(tmp_path: Path) -> None:
    words = ", ".join(f'"w{number}"' for number in range(1000))
    target = f"[target]\nhosts = [{words}]\ntags = [{words}]\n"
    (tmp_path / "a.toml").write_text(policy(target + exclusion("a", "80")), encoding="utf-8")
    complaint = str(check_policies([tmp_path]).error)
    assert "a.toml: E103 the targets of these files stand for too many hosts to look at each" in complaint
    assert names(load(tmp_path)) == ["p"]


def test_it_is_known_which_bytes_of_a_file_were_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b'\xef\xbb\xbfversion = 1\r\n[policy]\r\nname = "p"\r\n')
    assert load(path).digests == {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
