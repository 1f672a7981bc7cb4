"""What is said about keys to who may ask: above all, what a stolen key leaves standing."""

from pathlib import Path
from typing import Any

import pytest

from contracts.moment import MICROS_PER_SECOND, rfc3339
from contracts.ports import Principal
from hub.api.keys import KeyCommands
from hub.world import DiskFiles
from hub.world_seeded import SteppedClock
from ledger.events import CheckpointAnchored
from ledger.unit import NewEvent, Unit
from ledger.writer import Writer
from tests.ledger import made

ADMIN = Principal(party="quan-tri", role="admin")


async def anchor(ledger: Writer, *, kind: str, at: int) -> None:
    """Somebody outside vouched for the whole log as it is."""
    event = CheckpointAnchored(
        kind=kind,
        origin=made.ORIGIN,
        size=ledger.committed,
        root="00" * 32,
        by="ngoai.mau.example",
        at=at,
        evidence="11" * 32,
        anchored_at=at,
    )
    await made.keep(ledger, Unit(events=(NewEvent(ledger.named_stream("governance", "anchors"), event),)))


async def reported(tmp_path: Path, *testimony: tuple[str, int]) -> Any:
    """One message accepted at the time of theft and later; the testimony is (kind, seconds from the theft)."""
    clock = SteppedClock(step_us=1_000)
    ledger = made.opened(tmp_path, clock=clock)
    try:
        since = clock.now()
        await made.keep(ledger, made.packet(ledger, [1]))
        for kind, seconds in testimony:
            await anchor(ledger, kind=kind, at=since + seconds * MICROS_PER_SECOND)
        commands = KeyCommands(ledger, DiskFiles(tmp_path), clock, policy="")
        return await commands.report(ADMIN, {"since": rfc3339(since)})
    finally:
        ledger.close()


async def test_without_testimony_nothing_stands(tmp_path: Path) -> None:
    report = await reported(tmp_path)
    assert (len(report["receipts"]), report["uncovered"]) == (1, 1)


async def test_a_witness_counts_whenever_it_vouched(tmp_path: Path) -> None:
    report = await reported(tmp_path, ("witness", 60))
    assert report["uncovered"] == 0
    assert report["receipts"][0]["covered"]["kind"] == "witness"


async def test_a_timestamp_made_after_the_theft_may_be_over_a_forgery(tmp_path: Path) -> None:
    assert (await reported(tmp_path, ("timestamp", 60)))["uncovered"] == 1


@pytest.mark.parametrize("seconds", [-60, -1])
async def test_a_timestamp_from_before_the_theft_counts(tmp_path: Path, seconds: int) -> None:
    """A message recorded in the very moment, over which an authority's clock that runs behind already vouched."""
    assert (await reported(tmp_path, ("timestamp", seconds)))["uncovered"] == 0
