"""kill -9 at every file that publishing changes, life after life in one folder: what is published always holds."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hub.world import DiskFiles
from ledger import checkpoint, merkle, note, tiles
from ledger.publication import Publication
from ledger.tiles import TileReader
from tests.ledger import made

CHILD = Path(__file__).with_name("publishing_child.py")
ROOT = Path(__file__).parents[2]


def _live(folder: Path, changes: int, moment: str) -> None:
    done = subprocess.run(
        [sys.executable, str(CHILD), str(folder), str(changes), moment],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def _published(folder: Path) -> tuple[checkpoint.Checkpoint, TileReader] | None:
    """The published log, held to its own checkpoint: root, every leaf, every full tile."""
    try:
        signed = (folder / "log/checkpoint").read_text("utf-8")
    except FileNotFoundError:
        return None
    head = checkpoint.open_checkpoint(signed, [note.parse_vkey((folder / "keys/log.vkey").read_text("utf-8"))])
    files = folder / "log"
    reader = TileReader(lambda path: (files / path).read_bytes() if (files / path).is_file() else None, head.size)
    assert reader.root() == head.root
    assert merkle.root_of(reader.entries(0, head.size)) == head.root
    for index in range(head.size >> tiles.HEIGHT):
        below = reader.hashes(0, index << tiles.HEIGHT, tiles.WIDTH)
        assert reader.node(tiles.HEIGHT, index) == tiles.root_above(below)
    return head, reader


@pytest.mark.faults
def test_whatever_file_it_dies_at_what_is_published_holds_and_never_leads(tmp_path: Path) -> None:
    heads: list[checkpoint.Checkpoint] = []
    for changes in range(14):
        for moment in ("before", "after"):
            _live(tmp_path, changes, moment)
            found = _published(tmp_path)
            if found is None:
                continue
            head, reader = found
            for older in heads:
                path = merkle.consistency(older.size, head.size, reader.node)
                assert merkle.is_consistent(older.size, head.size, older.root, head.root, path)
            heads.append(head)
    assert heads[-1].size > 512
    ledger = made.opened(tmp_path, seed="last")
    try:
        assert heads[-1].size <= ledger.committed
        publication = Publication(DiskFiles(tmp_path), ledger.tree())
        publication.open()
        for _ in publication.steps():
            pass
        assert publication.size == ledger.committed
    finally:
        ledger.close()
    found = _published(tmp_path)
    assert found is not None
    assert found[0].size == publication.size
    partial = [path for path in (tmp_path / "log").rglob("*") if path.parent.suffix == ".p"]
    assert not [path for path in partial if path.parent.with_suffix("").is_file()]
