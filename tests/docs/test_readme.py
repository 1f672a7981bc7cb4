"""Every command that a page shows is run as it stands there; a page that lies breaks the build."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Demo, blocks, run

pytestmark = [pytest.mark.demo, pytest.mark.xdist_group("docs"), pytest.mark.timeout(240)]

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
WITH_COMMANDS = [page for page in PAGES if any(block.run for block in blocks(page))]
_FILE = re.compile(r"`((?:hub|adapters|contracts|ledger|monitoring|tests|packaging|deploy|docs)/[\w./<>*-]*[\w/>*])`")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_the_commands_of_a_page_work(page: Path, demo: Demo) -> None:
    done = run(page, demo)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_that_is_not_run_says_why(page: Path) -> None:
    for block in blocks(page):
        assert block.run or len(block.reason) > 10, block.shown


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CONTRIBUTING.md"], ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    """Files by their path from the root, ``*`` and ``<name>`` for any name; recipes for new files name new ones."""
    for named in _FILE.findall(page.read_text("utf-8")):
        assert list(ROOT.glob(re.sub(r"<[^>]+>", "*", named).rstrip("/"))), named
