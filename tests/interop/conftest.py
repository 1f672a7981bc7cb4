"""Logs of ours, published to a disk as the hub does it."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from hub.world import DiskFiles
from ledger.publication import Publication
from tests.ledger import made
from tests.ledger.plain_log import PlainLog, publish

LARGE = 65_537


class Shown(NamedTuple):
    """A published log: its folder, its key, what it is made from, and the sizes at which it was published."""

    folder: Path
    vkey: str
    log: PlainLog
    sizes: tuple[int, ...]


def show(root: Path, sizes: Sequence[int]) -> Shown:
    """Publish a log as it grows through ``sizes``."""
    log = PlainLog()
    publication = Publication(DiskFiles(root), log)
    for size in sizes:
        log.grow_to(size)
        publish(publication)
    return Shown(root / "log", log.vkey, log, tuple(sizes))


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """A log that grew past a full tile of level 1, with its partial tiles pruned on the way."""
    return show(tmp_path_factory.mktemp("large"), (1, 2, 255, 256, 257, 65_535, 65_536, LARGE))


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A ledger with invented messages, published; its folder and verifier key."""
    root = tmp_path_factory.mktemp("real")
    ledger = made.opened(root)
    publication = Publication(DiskFiles(root), ledger.tree())
    for step in range(3):
        for number in range(40):
            ledger.submit(made.packet(ledger, [number, 100 + number, 200 + step]))
        ledger.flush()
        publish(publication)
    ledger.close()
    return root / "log", ledger.vkey
