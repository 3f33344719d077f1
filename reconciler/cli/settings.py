"""Settings of a folder: `reconciler.toml`, or the table `[tool.reconciler]` of `pyproject.toml`, in the working folder.

An option counts more than the environment, that more than a setting, and that more than the default. A setting is read
from the folder that the policies are read from: whoever may write one may write the others. In a folder that is meant
for everybody, such as /tmp, a file of somebody else is refused: it would choose the host and the policies of others.
"""

from __future__ import annotations

import stat
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from reconciler.cli.outfile import is_ours
from reconciler.errors import ReconcilerError
from reconciler.report import KEPT_LOGS
from reconciler.text import did_you_mean

OWN_FILE = "reconciler.toml"
SHARED_FILE = "pyproject.toml"
LARGEST = 2**20
"""Bytes of such a file."""

MOST_KEPT = 100


class Settings(NamedTuple):
    """What a folder sets: the host, its tags, where the policies are, how many older audit logs are kept."""

    host: str | None = None
    tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    kept_logs: int = KEPT_LOGS


_MEANT = {
    "host": 'a text, such as "sim:lab.json"',
    "tags": 'an array of texts, such as ["workstation"]',
    "paths": 'an array of files and folders, such as ["desired", "shared/ports.toml"]',
    "kept_logs": f"a number from 1 to {MOST_KEPT}",
}


@cache
def read_settings() -> Settings:
    """The settings of the working folder, read once in a run; nothing where no file of it is ours or has our table.

    Raises ReconcilerError, one sentence, for a file that cannot be read or sets what cannot be set.
    """
    for file in (OWN_FILE, SHARED_FILE):
        if _is_there(file):
            table = _table(file)
            if file == OWN_FILE or table:
                _check_owner(Path(file))
                return _checked(table, file)
    return Settings()


def _is_there(file: str) -> bool:
    """A folder that may not be looked into has no settings."""
    try:
        return Path(file).is_file()
    except OSError:
        return False


def _check_owner(path: Path) -> None:
    try:
        folder, status = Path().stat(), path.lstat()
    except OSError:
        return  # it went at this moment
    if folder.st_mode & stat.S_ISVTX and status.st_uid != folder.st_uid and not is_ours(status):
        text = f"this belongs to user {status.st_uid}, in a folder that is meant for everybody"
        raise ReconcilerError(f"{text}; work in a folder of your own", where=str(path))


def _table(file: str) -> dict[str, Any]:
    import tomli

    try:
        with Path(file).open("rb") as opened:
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ReconcilerError("this is larger than any file of settings", where=file)
        found = tomli.loads(content.decode("utf-8"))
    except OSError as error:
        raise ReconcilerError(f"the settings cannot be read: {error.strerror}", where=file) from None
    except UnicodeDecodeError:
        raise ReconcilerError("the settings cannot be read: this is not UTF-8", where=file) from None
    except (tomli.TOMLDecodeError, RecursionError) as error:
        if file == SHARED_FILE:
            return {}  # of another program, which will say so
        raise _not_toml(error, content.decode("utf-8"), file) from None
    if file == OWN_FILE:
        return found
    tools = found.get("tool")
    table = tools.get("reconciler", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise ReconcilerError("tool.reconciler is not a table", where=file)
    return table


def _not_toml(error: Exception, text: str, file: str) -> ReconcilerError:
    import tomli

    if not isinstance(error, tomli.TOMLDecodeError):
        return ReconcilerError(f"the settings are not TOML: {error}", where=file)
    from reconciler.policy.syntax import explain

    line = text.replace("\r\n", "\n").split("\n")[error.lineno - 1]
    right = explain(error.msg, line, error.colno)
    return ReconcilerError(f"the settings are not TOML: {right}", where=f"{file}:{error.lineno}")


def _checked(table: dict[str, Any], file: str) -> Settings:
    for key, value in table.items():
        if key not in _MEANT:
            near = did_you_mean(key, _MEANT) or f"; the settings are {', '.join(_MEANT)}"
            raise ReconcilerError(f"there is no setting {key!r}{near}", where=file)
        if not _fits(key, value):
            raise ReconcilerError(f"{key} must be {_MEANT[key]}", where=file)
    texts = {key: tuple(table.get(key, ())) for key in ("tags", "paths")}
    return Settings(table.get("host"), texts["tags"], texts["paths"], table.get("kept_logs", KEPT_LOGS))


def _fits(key: str, value: object) -> bool:
    if key == "kept_logs":
        return type(value) is int and 1 <= value <= MOST_KEPT
    if key == "host":
        return isinstance(value, str) and bool(value)
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)
