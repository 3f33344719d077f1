"""Markdown for a pull request: the summary first, and nothing of anybody else's that is markup."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reconciler.plan.model import EntryRef, Plan, Reason, Remedy
from reconciler.plan.policy_diff import Change, FieldChange, PolicyDiff
from reconciler.report import markdown
from reconciler.report.markdown import code, diff_markdown, plan_markdown
from reconciler.report.palette import Palette
from reconciler.text import visible
from tests.report.samples import BREACH, CREATE, DEFERRED, MIXED, NOTE, REPLACE, make_plan

GOLDEN = """\
### Plan: 1 to create, 1 to replace, 1 deferred, 12 in sync

Host `lab` (sim), plan `0000000000000001`

<details>
<summary>Apply will (2)</summary>

```diff
+ create exclusion 8000-8099 tcp+udp, ipv4+ipv6  node/web (desired/node.toml:12)
-/+ replace exclusion 9000-9099 -> 9000-9009, 9090-9099 tcp, ipv4+ipv6  node/db (desired/node.toml:20)
    only 9000-9009, 9090-9099 of it is still wanted
```

</details>

<details>
<summary>Deferred or blocked (1)</summary>

```text
.. deferred: create exclusion 3000 tcp, ipv4+ipv6  node/dev (desired/node.toml:40)
    a port of it is in use
    in the way: tcp/ipv4 3000: node.exe (pid 812)
    remedy: stop node.exe (pid 812), then apply again
    apply tries it all the same, since only the call decides
```

</details>

<details>
<summary>Notes (1)</summary>

```text
* node/web is covered wholly or partly by ranges that are not ours (desired/node.toml:12)
```

</details>
"""
PLAIN = Palette()
EVIL = (
    "@octocat #12 https://evil.example [x](y) ![x](y) <img src=x> </details> | ``` ~~~ `a` **b** \r\n# h\n- l\x1b[31m"
)
TEXTS = st.text(st.sampled_from("`~ab@#<>[]()!*_\\|&;:/.\n\r\t \x1b\u2028-"), max_size=30) | st.text(max_size=30)
OURS = {"heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "html_block", "fence"}


def text_of(plan: Plan, palette: Palette = PLAIN) -> str:
    return "".join(f"{line}\n" for line in plan_markdown(plan, palette))


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


def hostile_plan(text: str) -> Plan:
    step = DEFERRED._replace(
        reason=Reason("evil", text),
        remedy=Remedy("evil", text),
        owners=(EntryRef(text, text, text),),
        blockers=(DEFERRED.blockers[0]._replace(text=f"{text}!"),),
    )
    ready = CREATE._replace(reason=Reason("evil", text), owners=step.owners)
    plan = make_plan(
        ready, step, notes=(NOTE._replace(text=text, place=text),), breaches=(BREACH._replace(text=text),), in_sync=1
    )
    return replace(plan, facts=replace(plan.facts, name=text), id=text)


def hostile_diff(text: str) -> PolicyDiff:
    fields = tuple(FieldChange(key, text, text) for key in ("kind", "ports", "protocol", "reason", "target"))
    changes = tuple(Change(text, text, word, text, fields) for word in ("added", "removed", "changed"))
    return PolicyDiff(changes, changes, 3)


def test_the_summary_comes_first_and_the_rest_is_folded() -> None:
    assert text_of(make_plan(CREATE, REPLACE, DEFERRED, notes=(NOTE,), in_sync=12)) == GOLDEN


def test_a_plan_with_nothing_is_its_summary() -> None:
    assert text_of(make_plan(in_sync=2)).splitlines() == [
        "### Plan: in sync (2 entries)",
        "",
        "Host `lab` (sim), plan `0000000000000001`",
    ]


def test_colours_stay_out_of_it() -> None:
    assert "\x1b" not in text_of(make_plan(*MIXED), Palette(colour=True, symbols=True))


def spans(tokens: list[Token]) -> list[Token]:
    return [below for token in tokens for below in token.children or ()]


@given(TEXTS)
@example(EVIL)
@example("```")
@example("`")
@example(" ")
@example("")
def test_nothing_of_others_is_markup(text: str) -> None:
    """Only what stands in a fence or in a code span is theirs; the rest is what it is with a plain text."""
    diff, names = hostile_diff(text), (text, text)
    plain = hostile_diff("x")
    for made, harmless in (
        (text_of(hostile_plan(text)), text_of(hostile_plan("x"))),
        ("\n".join(diff_markdown(diff, names, PLAIN)), "\n".join(diff_markdown(plain, ("x", "x"), PLAIN))),
    ):
        tokens, usual = parsed(made), parsed(harmless)
        assert {token.type for token in tokens} <= OURS
        assert [token.type for token in tokens] == [token.type for token in usual]
        assert [token.content for token in tokens if token.type == "html_block"] == [
            token.content for token in usual if token.type == "html_block"
        ]
        outside = [item.content for item in spans(tokens) if item.type != "code_inline"]
        assert outside == [item.content for item in spans(usual) if item.type != "code_inline"]
        assert {item.type for item in spans(tokens)} <= {"text", "code_inline", "softbreak"}
        inside = [item.content for item in spans(tokens) if item.type == "code_inline"]
        assert {item.strip(" ") for item in inside} == {visible(text).strip(" ")}
        fences = "".join(token.content for token in tokens if token.type == "fence")
        assert visible(text) in fences or not text.strip(" ")


@given(TEXTS)
def test_a_code_span_is_one_span_with_the_whole_text(text: str) -> None:
    (paragraph,) = [token for token in parsed(f"a {code(text)} b") if token.type == "inline"]
    kinds = [item.type for item in paragraph.children or ()]
    assert kinds == ["text", "code_inline", "text"]
    assert (paragraph.children or [])[1].content.strip(" ") == visible(text).strip(" ")


@pytest.mark.parametrize("count", [1, 500, 5000])
def test_it_fits_into_a_comment_and_counts_what_does_not(count: int) -> None:
    plan = make_plan(*([CREATE] * count), *([DEFERRED] * count))
    made = text_of(plan)
    assert len(made) < 65_536
    assert f"<summary>Apply will ({count:,})</summary>" in made
    shown = made.count("+ create")
    assert shown == count if count == 1 else 100 < shown < 500
    assert (f"... and {count - shown:,} more\n" in made) == (count > 1)
    assert markdown.LONGEST < 65_536
