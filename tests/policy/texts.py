"""Policy files for the tests of this folder, and a short way to read one."""

from __future__ import annotations

import re

from reconciler.policy.document import Document, read_document
from reconciler.policy.problems import Problem

FILE = "some.toml"


def policy(body: str = "", *, name: str = "p", version: str = "1") -> str:
    """A policy file; `body` begins in line 4 and may begin with further keys of [policy]."""
    return f'version = {version}\n[policy]\nname = "{name}"\n{body}'


def exclusion(name: str, ports: str, keys: str = "") -> str:
    return f'[[exclusion]]\nname = "{name}"\nports = {ports}\n{keys}\n'


def reservation(name: str, ports: str, keys: str = 'protocol = "tcp"') -> str:
    return f'[[reservation]]\nname = "{name}"\nports = {ports}\n{keys}\n'


def good(text: str, file: str = FILE) -> Document:
    document, problems = read_document(text, file)
    assert not problems
    assert document is not None
    return document


def errors(text: str, file: str = FILE) -> list[str]:
    """What reading this text complains of, each with its place."""
    _, problems = read_document(text, file)
    return [plain(problem) for problem in problems]


def shortened(told: str) -> str:
    """What an error tells, without columns and ids."""
    return re.sub(r"^(.*?(?::[0-9]+)??)(?::[0-9]+)?: E[0-9]{3} ", r"\1: ", told, flags=re.MULTILINE)


def plain(problem: Problem) -> str:
    """`file:line: message`, as a problem has it before its column is looked up."""
    return f"{problem.place}{f':{problem.column}' if problem.column else ''}: {problem.message}"
