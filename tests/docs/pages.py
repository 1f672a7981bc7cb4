"""The command blocks of a page, and how they are run.

A fenced ``bash`` block is run, unless the line above it says ``<!-- not run: why -->``; ``<!-- run as: … -->`` runs
something smaller in its place. The blocks of a page run in order, in one shell, in a folder where a demo is running;
the ports 8080 and 9100 of the page stand for those of the demo.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"^(?:<!-- (?P<way>not run|run as): (?P<told>[^\n]+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One command block: what the page shows and what is run (nothing, with the reason)."""

    shown: str
    run: str
    reason: str = ""


class Demo(NamedTuple):
    """A running demo: the folder to work in and the addresses it chose."""

    folder: Path
    base_url: str
    ops_url: str


def blocks(page: Path) -> list[Block]:
    """The command blocks of a page in order."""
    found = []
    for match in _BLOCK.finditer(page.read_text("utf-8")):
        if match["language"] != "bash":
            continue
        if match["way"] == "not run":
            found.append(Block(match["text"], "", match["told"]))
        else:
            found.append(Block(match["text"], match["told"] + "\n" if match["way"] else match["text"]))
    return found


def environment() -> dict[str, str]:
    """Where ``lienthong`` and ``python`` are those that run the tests, and no other configuration is meant."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIENTHONG_", "PYTEST_"))}
    path = f"{Path(sys.executable).parent}:{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "REPOSITORY": str(ROOT), "CI": "true"}


def run(page: Path, demo: Demo) -> subprocess.CompletedProcess[str]:
    """Run the blocks of a page in one shell that stops at the first failure; ``| head`` may close a pipe early."""
    script = "\n".join(block.run for block in blocks(page))
    script = script.replace("http://127.0.0.1:8080", demo.base_url).replace("http://127.0.0.1:9100", demo.ops_url)
    return subprocess.run(
        ["bash", "-eux", "-c", script],
        cwd=demo.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
