"""One commit with its export, and one erasure, as steps that may be cut anywhere; and what must be true afterwards."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from contracts.errors import HubError
from contracts.ports import Files
from hub.world import DiskFiles
from ledger import checkpoint
from ledger.erasure import STREAM, WHOLE, item_of
from ledger.events import ItemErased
from ledger.inspect import verify
from ledger.publication import Publication
from ledger.unit import NewEvent, Unit
from ledger.writer import Writer
from tests.integration.forensics import Attacker, spellings, traces
from tests.ledger import made

NAME: Final = "Lò Thị Mẫu 7"
"""What only the dossier that is erased says."""
_BEFORE: Final = 62
"""Packets of four events: the step's own makes the first tile of 256 whole."""

Tell = Callable[[dict[str, Any]], None]


class Told(msgspec.Struct):
    """What somebody outside was told before the cut."""

    answered: list[tuple[int, str]] = []
    notes: list[str] = []
    erased: bool = False


def prepare(folder: Path) -> None:
    """A ledger that has published, with an erasure of somebody else behind it."""
    ledger = made.opened(folder)
    for number in range(_BEFORE):
        ledger.submit(made.packet(ledger, [number, number + 1, number + 2], source_id=f"goi-{number}"))
    ledger.flush()
    publish(ledger, DiskFiles(folder))
    ledger.close()


def publish(ledger: Writer, files: Files) -> str:
    """Publish everything; the published note."""
    publication = Publication(files, ledger.tree())
    publication.open()
    for _ in publication.steps():
        pass
    return files.read("log/checkpoint").decode()


class Commit:
    """One packet is committed and answered, then the log is published."""

    def __init__(self, ledger: Writer, files: Files, tell: Tell) -> None:
        self._ledger, self._files, self._tell = ledger, files, tell
        self._publication = Publication(files, ledger.tree())
        self._publication.open()

    def run(self) -> None:
        """The step."""
        ledger = self._ledger
        placed = ledger.submit(made.packet(ledger, [7, 8, 1_000, 1_001, 1_002, 1_003, 1_004], source_id="buoc"))
        ledger.flush()
        for position, leaf_hash in zip(placed.positions, placed.leaf_hashes, strict=True):
            self._tell({"answered": [position, leaf_hash.hex()]})
        self._tell({"note": ledger.checkpoint()})
        for _ in self._publication.steps():
            self._tell({})
        self._tell({"note": self._files.read("log/checkpoint").decode()})


class Erase:
    """One dossier is erased, as the hub does it."""

    def __init__(self, ledger: Writer, files: Files, tell: Tell) -> None:
        self._ledger, self._files, self._tell = ledger, files, tell
        stream = ledger.find_stream(f"n:{made.code(7)}")
        assert stream is not None
        self._stream = stream

    def run(self) -> None:
        """The step."""
        ledger, stream = self._ledger, self._stream
        items = (WHOLE, item_of(2, 1), item_of(2, "glue"))
        event = ItemErased(stream=stream.hex(), items=items, ground="mẫu", by="mau", erased_at=1)
        placed = ledger.submit(Unit(events=(NewEvent(ledger.named_stream(*STREAM), event),)))
        ledger.flush()
        self._tell({"answered": [placed.positions[0], placed.leaf_hashes[0].hex()]})
        ledger.erasure.carry_out([event])
        ledger.erasure.scrub()
        self._tell({"erased": True})


STEPS: Final[dict[str, Callable[[Writer, Files, Tell], Commit | Erase]]] = {"commit": Commit, "erase": Erase}


def note_of(told: Told, said: dict[str, Any]) -> None:
    """Remember one thing that was told."""
    if "answered" in said:
        told.answered.append((said["answered"][0], said["answered"][1]))
    if "note" in said:
        told.notes.append(said["note"])
    told.erased = told.erased or bool(said.get("erased"))


def audit(folder: Path, told: Told) -> None:
    """Open what is left and hold it to everything that was ever told or published."""
    files = DiskFiles(folder)
    published = files.read("log/checkpoint").decode()
    ledger = made.opened(folder, seed="sau")
    try:
        for position, leaf_hash in told.answered:
            assert ledger.prove(position).leaf_hash.hex() == leaf_hash
        leaves = [entry.leaf_hash for entry in _all(ledger)]
        newest = publish(ledger, files)
        for note in (published, newest, *told.notes):
            head = checkpoint.parse(note.rpartition("\n\n")[0] + "\n")
            assert head.size <= len(leaves), "told of more than there is"
            assert root_of(leaves[: head.size]) == head.root, "a fork"
        _audit_erasure(ledger, folder, told)
        ledger.submit(made.packet(ledger, [2_000], source_id="them"))
        ledger.flush()
        publish(ledger, files)
        vkey = ledger.vkey
    finally:
        ledger.close()
    verdict = verify(str(folder), [vkey])
    assert verdict["ok"], [one for one in verdict["checks"] if not one["ok"]]


def _audit_erasure(ledger: Writer, folder: Path, told: Told) -> None:
    erased = [event for event in ledger.erasure.recorded() if WHOLE in event.items]
    assert erased or not told.erased
    for event in erased:
        entries = ledger.read_stream(bytes.fromhex(event.stream))
        assert entries
        assert [entry.event for entry in entries] == [None] * len(entries)
        assert ledger.find_stream(f"n:{made.code(7)}") is None
    if erased:
        attacker = Attacker(folder, made.ORIGIN)
        assert traces(spellings(NAME), attacker.contents) == []
        assert attacker.opens_with_any_key() == []
        assert not attacker.knows_code(f"n:{made.code(7)}")


def _all(ledger: Writer) -> Iterator[Any]:
    after = 0
    while entries := ledger.read(after, 1_000):
        after = entries[-1].position
        yield from entries


def root_of(hashes: list[bytes]) -> bytes:
    """The RFC 6962 root over leaf hashes, by its definition."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else hashlib.sha256(b"").digest()
    middle = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(hashes[:middle]) + root_of(hashes[middle:])).digest()


def attempt(folder: Path, kind: str, tell: Tell, *, files: Files | None = None, vfs: str = "") -> bool:
    """Do one step in this process; whether it came to its end. What is left open dies with the process."""
    files = files or DiskFiles(folder)
    ledger = made.opened(folder, seed="buoc", files=files, vfs=vfs)
    step = STEPS[kind](ledger, files, tell)
    tell({"ready": True})
    try:
        step.run()
    except (HubError, OSError):
        return False
    finally:
        if vfs:
            let_go(ledger)
    return True


def let_go(ledger: Writer) -> None:
    """Close what can be closed of a ledger whose disk failed, so that this process may open it again."""
    for end in (ledger.close, ledger._chain.store.close, ledger._vault.close, ledger._lock.release):
        with suppress(HubError, OSError, apsw.Error):
            end()
