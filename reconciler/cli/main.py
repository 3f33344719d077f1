"""The program's entry: run one command, and turn whatever comes of it into an exit code and a sentence."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from reconciler.cli import PROGRAM, codes
from reconciler.cli.streams import (
    flush_streams,
    hold_closed_descriptors,
    is_for_people,
    out_document,
    say_error,
    say_interrupted,
    silence_stdout,
    tame_streams,
)
from reconciler.errors import PolicyError, ReconcilerError, UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line (`sys.argv` if none is given) and return its exit code; never raises for a user's error."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        hold_closed_descriptors()
        if sys.stdout is None:  # an apply whose result nobody can get is not begun
            say_error(f"{PROGRAM}: error: standard output is closed; send it somewhere, such as to {os.devnull}")
            return codes.ERROR
        tame_streams()
        code = _run(argv)
        flush_streams()
        gc.freeze()  # or Python would look once more for cycles among all that goes with the process
        return code
    except KeyboardInterrupt as stop:
        say_interrupted(stop)
        return codes.INTERRUPTED
    except OSError as error:
        silence_stdout()
        if not isinstance(error, BrokenPipeError):  # else whoever read the output has seen enough
            say_error(f"{PROGRAM}: error: standard output: {error.strerror}")
        return codes.ERROR


def _run(argv: Sequence[str]) -> int:
    gc.set_threshold(1_000_000)  # a short run that makes next to no cycles: looking for them is a tenth of a plan
    # Plugins of pydantic are other people's code, which this program (often elevated) has no use for; and looking
    # for them reads the metadata of everything that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    import typer

    try:
        if not argv:
            _call(["--help"])
            return codes.USAGE
        return _call(argv)
    except typer.Abort:
        return codes.INTERRUPTED
    except typer.TyperException as error:
        return _wrong_usage(error, argv)
    except ReconcilerError as error:
        return _failed(error, argv)
    except OSError as error:
        if error.filename is None:  # a standard stream
            raise
        return _failed(ReconcilerError(str(error.strerror), where=str(error.filename)), argv)


def _call(argv: Sequence[str]) -> int:
    from reconciler.cli.commands import root_command

    result = root_command().main(argv, PROGRAM, standalone_mode=False)
    return result if isinstance(result, int) else codes.OK


def _wrong_usage(error: Any, argv: Sequence[str]) -> int:
    message = error.format_message()
    if message.startswith("Usage:"):  # a group was called without a command, and says which it has
        say_error(*message.split("\n"))
        return codes.USAGE
    from reconciler.cli.usage import sentence

    return _failed(UsageError(sentence(error, argv)), argv)


def _wants_json(argv: Sequence[str]) -> bool:
    return "--json" in argv or "--output-format=json" in argv or ("--output-format", "json") in pairwise(argv)


def _failed(error: ReconcilerError, argv: Sequence[str]) -> int:
    """Say what went wrong on standard error, and with --json as a document on standard output too."""
    if isinstance(error, PolicyError):
        from reconciler.report.check import problem_lines

        count = "1 problem" if error.count == 1 else f"{error.count:,} problems"
        summary = f"{PROGRAM}: error: {count} in the policy; nothing was done"
        say_error(*problem_lines(error, with_source=is_for_people(sys.stderr)), summary)
    else:
        first, *more = error.lines()
        say_error(f"{PROGRAM}: error: {first}", *more)
    if _wants_json(argv):
        from reconciler.report.documents import error_document

        out_document(error_document(error))
    if not isinstance(error, UsageError):
        return codes.ERROR
    from reconciler.cli.commands import named

    say_error(f"Try: {named(argv).path} --help")
    return codes.USAGE
