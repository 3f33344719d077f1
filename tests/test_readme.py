"""README's tour, word for word: every command in it is run, and must print what README says."""

from __future__ import annotations

from pathlib import Path

from tests.pages import README, folder, steady


def test_the_tour_of_readme_prints_what_readme_says(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    with folder(tmp_path, README) as here:
        assert steady(here.play(text)) == steady(text), "python -m tests.pages writes what is printed now"


def test_the_tour_goes_all_the_way() -> None:
    text = README.read_text(encoding="utf-8")
    for command in ("sim init", "plan web.toml", "apply web.toml", "sim listen"):
        assert f"\n$ reconciler {command} " in text
    assert "\n[exit 3]\n" in text
