"""Invented messages for the ledger's tests: packets of dossiers of a province that does not exist."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.facts import Document, DossierSubmitted
from contracts.moment import Moment
from contracts.ports import Clock, Entropy, Files
from hub.world import DiskFiles
from hub.world_seeded import SeededEntropy, SteppedClock
from ledger.events import AcceptedItem, FactRecorded, MessageAccepted
from ledger.stores.memory import MemoryStore
from ledger.unit import NewEvent, NewPart, Placed, Seen, Standing, Unit
from ledger.writer import Writer, open_ledger

ORIGIN = "mau.example/log"
LANE = "mau/qcvn120/DongBoHoSoMC"


def code(number: int) -> str:
    return f"H99.07-20260105-{number:07d}"


def body(number: int, *, word: str = "mới", size: int = 0) -> bytes:
    text = (
        f'{{"MaHoSo":"{code(number)}","ChuHoSo":"Lò Thị Mẫu {number}","TrichYeuHoSo":"{word}","GhiChu":"{"ă" * size}"}}'
    )
    return text.encode()


def fact(number: int) -> DossierSubmitted:
    return DossierSubmitted(
        dossier=code(number),
        at=Moment(us=1_767_573_000_000_000, text="05/01/2026 07:30:00", zone="Asia/Ho_Chi_Minh"),
        procedure_code="1.000123",
        applicant_name=f"Lò Thị Mẫu {number}",
        documents=(Document(name="Đơn đề nghị mẫu", id="1"),),
    )


def packet(
    ledger: Writer,
    numbers: Sequence[int],
    *,
    source_id: str = "",
    secret: bytes = b"phien-lam-viec-mau",
    word: str = "mới",
    size: int = 0,
    target: str = "",
) -> Unit:
    """One accepted message with a record per number; dossiers met before keep their stream."""
    party = ledger.named_stream("party", "mau")
    message = ledger.next_position()
    parts = [NewPart("glue", b'{"session":"'), NewPart("secret", secret), NewPart("glue", b'","data":[')]
    events: list[NewEvent] = []
    codes: list[tuple[str, bytes]] = []
    seen: list[Seen] = []
    standings: list[Standing] = []
    items: list[AcceptedItem] = []
    for index, number in enumerate(numbers):
        content = body(number, word=word, size=size)
        stream = ledger.find_stream(f"n:{code(number)}")
        if stream is None:
            stream = ledger.new_stream()
            codes.append((f"n:{code(number)}", stream))
        if index:
            parts.append(NewPart("glue", b","))
        parts.append(NewPart("dossier", content, stream))
        event = FactRecorded(
            party="mau", message=message, fact=fact(number), at_us=1, item=index, service="DongBoHoSoMC"
        )
        events.append(NewEvent(stream, event, len(parts) - 1))
        seen.append(Seen(stream, LANE, ledger.fingerprint(stream, content)))
        items.append(AcceptedItem(index, stream.hex(), "applied", ("dossier.submitted",), message + 1 + index))
        if target:
            standings.append(Standing(stream, target, message + 1 + index))
    parts.append(NewPart("glue", b"]}"))
    accepted = MessageAccepted(
        message_id="0" * 32,
        party="mau",
        adapter="portal",
        standard="qcvn120",
        edition="2019",
        service="DongBoHoSoMC",
        accepted_at=1,
        body_bytes=sum(len(part.content) for part in parts),
        has_source_id=bool(source_id),
        items=tuple(items),
    )
    return Unit(
        events=(NewEvent(party, accepted), *events),
        parts=tuple(parts),
        source_id=("mau", source_id) if source_id else None,
        content=b"".join(part.content for part in parts),
        codes=tuple(codes),
        seen=tuple(seen),
        standings=tuple(standings),
    )


def raw(unit: Unit) -> bytes:
    return b"".join(part.content for part in unit.parts)


async def keep(ledger: Writer, unit: Unit) -> Placed:
    """Submit a unit and wait until it is durable."""
    placed = ledger.submit(unit)
    await ledger.durable(placed.positions[-1])
    return placed


def opened(
    folder: Path,
    *,
    store: Any = "sqlite",
    keys: Any = None,
    seed: str = "mau",
    clock: Clock | None = None,
    entropy: Entropy | None = None,
    files: Files | None = None,
    **limits: Any,
) -> Writer:
    """A ledger in ``folder`` in a world where the seed decides everything."""
    return open_ledger(
        files=files or DiskFiles(folder),
        directory=str(folder),
        origin=ORIGIN,
        clock=clock or SteppedClock(step_us=1_000),
        entropy=entropy or SeededEntropy(seed),
        store=store,
        keys=keys,
        **limits,
    )


def store_with(faults: Any) -> MemoryStore:
    return MemoryStore(faults)
