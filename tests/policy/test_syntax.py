"""What is no TOML is reported in words that say what to do, whatever the parser calls it."""

from __future__ import annotations

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from reconciler.policy.syntax import explain
from tests.policy.texts import errors

CLOSE = "end it with the quote that it begins with"
EXCLUSION = "exclusion is there already in another form; write each entry under [[exclusion]], in two brackets"
BACKSLASH = 'a backslash in "..." begins an escape; write two of them, or put the text into single quotes'
ARRAY = "an array is not closed, or a comma is missing in it; write [1, 2]"
NOTHING = "the value is missing or none of TOML; a text is written in quotes"
BEHIND = "something stands behind the value; write each key on a line of its own"
COLON = "TOML has = where YAML and JSON have a colon"
YAML_TABLE = "it looks like YAML or JSON; TOML has the name of a table in brackets"
OTHER = "write TOML: version = 1, and under [policy] name = ..., each on a line of its own"
MERGE = "a merge left both sides here; keep one, and delete the lines of <<<<<<<, ======= and >>>>>>>"
ASSIGN = "write key = value, or the name of a table in brackets"

CASES = [
    ("ports = 8000-8099", "1:13", 'a range is a text; write "8000-8099", in quotes'),
    ("ports = 8000 - 8099", "1:14", 'a range is a text; write "8000-8099", in quotes'),
    ("ports = 8000..8099", "1:13", 'a range is a text; write "8000-8099", in quotes'),
    ("ports = 8000\u20138099", "1:13", 'a range is a text; write "8000-8099", in quotes'),
    ("ports = [80, 8000-8099, 90]", "1:18", 'a range is a text; write "8000-8099", in quotes'),
    ('ports = ["1-2", 3-4]', "1:18", 'a range is a text; write "3-4", in quotes'),
    ("ports = 80,90", "1:11", "several values are an array; write them in brackets: [80, 443]"),
    ("ports = 080", "1:10", "080 has a leading zero; write the number without it"),
    ("ports = [80 81]", "1:13", ARRAY),
    ('ports = [80, 81\nname = "a"', "2:1", ARRAY),
    ("protocol = tcp # x", "1:12", 'a text needs quotes; write "tcp"'),
    ('protocol = ["tcp", udp]', "1:20", 'a text needs quotes; write "udp"'),
    ("protocol = [tcp]  # not 80-90", "1:13", 'a text needs quotes; write "tcp"'),
    ("host = aks-1", "1:8", 'a text needs quotes; write "aks-1"'),
    ("a = 1\r\nprotect = True\r\n", "2:11", "True is no value of TOML; write true or false"),
    ("protect = yes", "1:11", "yes is no value of TOML; write true or false"),
    ("ports = \u201c8000\u201d", "1:9", 'these are quotes for print; write plain ones: "..."'),
    ("name = ", "1:8", NOTHING),
    ("a = [1,,2]", "1:8", NOTHING),
    ("a = -+", "1:5", NOTHING),
    ('name = "x\n', "1:10", f"a string is not closed on its line; {CLOSE}"),
    ('name = "x', "1:10", f"a string is not closed; {CLOSE}"),
    ("name = 'x", "1:10", f"a string is not closed; {CLOSE}"),
    ('path = "C:\\windows"', "1:13", BACKSLASH),
    ('path = "C:\\users"', "1:13", BACKSLASH),
    ('a = "\\ud800"', "1:12", "this escape stands for no character; write the character itself"),
    ("[policy", "1:8", "the name of a table is not closed; end it with ]"),
    ("[[exclusion]", "1:12", "the name of a table is not closed; end it with ]]"),
    ("[]", "1:2", "a name is missing or has a character that it cannot have; put it into quotes"),
    ("name", "1:5", f"there is no = behind this key; {ASSIGN}"),
    ("$x = 1", "1:1", f"this is neither a key nor a table; {ASSIGN}"),
    ('name: "x"', "1:5", f'{COLON}; write name = "x"'),
    ("- name: web", "1:3", f'{COLON}; write name = "web"'),
    ('"ports": [80, "8000-8099"],', "1:8", f'{COLON}; write ports = [80, "8000-8099"]'),
    ("ports: 80", "1:6", f"{COLON}; write ports = 80"),
    ("policy:", "1:7", f"{YAML_TABLE}: [policy]"),
    ("exclusion: [", "1:10", f"{YAML_TABLE}: [[exclusion]]"),
    (f"a: {'b' * 200}", "1:2", f"there is no = behind this key; {ASSIGN}"),
    ("---\nversion: 1", "1:4", f"it looks like YAML; {OTHER}"),
    ('{ "version": 1 }', "1:1", f"it looks like JSON; {OTHER}"),
    ("// a comment", "1:1", "a comment begins with #"),
    ("; a comment", "1:1", "a comment begins with #"),
    ("<<<<<<< HEAD", "1:1", MERGE),
    ("a = 1\n=======\na = 2", "2:1", MERGE),
    ("percent = 30%", "1:13", "a number has no unit; write 30"),
    ("percent = 30 %", "1:14", "a number has no unit; write 30"),
    ("a = 1 b = 2", "1:7", BEHIND),
    ('a = "x"b', "1:8", BEHIND),
    ("a = {b = 1 c = 2}", "1:12", "an inline table is not closed, or a comma is missing in it; write { a = 1, b = 2 }"),
    ("[policy]\na=1\n[policy]", "3:8", "'policy' is there already; write all its keys in one place"),
    ("p = {a = 1}\n[p.x]", "2:5", "'p.x' is there already; write all its keys in one place"),
    ("[exclusion]\n[exclusion]", "2:11", EXCLUSION),
    ("[[exclusion]]\n[exclusion]", "2:11", EXCLUSION),
    ("[exclusion]\n[[exclusion]]", "2:12", EXCLUSION),
    ("exclusion = []\n[[exclusion]]", "2:12", EXCLUSION),
    ("a = 1\na = 2", "2:6", "the key 'a' is there already; give each key once"),
    ('a = 1\n"a" = 2', "2:8", "this key is there already; give each key once"),
    ("a = {b = 1, b = 2}", "1:18", "the key 'b' stands twice in one inline table; keep one"),
    ("# \x00", "1:3", "Found invalid character '\\x00'"),
]


@pytest.mark.parametrize(("text", "place", "words"), CASES, ids=[ascii(case[0]) for case in CASES])
def test_it_says_what_to_do(text: str, place: str, words: str) -> None:
    assert errors(text) == [f"some.toml:{place}: this is not TOML: {words}"]


@given(st.text("ab=.[]{}\"'#\\\n, 01-", max_size=40))
def test_any_text_is_reported(text: str) -> None:
    words = "valid"
    try:
        tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        words = explain(error.msg, text.split("\n")[error.lineno - 1], error.colno)
    assert words
