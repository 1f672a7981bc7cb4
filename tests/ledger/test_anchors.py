"""Anchors: evidence is durable before its leaf, every crash between the two is made up for, once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import IntegrityViolation, Overloaded
from hub.world_seeded import MemoryFiles, SteppedClock
from ledger.anchors import STATE_FILE, Anchors, Evidence, judge_cosignature, of_cosignature
from ledger.cosignature import Cosignature, WitnessKey, cosign, find_cosignatures, split_note
from ledger.events import CheckpointAnchored
from ledger.keys import FileSigner
from ledger.writer import Writer
from tests.ledger.made import keep, opened, packet

WITNESS = FileSigner("chung-kien.example/w1", b"\x07" * 32)
KEY = WitnessKey(WITNESS.name, WITNESS.public_key())


class Dying(MemoryFiles):
    """A disk that dies before a write whose name ends so."""

    dies = "\0"

    def write_durable(self, name: str, content: bytes, *, mode: int = 0o644) -> None:
        if name.endswith(self.dies):
            raise OSError(5, "power cut")
        super().write_durable(name, content, mode=mode)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Writer]:
    made = opened(tmp_path, store="memory")
    await keep(made, packet(made, [1]))
    yield made
    made.close()


def anchors(ledger: Writer, files: MemoryFiles, *, judged: bool = True) -> Anchors:
    one = Anchors(files, ledger, SteppedClock())
    if judged:
        one.judges["witness"] = judge_cosignature([KEY])
    return one


def vouched(ledger: Writer, at_s: int) -> Evidence:
    text, _ = split_note(ledger.checkpoint())
    found: list[Cosignature] = find_cosignatures(text, cosign(text, WITNESS, at_s), [KEY])
    return of_cosignature(found[0], ledger.checkpoint())


def leaves(ledger: Writer) -> list[CheckpointAnchored]:
    return [one.event for one in ledger.read(0, 1_000) if isinstance(one.event, CheckpointAnchored)]


async def test_a_leaf_names_the_tree_who_when_and_the_evidence(ledger: Writer) -> None:
    files = MemoryFiles()
    one = anchors(ledger, files)
    await one.recover()
    size = ledger.committed
    given = vouched(ledger, 1_767_573_000)
    assert await one.anchor(given) == 1
    (leaf,) = leaves(ledger)
    assert (leaf.kind, leaf.size, leaf.by) == ("witness", size, KEY.text())
    assert leaf.at == 1_767_573_000_000_000 == one.newest("witness")
    assert files.read(f"anchors/{leaf.evidence}.cosig") == given.content
    assert files.read(f"anchors/{leaf.evidence}.checkpoint") == given.note
    assert leaf.evidence == given.digest


async def test_what_is_anchored_is_not_anchored_again_after_a_start(ledger: Writer) -> None:
    files = MemoryFiles()
    first = anchors(ledger, files)
    await first.recover()
    await first.anchor(vouched(ledger, 10))
    for drop_state in (False, True):
        if drop_state:
            files.delete(STATE_FILE)
        again = anchors(ledger, files)
        assert await again.recover() == 0
        assert again.newest("witness") == 10_000_000
    assert len(leaves(ledger)) == 1


@pytest.mark.parametrize("dies", [".json", ".checkpoint", ".cosig"])
async def test_a_crash_before_the_evidence_is_whole_promises_nothing(ledger: Writer, dies: str) -> None:
    files = Dying()
    one = anchors(ledger, files)
    await one.recover()
    files.dies = dies
    with pytest.raises(OSError, match="power cut"):
        await one.anchor(vouched(ledger, 10))
    files.dies = "\0"
    again = anchors(ledger, files)
    assert await again.recover() == 0
    assert leaves(ledger) == []


@pytest.mark.parametrize("state_lost", [False, True])
async def test_evidence_without_a_leaf_is_anchored_at_the_next_start(
    ledger: Writer, monkeypatch: pytest.MonkeyPatch, *, state_lost: bool
) -> None:
    files = MemoryFiles()
    one = anchors(ledger, files)
    await one.recover()
    with monkeypatch.context() as crash:
        crash.setattr(ledger, "submit", lambda _unit: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await one.anchor(vouched(ledger, 10))
    assert leaves(ledger) == []
    if state_lost:
        files.delete(STATE_FILE)
    assert await anchors(ledger, files).recover() == 1
    assert [leaf.at for leaf in leaves(ledger)] == [10_000_000]
    assert await anchors(ledger, files).recover() == 0


async def test_evidence_of_somebody_not_known_any_more_is_left_and_told(
    ledger: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = MemoryFiles()
    one = anchors(ledger, files)
    await one.recover()
    given = vouched(ledger, 10)
    with monkeypatch.context() as crash:
        crash.setattr(ledger, "submit", lambda _unit: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            await one.anchor(given)
    forgetful = anchors(ledger, files, judged=False)
    assert await forgetful.recover() == 0
    assert forgetful.unreadable == [given.digest]
    assert files.read(f"anchors/{given.digest}.cosig") == given.content


async def test_a_full_log_takes_the_leaf_with_the_next_testimony(
    ledger: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = MemoryFiles()
    one = anchors(ledger, files)
    await one.recover()
    with monkeypatch.context() as busy:
        busy.setattr(ledger, "submit", lambda _unit: (_ for _ in ()).throw(Overloaded()))
        with pytest.raises(Overloaded):
            await one.anchor(vouched(ledger, 10))
    assert await one.anchor(vouched(ledger, 20)) == 2
    assert [leaf.at for leaf in leaves(ledger)] == [10_000_000, 20_000_000]
    assert await one.anchor() == 0


async def test_anchors_themselves_are_no_reason_to_anchor(ledger: Writer) -> None:
    one = anchors(ledger, MemoryFiles())
    await one.recover()
    before = one.others()
    await one.anchor(vouched(ledger, 10))
    await one.anchor(vouched(ledger, 20))
    assert one.others() == before
    await keep(ledger, packet(ledger, [2]))
    assert one.others() > before


def test_kept_bytes_that_are_no_cosignature_are_refused() -> None:
    with pytest.raises(IntegrityViolation):
        judge_cosignature([KEY])(b"", b"no note")
