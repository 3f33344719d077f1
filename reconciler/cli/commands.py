"""The table of commands, and the group that imports a command's module only when that command runs.

A command module holds `app`, made by `new_app()`. Its functions return their exit code, or None for 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from reconciler.cli import PROGRAM, codes
from reconciler.cli.streams import out_lines, say_interrupted
from reconciler.text import did_you_mean


class Entry(NamedTuple):
    """Where a command lives, and its line in `reconciler --help`."""

    module: str
    help: str


COMMANDS: dict[str, Entry] = {
    "plan": Entry("reconciler.cli.plan", "Show what apply would do: policy against host. Writes nothing."),
    "apply": Entry("reconciler.cli.apply", "Close the difference, after asking."),
    "adopt": Entry("reconciler.cli.adopt", "Take foreign ranges that a policy declares exactly into the ledger."),
    "check": Entry("reconciler.cli.check", "Check policy files, without a host."),
    "explain": Entry("reconciler.cli.explain", "Explain a port: who holds it, can it be bound, what to do."),
    "show": Entry("reconciler.cli.show", "Show the host: ranges, kinds, owners, dynamic range."),
    "doctor": Entry("reconciler.cli.doctor", "Is this host fit, and with --experiments: which Windows is it?"),
    "schema": Entry("reconciler.cli.schema", "Print the JSON Schema of the policy file or of a document."),
    "sim": Entry("reconciler.cli.sim", "Make and drive a simulated Windows host, to rehearse on."),
}


def new_app(**settings: Any) -> typer.Typer:
    """A typer app as every command module needs it: plain help without rich, and no completion options of its own."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, **settings)


def examples(*commands: str) -> str:
    """The end of a command's help: what to type, each on a line of its own."""
    lines = "\n".join(f"  {PROGRAM} {command}" for command in commands)
    return f"Example{'s' if len(commands) > 1 else ''}:\n\n\b\n{lines}"


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
        """Refuse a name that the group does not have."""
        names = self.list_commands(ctx)
        if args[0] not in names:
            ctx.fail(f"there is no command {args[0]!r}{did_you_mean(args[0], names)}")
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


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Keep Windows port exclusions and reservations as a policy says: plan shows the difference, apply closes it."""


def root_command() -> Any:
    """The whole command line as one command object, to be called with `standalone_mode=False`."""
    app = new_app(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
    app.callback()(_root)
    return get_command(app)


def command_path(argv: Sequence[str]) -> str:
    """The program and the commands that these arguments begin with, such as `reconciler sim row add`."""
    words = [PROGRAM]
    command = root_command()
    for word in argv:
        command = command.get_command(None, word) if hasattr(command, "get_command") else None
        if command is None:
            break
        words.append(word)
    return " ".join(words)
