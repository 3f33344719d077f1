"""The options that several commands share, and what they amount to: one request."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

from reconciler.cli import PROGRAM, completing
from reconciler.cli.settings import read_settings
from reconciler.errors import PolicyError, PolicyProblem, UsageError
from reconciler.text import did_you_mean

if TYPE_CHECKING:
    from reconciler.apply.adoption import Chosen
    from reconciler.host.interface import Host
    from reconciler.plan.model import LimitName, Options, Plan
    from reconciler.report.told import Extent

DEFAULT_PATH = "desired/"

Paths = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="PATH",
        help="Policy files and folders.",
        show_default=DEFAULT_PATH,
        autocompletion=completing.paths,
    ),
]
HostSpec = Annotated[
    str,
    typer.Option(
        "--host",
        envvar="RECONCILER_HOST",
        metavar="SPEC",
        autocompletion=completing.hosts,
        help="What holds the ports: auto (this machine), windows, linux, netsh:PATH (captured listings), or "
        "sim:FILE (a simulated Windows).",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        autocompletion=completing.tags,
        help="A tag of this host, for policies that target tags; may be repeated. Or RECONCILER_TAGS=a,b.",
    ),
]
Retire = Annotated[
    list[str] | None,
    typer.Option(
        "--retire",
        metavar="POLICY",
        autocompletion=completing.policies,
        help="Remove everything that a policy whose file is gone still holds; may be repeated.",
    ),
]
Unprotect = Annotated[
    list[str] | None,
    typer.Option(
        "--unprotect",
        metavar="ENTRY",
        autocompletion=completing.entries,
        help="Lift the protection of ENTRY or POLICY/ENTRY for this run; may be repeated.",
    ),
]
Force = Annotated[
    list[str] | None,
    typer.Option(
        "--force",
        metavar="LIMIT",
        autocompletion=completing.limits,
        help="Override a safety limit: max-deletes, max-delete-percent, min-dynamic-ports, delete-all or "
        "replace-policy; may be repeated.",
    ),
]
ReleaseWinnat = Annotated[
    bool,
    typer.Option("--release-winnat", help="Stop WinNAT for the time of the apply, and start it again."),
]
Full = Annotated[bool, typer.Option("--full", help="Print every line, also where many are alike.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only what was not or cannot be done, and the sum.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class Where(NamedTuple):
    """The options that say which policies are meant, and for which host."""

    paths: Paths = None
    host: HostSpec = "auto"
    tags: Tags = None


class Allowed(NamedTuple):
    """The options that say what the caller allows for this one run."""

    retire: Retire = None
    unprotect: Unprotect = None
    force: Force = None
    release_winnat: ReleaseWinnat = False


OF_A_PLAN = (*Where._fields, *Allowed._fields)
"""The parameters that a saved plan holds."""
HELD = "a saved plan holds its policies, host, tags and options"


class Request(NamedTuple):
    """What a plan is asked for: which policies, for which host, with what allowed."""

    paths: tuple[str, ...]
    tags: tuple[str, ...]
    host: str
    options: Options


def spread(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """The command as typer needs it: a parameter that is a group of options (a NamedTuple) becomes its options."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if isinstance(kind, type) and issubclass(kind, tuple)}
    known: list[Parameter] = []
    for parameter in signature(command).parameters.values():
        group = groups.get(parameter.name)
        known += _options_of(group) if group else [_option(parameter, hints[parameter.name])]

    def run(**given: Any) -> int | None:
        for name, group in groups.items():
            given[name] = group(**{option: given.pop(option) for option in signature(group).parameters})
        return command(**given)

    run.__signature__ = Signature(known)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in known}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def _options_of(group: type) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_option(parameter, hints[name]) for name, parameter in signature(group).parameters.items()]


def _option(parameter: Parameter, hint: Any) -> Parameter:
    return parameter.replace(annotation=hint, kind=Parameter.KEYWORD_ONLY)


def refuse_beside(ctx: typer.Context, option: str, names: Collection[str], why: str) -> None:
    """Raises UsageError where one of these parameters is given as well."""
    for param in ctx.command.params:
        source = ctx.get_parameter_source(param.name or "")
        if param.name in names and source is not None and source.name == "COMMANDLINE":
            other = param.opts[0] if param.param_type_name == "option" else "PATH"
            raise UsageError(f"{option} and {other} do not go together: {why}")


def extent(*, full: bool, quiet: bool) -> Extent:
    """How much is told. Raises UsageError for all and next to nothing at once."""
    if full and quiet:
        raise UsageError("--full and --quiet do not go together")
    return "full" if full else "quiet" if quiet else "short"


def make_request(where: Where, options: Options) -> Request:
    """Put the options together. Where no --tag is given RECONCILER_TAGS counts, and where that is not set, the settings
    of the folder; all may hold several, with commas."""
    named = os.environ.get("RECONCILER_TAGS")
    given = where.tags or (read_settings().tags if named is None else [named])
    known = dict.fromkeys(tag.strip() for text in given for tag in text.split(","))
    return Request(policy_paths(where.paths), tuple(tag for tag in known if tag), where.host, options)


def policy_paths(paths: Iterable[str] | None) -> tuple[str, ...]:
    """The policies that are named, or the default. Raises PolicyError where there is no default, UsageError for an
    empty text, which is most likely a variable that is not set."""
    chosen = tuple(paths or ())
    if "" in chosen:
        raise UsageError("a path is empty, which would mean the working folder; write . for that", where="PATH")
    chosen = chosen or read_settings().paths
    if not chosen and not os.path.lexists(DEFAULT_PATH):
        text = "no such folder here, and it is the default; name PATH, or make it with: reconciler keep PORT"
        raise PolicyError((PolicyProblem("E101", text, DEFAULT_PATH),))
    return chosen or (DEFAULT_PATH,)


def make_options(allowed: Allowed) -> Options:
    """What the caller allows. Raises UsageError for a limit that does not exist."""
    from reconciler.plan.model import Options

    return Options(
        retire=frozenset(allowed.retire or ()),
        unprotect=frozenset(allowed.unprotect or ()),
        force=frozenset(map(_limit, allowed.force or ())),
        release_winnat=allowed.release_winnat,
    )


def chosen(words: Iterable[str]) -> Chosen:
    """What these words name: what begins with a digit and has no other letters is a range, anything else an entry.

    Raises UsageError for a range that is none.
    """
    from reconciler.apply.adoption import Chosen
    from reconciler.ports import PortRange

    every = list(words)
    ranges = [word for word in every if re.fullmatch(r"[0-9-]+", word)]
    try:
        return Chosen(frozenset(every) - frozenset(ranges), tuple(map(PortRange.parse, ranges)))
    except ValueError as error:
        raise UsageError(f"{error}", where="RANGE") from None


def _limit(name: str) -> LimitName:
    from reconciler.plan.model import LIMIT_NAMES

    known = {limit.replace("_", "-"): limit for limit in LIMIT_NAMES}
    meant = name.replace("_", "-")
    if meant not in known:
        near = did_you_mean(name, known) or f"; the limits are {', '.join(known)}"
        raise UsageError(f"there is no such limit{near}", where=f"--force {name}")
    return known[meant]


def plan_for(request: Request) -> tuple[Plan, Host]:
    """Open the host, read policy, ledger and host, and plan. Writes nothing."""
    from reconciler.api import load_policy, make_plan, open_host

    host = open_host(request.host)
    try:
        policies = load_policy(request.paths, host, request.tags)
    except PolicyError:
        _refuse_saved_plans(request.paths)
        raise
    return make_plan(policies, host, request.options), host


def _refuse_saved_plans(paths: Iterable[str]) -> None:
    """Raises UsageError for a saved plan that is named where a policy belongs, with what to type."""
    from reconciler.cli.saved import is_plan

    for path in paths:
        if is_plan(Path(path)):
            text = f"this is a saved plan, no policy; apply it with: {PROGRAM} apply --plan {path}"
            raise UsageError(f"{text}; show it with: {PROGRAM} plan --show {path}", where=path)
