"""Any bytes for every reader: a value or the documented error comes of it, and no message that a terminal would obey.

    python -m tests.torture.fuzz [--inputs 1000000] [--seconds 600] [--seed 0] [READER ...]

sends so many inputs in all, or fewer where the time is over before, and prints a line for each reader. The short form
is `test_fuzz.py`.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from math import inf
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.torture.targets import TARGETS, Target

BATCH = 50
"""Inputs that one number drawn by hypothesis stands for, since drawing takes longer than most readers."""
AT_ONCE, AT_ONCE_IN_TIME = 2000, 20
"""Numbers between two fresh starts: hypothesis remembers each of a run. Where time may be over, fewer."""

_TOKEN = re.compile(rb'[A-Za-z0-9_./-]+|"[^"\n]*"|[ \t]+|.', re.DOTALL)
_NASTY = (
    *(b"\x1b[31m", b"\x07", b"\x00", b"\x7f", b"\x08", b"\r", b"\n", b"\t", b"\x0b", b"\x1c", b"\x85", b"\xc2\x9b"),
    *("\u202e".encode(), "\u2066".encode(), "\u200b".encode(), "\u2028".encode(), "\ufeff".encode(), b"\xed\xb2\x80"),
    *(b"\xff\xfe", b"\xff", b"\xc3", "\U0001f600".encode(), "\u0660".encode(), b"\\u001b", b"\\ud800", b"\\U0000009b"),
    *(
        b'"',
        b"'",
        b'"""',
        b"[",
        b"]",
        b"[[",
        b"{",
        b"}",
        b",",
        b"=",
        b".",
        b"-",
        b"#",
        b"\\",
        b"*",
        b":",
        b"/",
        b"&#1;",
    ),
    *(b"0", b"-1", b"65535", b"65536", b"1-65535", b"2-1", b"9" * 5000, b"1e400", b"0x1f", b"1_0", b"1.0", b"NaN"),
    *(b"true", b"null", b"[]", b"{}", b'""', b"[" * 3000, b'{"a":' * 3000, b"a." * 3000, b" " * 3000, b"-" * 3000),
    *(b"tcp/ipv4", b"udp/ipv6", b"tcp", b"ipv6", b"present", b"absent", b"exclusion", b"reservation", b"active"),
    *(b"----- -----", b"* - x", b"1 1 *", b"2026-01-01T00:00:00Z", b'"format_version": 2', b"version = 2"),
)


def _flip(data: bytes, at: int, by: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 + by % 255)]) + data[at + 1 :] if at < len(data) else data


def _cut(data: bytes, at: int, by: int) -> bytes:
    return data[:at] + data[at + 1 + by % 64 :]


def _break_off(data: bytes, at: int, by: int) -> bytes:
    return data[:at]


def _insert(data: bytes, at: int, by: int) -> bytes:
    return data[:at] + _NASTY[by % len(_NASTY)] + data[at:]


def _repeat(data: bytes, at: int, by: int) -> bytes:
    return data[:at] + data[at : at + by % 200] * 2 + data[at + by % 200 :]


def _swap_tokens(data: bytes, at: int, by: int) -> bytes:
    tokens = _TOKEN.findall(data)
    if tokens:
        left, right = at % len(tokens), by % len(tokens)
        tokens[left], tokens[right] = tokens[right], tokens[left]
    return b"".join(tokens)


def _other_token(data: bytes, at: int, by: int) -> bytes:
    tokens = _TOKEN.findall(data)
    if tokens:
        tokens[at % len(tokens)] = tokens[by % len(tokens)]
    return b"".join(tokens)


def _nasty_token(data: bytes, at: int, by: int) -> bytes:
    tokens = _TOKEN.findall(data)
    if tokens:
        tokens[at % len(tokens)] = _NASTY[by % len(_NASTY)]
    return b"".join(tokens)


def _into_a_text(data: bytes, at: int, by: int) -> bytes:
    """Behind the next quote, where a text stands."""
    quote = data.find(b'"', at) + 1
    return _insert(data, quote, by) if quote else data


_EDITS: tuple[Callable[[bytes, int, int], bytes], ...] = (
    *(_flip, _cut, _break_off, _insert, _repeat),
    *(_swap_tokens, _other_token, _other_token, _nasty_token, _into_a_text),
)
_NUMBER = st.integers(0, 2**20)
_EDIT = st.tuples(st.sampled_from(_EDITS), _NUMBER, _NUMBER)


def _edited(drawn: tuple[bytes, list[tuple[Callable[[bytes, int, int], bytes], int, int]]]) -> bytes:
    data, edits = drawn
    for edit, at, by in edits:
        data = edit(data, at % (len(data) + 1), by)
    return data


def hostile(target: Target) -> st.SearchStrategy[bytes]:
    """Mostly a document that the reader reads, with a few changes; sometimes any bytes at all."""
    changed = st.tuples(st.sampled_from(target.seeds), st.lists(_EDIT, min_size=1, max_size=5)).map(_edited)
    return st.one_of(changed, changed, changed, st.binary(max_size=300))


def numbered(target: Target, number: int) -> bytes:
    """The same, made from one number: a hundred times as fast, and not to be made smaller."""
    chance = Random(number)
    if chance.random() < 0.1:
        return chance.randbytes(chance.randrange(300))
    edits = [(chance.choice(_EDITS), chance.randrange(2**20), chance.randrange(2**20)) for _ in range(5)]
    return _edited((chance.choice(target.seeds), edits[: chance.randint(1, 5)]))


def run(name: str, inputs: int, begin: int, seconds: float = inf) -> str:
    """Send about so many inputs to one reader, or as many as it takes in so many seconds; say what came of them.

    Raises AssertionError, with the input, for what the reader must not raise.
    """
    target, outcomes = TARGETS[name], Counter[bool]()
    begun = time.perf_counter()
    batches = -(-inputs // BATCH)
    at_once = AT_ONCE if seconds == inf else AT_ONCE_IN_TIME
    for number in range(0, batches, at_once):
        if time.perf_counter() - begun > seconds:
            break

        @seed(begin + number)
        @settings(
            max_examples=min(at_once, batches - number),
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(0, 2**64))
        def attack(drawn: int) -> None:
            late = time.perf_counter() - begun > seconds
            for data in (numbered(target, drawn + item) for item in range(0 if late else BATCH)):
                try:
                    outcomes[target(data)] += 1
                except Exception as error:
                    raise AssertionError(f"{type(error).__name__} for the input {data[:5000]!a}") from error

        attack()
    took = time.perf_counter() - begun
    return f"{name}: {outcomes.total():,} inputs, {outcomes[True]:,} read, {outcomes[False]:,} refused, {took:.0f} s"


def main(argv: Sequence[str]) -> int:
    """Attack the readers that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many in all (default: 1,000,000)")
    parser.add_argument("--seconds", type=float, default=inf, help="how long it may take (default: no limit)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of: {', '.join(TARGETS)}")
    chosen = parser.parse_args(argv)
    names = chosen.readers or list(TARGETS)
    failed = 0
    for name in names:
        try:
            says = run(name, -(-chosen.inputs // len(names)), chosen.seed, chosen.seconds / len(names))
        except Exception as error:  # noqa: BLE001  whatever a reader raises is what is looked for
            failed += 1
            says = f"{name}: WRONG {error}\n{traceback.format_exc()}"
        print(says, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
