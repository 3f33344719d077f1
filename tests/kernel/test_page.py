from __future__ import annotations

from tests.kernel.box import Box
from tests.kernel.page import PAGE, play
from tests.pages import steady


def test_the_page_prints_what_it_says(box: Box) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert steady(play(text, box)) == steady(text)
