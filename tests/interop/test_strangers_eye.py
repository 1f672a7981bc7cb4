"""The verifier that shares nothing with the writer, before published logs: ours with pruned tiles, and others'."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import IntegrityViolation
from hub.world import DiskFiles
from ledger.publication import Publication
from ledger.verifier.tiles import verify_tiles
from ledger.verifier.tree import agrees
from tests.interop import foreign
from tests.interop.conftest import Shown, show
from tests.interop.test_logs import SPOILERS
from tests.ledger import made
from tests.ledger.plain_log import publish
from tests.vectors.test_vectors import CONSISTENCY, cases


def fetched(folder: Path) -> Callable[[str], bytes | None]:
    return lambda path: (folder / path).read_bytes() if (folder / path).is_file() else None


def judged(folder: Path, vkey: str, **kept: Any) -> dict[str, str]:
    """What is wrong, as check → code."""
    verdict = verify_tiles(fetched(folder), f"log {vkey}\n", **kept)
    assert verdict["ok"] is all(check["ok"] for check in verdict["checks"])
    return {check["check"]: check["code"] for check in verdict["checks"] if not check["ok"]}


def test_it_judges_consistency_as_the_vectors_say() -> None:
    for one in cases(CONSISTENCY):
        held = agrees(one["old"], one["new"], (one["old_root"], one["new_root"]), one["proof"])
        assert held is one["ok"], one["case"]


def test_a_published_ledger_is_accepted_with_every_receipt_and_every_checkpoint_it_ever_had(tmp_path: Path) -> None:
    """Partial tiles that were pruned on the way are no fault; nor is any size at which somebody got a receipt."""
    ledger = made.opened(tmp_path)
    publication = Publication(DiskFiles(tmp_path), ledger.tree())
    receipts: list[str] = []
    published: list[str] = []

    async def grow() -> None:
        for number in range(90):
            placed = await made.keep(ledger, made.packet(ledger, [number, number + 1, number + 2]))
            receipts.append(ledger.prove(placed.positions[0]).checkpoint)
            if number % 7 == 0:
                publish(publication)
                published.append((tmp_path / "log/checkpoint").read_text("utf-8"))
        publish(publication)

    asyncio.run(grow())
    vkey = ledger.vkey
    ledger.close()
    assert not (tmp_path / "log/tile/0/000.p").exists()
    assert judged(tmp_path / "log", vkey, known=[*published, *receipts]) == {}


def test_tiles_of_a_log_of_other_entries_are_judged_down_to_the_entries(large: Shown) -> None:
    kept = [large.log.notes[size] for size in large.sizes]
    assert judged(large.folder, large.vkey, known=kept).keys() <= {"leaves"}


@pytest.mark.parametrize("maker", ["go", "python"])
@pytest.mark.parametrize("size", [1, 256, 700])
def test_logs_that_others_made_are_judged_down_to_the_entries(maker: str, size: int, tmp_path: Path) -> None:
    told = foreign.ask(maker, "make", tmp_path, str(size))
    assert judged(tmp_path, told["vkey"]).keys() <= {"leaves"}


@pytest.mark.parametrize("what", SPOILERS)
def test_one_wrong_bit_is_found(what: str, tmp_path: Path) -> None:
    shown = show(tmp_path, (600,))
    name, at = SPOILERS[what]
    content = bytearray((shown.folder / name).read_bytes())
    content[at] ^= 1
    (shown.folder / name).write_bytes(content)
    assert judged(shown.folder, shown.vkey).keys() - {"leaves"}


def test_a_checkpoint_of_another_history_is_found(tmp_path: Path) -> None:
    shown = show(tmp_path / "one", (600,))
    other = show(tmp_path / "other", (1,)).log
    other.append([b"khac", *shown.log.kept[2:300]])
    assert set(judged(shown.folder, shown.vkey, known=[other.head()]).values()) & {"FORK", "CONSISTENCY", "ROLLBACK"}
    publication = Publication(DiskFiles(tmp_path / "one"), other)
    with pytest.raises(IntegrityViolation):
        publication.open()
