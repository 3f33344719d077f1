"""What is said of a command line that typer refuses: what is wrong, and what to type instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from reconciler.cli import PROGRAM
from reconciler.cli.commands import COMMANDS, named, root_command
from reconciler.policy.values import not_one_of
from reconciler.text import did_you_mean, joined

_PLAN_SHOWS = "; plan shows what apply would do, and writes nothing"
_FORMATS = ("--format", "--output", "--output-format")
_OF_A_PORT = ("--protocol", "--proto", "--tcp", "--udp")
_HABITS = {
    **dict.fromkeys(("--dry-run", "--what-if"), _PLAN_SHOWS),
    "--check": "; plan --detailed-exitcode leaves with 2 where something is to be done",
    "--auto-approve": "; it is --yes here",
    "--verbose": "; it is --full here, of plan and apply",
    "-v": "; the version is -V, all lines are --full",
}
"""Options of other programs, and what does that here."""

_BEFORE = ("-C", "--color")
"""Options that stand before the command, each with a value behind it."""

_NUMBERS = {
    r"Input should be a valid integer.*": "this is no whole number; write one without a unit",
    r"Input should be a valid number.*": "this is no number; write one without a unit",
    r"Input should be greater than or equal to (.*)": r"this is too small; the least is \1",
    r"Input should be less than or equal to (.*)": r"this is too large; the most is \1",
}
"""What is said of a number that is none or too small or large, and our words."""


def sentence(error: Any, argv: Sequence[str]) -> str:
    """What typer found wrong with these arguments, in one sentence."""
    say = _SAID.get(type(error).__name__)
    text = say(error, argv) if say else _lowered(error.format_message())
    return " ".join(text.split())


def _other(error: Any, argv: Sequence[str]) -> str:
    message = str(error.format_message())
    extra = re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", message, re.DOTALL)
    if extra:
        ports = re.fullmatch(r"[0-9]+(-[0-9]+)?(/[a-z+]+)?( .*)?", extra[1])
        right = f"; ports are explained by: {PROGRAM} explain {extra[1]}" if ports else ""
        return f"{named(argv).path} does not take {extra[1]!r}{right}"
    if message == "Missing command.":
        return f"a command is missing; write {joined(error.ctx.command.list_commands(error.ctx), 'or')}"
    return _lowered(message)


def _missing(error: Any, argv: Sequence[str]) -> str:
    """An argument that must be there is not."""
    known = _choices(error)
    right = f"; write {joined(known, 'or')}" if known else f" ({_help(error.param)})"
    return f"{_name(error.param)} is missing{right}"


def _no_value(error: Any, argv: Sequence[str]) -> str:
    """An option that has a value is without it, or the other way round."""
    name = error.option_name
    words = list(argv)
    while words and words[0].startswith("-"):
        del words[: 2 if words[0] in _BEFORE else 1]
    param = next(item for item in named(words).command.params if name in item.opts)
    if param.is_flag:
        return f"{name} has no value; write {name} alone"
    return f"{name} needs {param.metavar or 'a value'} behind it ({_help(param)})"


def _wrong_value(error: Any, argv: Sequence[str]) -> str:
    """A value cannot be what it stands for."""
    message = error.message.removeprefix("Value error, ")
    for pattern, words in _NUMBERS.items():
        if found := re.fullmatch(pattern, message, re.DOTALL):
            message = found.expand(words)
    choice = re.fullmatch(r"'(.*)' is not one of (.*)\.", message, re.DOTALL)
    if choice:
        message = not_one_of(choice[1], re.findall("'([^']*)'", choice[2]))
    place = error.param_hint or (_name(error.param) if error.param else "")
    return f"{place}: {message}" if place else _lowered(message)


def _no_such_option(error: Any, argv: Sequence[str]) -> str:
    """An option that the command does not have: one of another program, of another command, or mistyped."""
    name, command = _whole(error.option_name, argv), error.ctx.command
    known = _options(command)
    if name in _HABITS:
        return f"there is no option {name!r}{_HABITS[name]}"
    if error.ctx.parent is None:
        return f"there is no option {name!r}{_behind(name, argv) or did_you_mean(name, known)}"
    if name in _options(root_command()):
        return f"{name} stands before the command, as in: {PROGRAM} {name} ... {command.name}"
    if name in _FORMATS and "--json" in known:
        right = "it is --output-format here" if "--output-format" in known else "--json prints one JSON document"
        return f"there is no option {name!r}; {right}"
    of_ports = any(param.metavar == "PORT" for param in command.params)
    if of_ports and re.match(r"-[0-9]", name):
        return f"there is no option {name!r}; a range has no blanks, as in 8000-8099"
    if of_ports and name in _OF_A_PORT:
        return f"there is no option {name!r}; the protocol stands behind the port, as in 8080/tcp or 8080/udp"
    long = f"-{name}"
    if long in known or long in _HABITS:
        return f"there is no option {name!r}{_HABITS.get(long) or f'; write {long}'}"
    return f"there is no option {name!r}{did_you_mean(name, known)}"


_SAID: dict[str, Callable[[Any, Sequence[str]], str]] = {
    "UsageError": _other,
    "MissingParameter": _missing,
    "BadOptionUsage": _no_value,
    "BadParameter": _wrong_value,
    "NoSuchOption": _no_such_option,
}


def _whole(name: str, argv: Sequence[str]) -> str:
    """The word that begins with one hyphen and was read letter by letter, `-auto-approve`, or the name as it is."""
    if name.startswith("--"):
        return name
    words = (word.partition("=")[0] for word in argv if re.match(r"-[a-z]{2}", word))
    return next((word for word in words if name[1] in word), name)


def _behind(name: str, argv: Sequence[str]) -> str:
    """That an option stands behind the command, where the command that is named has it."""
    command = next((word for word in argv if word in COMMANDS), "")
    if not command or name not in _options(root_command().get_command(None, command)):
        return ""
    return f" before the command; write it behind: {PROGRAM} {command} {name}"


def _options(command: Any) -> list[str]:
    return [option for param in command.params for option in param.opts if option.startswith("-")]


def _choices(error: Any) -> list[str]:
    found = re.search(r"Choose from: (.*)", " ".join(error.format_message().split()))
    return found[1].split(", ") if found else []


def _name(param: Any) -> str:
    return str(param.opts[0] if param.param_type_name == "option" else param.metavar or param.name.upper())


def _help(param: Any) -> str:
    """What the help says of it, as the rest of a sentence."""
    return _lowered((param.help or "").rstrip(".").removesuffix("; may be repeated"))


def _lowered(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}"
