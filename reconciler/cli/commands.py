"""The table of commands, and the group that imports a command's module only when that command runs.

A command module holds `app`, made by `new_app()`. Its functions return their exit code, or None for 0.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from reconciler.cli import PROGRAM, codes
from reconciler.cli.settings import read_settings
from reconciler.cli.streams import out_lines, say_interrupted
from reconciler.errors import UsageError
from reconciler.text import did_you_mean

COMPLETE = f"_{PROGRAM.upper()}_COMPLETE"
"""The environment variable by which a shell asks for completions (typer's convention)."""


class Entry(NamedTuple):
    """Where a command lives, and its line in `reconciler --help`."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "explain": Entry("reconciler.cli.explain", "Explain ports: who holds them, can they be bound, what to do."),
    "keep": Entry("reconciler.cli.keep", "Write ports into a policy file, so that nobody gets them by chance."),
    "init": Entry("reconciler.cli.init", "Write an empty policy file, with comments that say what can stand in it."),
    "plan": Entry("reconciler.cli.plan", "Show what apply would do: policy against host. Writes nothing."),
    "apply": Entry("reconciler.cli.apply", "Close the difference, after asking."),
    "export": Entry("reconciler.cli.export", "Print a policy of what this host has and no policy claims yet."),
    "adopt": Entry("reconciler.cli.adopt", "Take foreign ranges that a policy declares exactly into the ledger."),
    "release": Entry("reconciler.cli.release", "Take entries or ranges out of the ledger; the host keeps them."),
    "check": Entry("reconciler.cli.check", "Check policy files, without a host."),
    "show": Entry("reconciler.cli.show", "Show the host: ranges, kinds, owners, dynamic range."),
    "history": Entry("reconciler.cli.history", "List what was applied here, when, by whom and from which policies."),
    "undo": Entry("reconciler.cli.undo", "Go back to what was claimed before an apply, after asking."),
    "doctor": Entry("reconciler.cli.doctor", "Is this host fit, and with --experiments: which Windows is it?"),
    "schema": Entry("reconciler.cli.schema", "Print the JSON Schema of the policy file or of a document."),
    "completion": Entry("reconciler.cli.completion", "Print the script that completes our words in a shell."),
    "sim": Entry("reconciler.cli.sim", "Make and drive a simulated Windows host, to rehearse on."),
}


def new_app(*, add_completion: bool = False, **settings: Any) -> typer.Typer:
    """A typer app as every command module needs it: plain help without rich."""
    return typer.Typer(add_completion=add_completion, rich_markup_mode=None, pretty_exceptions_enable=False, **settings)


def examples(*commands: str) -> str:
    """The end of a command's help: what to type, each on a line of its own."""
    lines = "\n".join(f"  {PROGRAM} {command}" for command in commands)
    return f"Example{'s' if len(commands) > 1 else ''}:\n\n\b\n{lines}"


_MEANT = {
    "version": "--version",
    **dict.fromkeys(("diff", "preview", "dry-run", "what-if"), "plan"),
    **dict.fromkeys(("lint", "validate", "test"), "check"),
    **dict.fromkeys(("list", "ls", "status", "state"), "show"),
    **dict.fromkeys(("sync", "deploy", "converge"), "apply"),
    **dict.fromkeys(("import",), "adopt"),
    **dict.fromkeys(("why", "who"), "explain"),
    **dict.fromkeys(("add", "exclude", "reserve"), "keep"),
    **dict.fromkeys(("rollback", "revert"), "undo"),
    "log": "history",
}
"""What others call what a command does."""


_TAKES_AWAY = ("delete", "remove", "rm", "destroy")
"""What no command does."""


def _meant(word: str) -> str:
    if word in _TAKES_AWAY:
        return f"; take the entry out of its policy file, and then: {PROGRAM} apply"
    return f"; here it is: {PROGRAM} {_MEANT[word]}" if word in _MEANT else ""


class PlainGroup(TyperGroup):
    """A group of commands that refuses an unknown name with the nearest known one."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Ctrl-C ends it with one line and 130; typer would say nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            say_interrupted(stop)
            return codes.INTERRUPTED

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Refuse a name that the group does not have. `help plan` is `plan --help`, and completed as `plan` is."""
        names = self.list_commands(ctx)
        if args[0] == "help":
            args = [*args[1:], "--help"]
        if ctx.resilient_parsing:  # a shell asks for completions
            return super().resolve_command(ctx, args)
        if args[0] == "--help":
            out_lines(ctx.get_help().splitlines())
            raise typer.Exit
        if args[0] not in names:
            ctx.fail(f"there is no command {args[0]!r}{_meant(args[0]) or did_you_mean(args[0], names)}")
        return super().resolve_command(ctx, args)


class LazyGroup(PlainGroup):
    """The top-level group. Its help comes from the table; only the command that runs is imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command; None for a name that the table does not have."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return _without_types(get_command(import_module(entry.module).app))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])
            formatter.write_dl([("help COMMAND", "The same as COMMAND --help.")])


def _without_types(command: Any) -> Any:
    """The command, in whose help `PATH <list[str]>` is `PATH`: types of Python mean nothing to a user."""
    for param in command.params:
        if param.param_type_name == "argument":
            param.display_type_rich = lambda ctx: None
    for below in getattr(command, "commands", {}).values():
        _without_types(below)
    return command


def _print_version(asked: bool) -> None:
    if asked:
        import reconciler

        out_lines([f"{PROGRAM} {reconciler.__version__}"])
        raise typer.Exit


def _move(folder: str | None) -> None:
    if folder is None:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        raise UsageError(f"cannot go to this folder: {error.strerror}", where=f"-C {folder}") from None


def _colour(when: str | None) -> None:
    if when is None:
        return
    names = {"always": "FORCE_COLOR", "never": "NO_COLOR", "auto": ""}
    if when not in names:
        raise UsageError(f"write one of {', '.join(names)}", where=f"--color {when}")
    for name in ("FORCE_COLOR", "NO_COLOR"):
        os.environ.pop(name, None)
    if names[when]:
        os.environ[names[when]] = "1"


Folder = Annotated[str | None, typer.Option("-C", metavar="DIR", help="Go to this folder first.", callback=_move)]
Colour = Annotated[
    str | None, typer.Option("--color", metavar="WHEN", help="always, never, or auto: on a terminal.", callback=_colour)
]
Version = Annotated[
    bool, typer.Option("--version", "-V", help="Print the version and leave.", callback=_print_version, is_eager=True)
]


def _root(ctx: typer.Context, folder: Folder = None, color: Colour = None, version: Version = False) -> None:
    """Keep Windows port exclusions and reservations as a policy says: plan shows the difference, apply closes it."""
    read_settings.cache_clear()
    if host := read_settings().host:
        ctx.default_map = {name: {"host": host} for name in COMMANDS}


def root_command() -> Any:
    """The whole command line as one command object, to be called with `standalone_mode=False`."""
    is_asked = COMPLETE in os.environ
    app = new_app(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]}, add_completion=is_asked)
    app.callback()(_root)
    command = get_command(app)
    command.params = [item for item in command.params if item.name not in ("install_completion", "show_completion")]
    return command


class Named(NamedTuple):
    """A command, and the words that name it, such as `reconciler sim row add`."""

    command: Any
    path: str


def named(argv: Sequence[str]) -> Named:
    """The innermost command that these arguments begin with."""
    found = Named(root_command(), PROGRAM)
    for word in argv:
        below = found.command.get_command(None, word) if hasattr(found.command, "get_command") else None
        if below is None:
            break
        found = Named(below, f"{found.path} {word}")
    return found
