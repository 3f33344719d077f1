"""The options that several commands share, and what they amount to: one request."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from reconciler.errors import PolicyError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from reconciler.host.interface import Host
    from reconciler.plan.model import LimitName, Options, Plan

DEFAULT_PATH = "desired/"

Paths = Annotated[
    list[str] | None, typer.Argument(metavar="PATH", help="Policy files and folders.", show_default=DEFAULT_PATH)
]
HostSpec = Annotated[
    str,
    typer.Option(
        "--host",
        envvar="RECONCILER_HOST",
        metavar="SPEC",
        help="What holds the ports: auto (this machine), windows, linux, netsh:PATH (captured listings), or "
        "sim:FILE (a simulated Windows).",
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag",
        metavar="TAG",
        help="A tag of this host, for policies that target tags; may be repeated. Or RECONCILER_TAGS=a,b.",
    ),
]
Retire = Annotated[
    list[str] | None,
    typer.Option(
        "--retire",
        metavar="POLICY",
        help="Give up all that a policy without a file still claims; may be repeated.",
    ),
]
Unprotect = Annotated[
    list[str] | None,
    typer.Option(
        "--unprotect",
        metavar="ENTRY",
        help="Lift the protection of ENTRY or POLICY/ENTRY for this run; may be repeated.",
    ),
]
Force = Annotated[
    list[str] | None,
    typer.Option(
        "--force",
        metavar="LIMIT",
        help="Pass a limit: max-deletes, max-delete-percent, min-dynamic-ports or delete-all; may be repeated.",
    ),
]
ReleaseWinnat = Annotated[
    bool,
    typer.Option("--release-winnat", help="Stop WinNAT for the time of the apply, and start it again."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class Request(NamedTuple):
    """What a plan is asked for: which policies, for which host, with what allowed."""

    paths: tuple[str, ...]
    tags: tuple[str, ...]
    host: str
    options: Options


def make_request(paths: Iterable[str] | None, host: str, tags: Iterable[str] | None, options: Options) -> Request:
    """Put the options together. RECONCILER_TAGS counts where no --tag is given; both may hold several, with commas."""
    given = tags or [os.environ.get("RECONCILER_TAGS", "")]
    known = dict.fromkeys(tag.strip() for text in given for tag in text.split(","))
    return Request(policy_paths(paths), tuple(tag for tag in known if tag), host, options)


def policy_paths(paths: Iterable[str] | None) -> tuple[str, ...]:
    """The policies that are named, or the default. Raises PolicyError where there is no default, UsageError for an
    empty text, which is most likely a variable that is not set."""
    chosen = tuple(paths or ())
    if "" in chosen:
        raise UsageError("a path is empty, which would mean the working folder; write . for that", where="PATH")
    if not chosen and not os.path.lexists(DEFAULT_PATH):
        told = f"no such folder here; name PATH, files or folders of policies; the default is {DEFAULT_PATH}"
        raise PolicyError((ReconcilerError(told, where=DEFAULT_PATH),))
    return chosen or (DEFAULT_PATH,)


def make_options(
    ctx: typer.Context,
    retire: Iterable[str] | None,
    unprotect: Iterable[str] | None,
    force: Iterable[str] | None,
    release_winnat: bool,
) -> Options:
    """What the caller allows. Wrong usage for a limit that does not exist."""
    from reconciler.plan.model import Options

    return Options(
        retire=frozenset(retire or ()),
        unprotect=frozenset(unprotect or ()),
        force=frozenset(_limit(ctx, name) for name in force or ()),
        release_winnat=release_winnat,
    )


def _limit(ctx: typer.Context, name: str) -> LimitName:
    from reconciler.plan.model import LIMIT_NAMES

    known = {limit.replace("_", "-"): limit for limit in LIMIT_NAMES}
    wanted = name.replace("_", "-")
    if wanted not in known:
        ctx.fail(f"--force {name}: there is no such limit; the limits are {', '.join(known)}")
    return known[wanted]


def plan_for(request: Request) -> tuple[Plan, Host]:
    """Open the host, read policy, ledger and host, and plan. Writes nothing."""
    from reconciler.api import load_policy, make_plan, open_host

    host = open_host(request.host)
    policies = load_policy(request.paths, host, request.tags)
    return make_plan(policies, host, request.options), host
