"""The reference pages are what ``make docs`` writes: nobody edits them, and nobody forgets to make them."""

from pathlib import Path

import pytest

from generate_docs import PAGES, REFERENCE

BY_HAND = {"leaf-format.md"}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_equals_its_source(name: str) -> None:
    assert (REFERENCE / name).read_text("utf-8") == PAGES[name](), "run `make docs`"


def test_every_reference_page_is_made_or_known_to_be_written_by_hand() -> None:
    kept = {path.name for path in Path(REFERENCE).glob("*.md")}
    assert kept == set(PAGES) | BY_HAND
